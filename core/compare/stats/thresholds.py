"""How soon: steps, tokens and seconds until a threshold that is common to all arms. Pure.

A run that never got there is *censored*, not left out: it is known to take longer than it was watched
(core.compare.stats.time_to_threshold).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.common.groups import BoolArray, FloatArray
from core.compare.evidence import GOLD, TRAINING, Evidence
from core.compare.stats.curves import at, ema, first_hold, moving

HOLD = 2  # evaluations in a row: a single lucky one does not count
FRACTIONS = (0.5, 0.9)
RELATIVE = tuple(f"{100 * f:g} % of the way" for f in FRACTIONS)
"""Names of the thresholds that `relative` gives, in order."""
COLLAPSED = 0.01  # share of right answers
COLLAPSE_OVER = 10  # steps it is averaged over


@dataclass(frozen=True)
class Threshold:
    """A gold accuracy `value` in 0..1; `name` says where it comes from."""

    name: str
    value: float


@dataclass(frozen=True)
class Reach:
    """When something happened, or how long it was watched without happening."""

    time: float
    reached: bool


def absolute(value: float) -> Threshold:
    """A threshold that somebody named; ValueError unless it is above 0 and at most 1."""
    if not 0 < value <= 1:
        raise ValueError(
            f"threshold {value:g} is no gold accuracy: give a share above 0 and at most 1, e.g. 0.6 for 60 %"
        )
    return Threshold(f"{100 * value:g} %", value)


def relative(arms: Sequence[Sequence[Evidence]], horizon: int) -> list[Threshold]:
    """Thresholds at fractions of the way from the start to the best arm: y_0 + f (y* - y_0).

    y_0: mean of all runs at their first evaluation (step 0). y*: the highest point, up to the horizon, of any
    arm's mean over seeds. Common to all arms, so that none is measured by its own best. Empty where no arm
    rose.
    """
    lines = [[run.line(GOLD, horizon) for run in runs] for runs in arms]
    lines = [[line for line in arm if len(line[0])] for arm in lines]
    flat = [line for arm in lines for line in arm]
    if not flat:
        return []
    grid = np.unique(np.concatenate([steps for steps, _ in flat]))
    start = float(np.mean([values[0] for _, values in flat]))
    best = max(float(np.mean([at(*line, grid) for line in arm], axis=0).max()) for arm in lines if arm)
    if best <= start:
        return []
    return [Threshold(name, start + f * (best - start)) for name, f in zip(RELATIVE, FRACTIONS, strict=True)]


def steps_to(
    run: Evidence, threshold: float, horizon: int, hold: int = HOLD, smoothing: float = 0.0
) -> Reach:
    """The first evaluation from which `hold` in a row have EMA(gold accuracy) >= threshold.

    At or before the horizon; censored otherwise: at the horizon, but at its last evaluation for a run that
    was stopped or still trains, since nobody knows what it would have done. A run that failed is one that
    never gets there.
    """
    steps, values = run.line(GOLD, horizon)
    if not len(steps) and run.outcome == "failed":
        return Reach(float(horizon), False)
    position = first_hold(ema(values, smoothing) >= threshold, hold)
    if position is not None:
        return Reach(float(steps[position]), True)
    watched = float(steps[-1]) if run.outcome in ("stopped", "training") and len(steps) else float(horizon)
    return Reach(watched if len(steps) else 0.0, False)


def spent(run: Evidence, step: float, unit: str) -> float:
    """Generated tokens or seconds of training up to and including a step.

    tokens: sum over rollouts of length/mean x completions of a step. seconds: sum of speed/step_seconds,
    without evaluations. NaN where one was not recorded: a sum with holes would be too small.
    """
    name, each = ("length/mean", run.completions_per_step) if unit == "tokens" else ("speed/step_seconds", 1)
    steps, values = run.line(name, int(step))
    counted = values[steps >= 1]
    # a rollout's tokens are counted once
    recorded = -(-int(step) // run.num_iterations) if unit == "tokens" else int(step)
    return float(counted.sum()) * each if each and len(counted) == recorded else float("nan")


def half_life(run: Evidence, horizon: int, over: int = 5) -> Reach | None:
    """The first step where the mean entropy of `over` steps is at most half that of the first `over` steps.

    The step is the last of its mean. Censored at the last recorded step; None with fewer than 2 x `over`
    steps.
    """
    steps, values = run.line("policy/entropy", horizon)
    if len(values) < 2 * over:
        return None
    means = moving(values, over)
    return _first(steps[over - 1 :], means <= means[0] / 2)


def collapse_step(run: Evidence, horizon: int, over: int = COLLAPSE_OVER) -> Reach | None:
    """Model collapse step: the first where training accuracy falls below 1 % after having been above.

    Training accuracy is a mean of `over` steps. After the "MCS" of arXiv 2603.08660 (first step with reward
    accuracy < 1 %). The paper takes the reward's agreement with the truth, which exists for 0/1 rewards; this
    is the share of right answers, which every mix has. Averaged, because a weak base has steps without a
    right answer by chance. Censored at the last recorded step; None with too few steps.
    """
    steps, values = run.line(TRAINING, horizon)
    if len(values) < over:
        return None
    means = moving(values, over)
    fell = (means < COLLAPSED) & (np.maximum.accumulate(means) >= COLLAPSED)
    return _first(steps[over - 1 :], fell)


def _first(steps: FloatArray, hit: BoolArray) -> Reach:
    position = first_hold(hit, 1)
    return Reach(float(steps[-1]), False) if position is None else Reach(float(steps[position]), True)
