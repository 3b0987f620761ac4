"""The scores of one run: numbers by key, each described in `catalogue`. Pure.

NaN means not defined for this run; whoever averages has to count such runs. A run that ended before the
horizon continues with the gold accuracy it had, as its adapter does; `lost=0.0` instead counts what it lacks
as nothing right, the worst case.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.common.groups import FloatArray
from core.compare.evidence import EACH_STEP, GOLD, REWARD, Evidence
from core.compare.stats.binomial import effective, wilson
from core.compare.stats.curves import mean_height
from core.compare.stats.stability import Spikes, dispersion, drawdown, spikes, upper_tail

LATE = 0.2  # last part of the steps that counts as late
SPIKY = {
    "spikes/grad_norm": "policy/grad_norm",
    "spikes/kl": "policy/kl",
    "spikes/loss": "policy/loss",
    "spikes/length": "length/mean",
}


def scores(run: Evidence, horizon: int, lost: float | None = None) -> dict[str, float]:
    """Key -> value of every score except the times, which come from `thresholds`."""
    nan = float("nan")
    steps, values = run.line(GOLD, horizon)
    early = bool(len(steps)) and steps[-1] < horizon and run.outcome in ("failed", "stopped")
    end_value = lost if early else None
    start = float(values[0]) if len(steps) and steps[0] == 0 else nan
    auc = mean_height(steps, values, 0, horizon, end_value)
    final = nan if not len(steps) else float(values[-1]) if end_value is None else end_value
    falls = drawdown(values if end_value is None or not len(values) else np.append(values, end_value))
    kl = run.line("eval/kl", horizon)
    by_key = {
        "gold/auc": auc,
        "gold/gain": (auc - start) / (1 - start) if start < 1 else nan,
        "gold/final": final,
        "gold/late": mean_height(steps, values, (1 - LATE) * horizon, horizon, end_value)
        if len(steps)
        else nan,
        "gold/best": float(values.max()) if len(values) else nan,
        "gold/fall": float(values.max()) - final if len(values) else nan,
        "risk/max_drawdown": float(falls.max()) if len(falls) else nan,
        "risk/drawdown_tail": upper_tail(falls),
        "noise/dispersion": dispersion(values),
        "kl/spent": float(kl[1][-1]) if len(kl[1]) else nan,
        "kl/area": mean_height(*kl, 0, min(horizon, kl[0][-1])) if len(kl[0]) else nan,
        "signal/dead_groups": _mean(run.line("signal/dead_groups", horizon)[1]),
        "health/missing": float(missing(run, horizon)),
    }
    return by_key | {key: signal_spikes.per_hundred for key, signal_spikes in spiked(run, horizon).items()}


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def spiked(run: Evidence, horizon: int) -> dict[str, Spikes]:
    """Spikes of every watched signal, by key; a signal that was not recorded has no judged steps."""
    return {key: spikes(*run.line(name, horizon)) for key, name in SPIKY.items()}


def missing(run: Evidence, horizon: int) -> int:
    """Trained steps without a finite reward, loss or gradient norm: NaN and infinities are not stored."""
    trained = min(run.step, horizon)
    every = set(range(1, trained + 1))
    # only steps that generate have a reward
    rewarded = {1 + i for i in range(0, trained, run.num_iterations)}
    recorded = [_steps_of(run, name, trained) for name in EACH_STEP]
    recorded.append(_steps_of(run, REWARD, trained) | (every - rewarded))
    return sum(any(step not in steps for steps in recorded) for step in every)


def _steps_of(run: Evidence, name: str, last: int) -> set[int]:
    return {int(step) for step in run.line(name, last)[0]}


@dataclass(frozen=True)
class Measured:
    """Gold accuracy of one evaluation with its binomial interval.

    The interval is what the held-out set can tell, not what seeds do.
    """

    step: int
    share: float
    low: float
    high: float
    worth: float
    """Number of independent completions that the evaluation is worth."""


def measured(
    run: Evidence, horizon: int, best: bool, answers: Mapping[str, tuple[int, int]] | None = None
) -> Measured | None:
    """The last evaluation up to the horizon, or the best (the first of equal ones); None without one.

    Wilson's interval, on the completions that the evaluation is worth: from `answers` (problem id -> right,
    completions) of that step where given, else on the number of problems, which is never too narrow. The best
    is the luckiest of many, so that its interval is too high; the last is the honest one.
    """
    steps, values = run.line(GOLD, horizon)
    if not len(steps):
        return None
    position = int(np.argmax(values)) if best else len(values) - 1
    counts: Sequence[tuple[int, int]] = list(answers.values()) if answers else ()
    worth = (
        effective([r for r, _ in counts], [n for _, n in counts])
        if counts and run.temperature
        else float(run.problems)
    )
    low, high = wilson(float(values[position]), worth)
    return Measured(int(steps[position]), float(values[position]), low, high, worth)
