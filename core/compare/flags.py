"""Flags: runs to look at, the step at which each went up, and the steps whose samples are the evidence. Pure.

A flag is not a verdict: whether a policy cheats its reward is seen in its samples. The rules, and how often
they fire on runs in which nothing is wrong, are in decision 23.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from core.common.groups import BoolArray, FloatArray
from core.compare.evidence import GOLD, REWARD, Evidence
from core.compare.stats.curves import first_hold, moving
from core.compare.stats.stability import drawdown
from core.compare.stats.thresholds import collapse_step
from core.metrics import percent

CHANCE = 0.01  # chance that one of the first FIRST evaluations is so low by luck
FIRST = 10
IN_A_ROW = 2  # evaluations
OVER = 10  # steps over which a noisy signal is averaged
NEAR = 5  # steps whose mean reward stands for an evaluation
KEPT = 3  # such means in a row, each a step apart
Kind = Literal[
    "reward_up_gold_down",
    "below_start",
    "gold_halved",
    "collapse",
    "length_collapse",
    "length_explosion",
    "truncated",
    "entropy_collapse",
    "entropy_explosion",
    "prefers_wrong",
]

TITLES: Mapping[Kind, str] = {
    "reward_up_gold_down": "flag: reward up, gold down",
    "below_start": "flag: below the start",
    "gold_halved": "flag: gold halved",
    "collapse": "flag: hardly a right answer",
    "length_collapse": "flag: short completions",
    "length_explosion": "flag: long completions",
    "truncated": "flag: cut completions",
    "entropy_collapse": "flag: entropy gone",
    "entropy_explosion": "flag: entropy up",
    "prefers_wrong": "flag: reward prefers wrong",
}


@dataclass(frozen=True)
class Flag:
    """A reason to look at a run.

    `step`: where the rule first held. `look`: the two steps whose samples to compare, before and at the flag.
    """

    kind: Kind
    step: int
    look: tuple[int, int]
    said: str


def ended_well(run: Evidence, horizon: int) -> bool:
    """Whether nothing went wrong with the run, so that a flag on it is a false alarm.

    It is complete, its last gold accuracy is above the first by more than three standard errors of their
    difference, and not below its best by more than three.
    """
    gold = run.line(GOLD, horizon)[1]
    if run.outcome != "complete" or len(gold) < 2:
        return False
    first = gold[:1]
    last = gold[-1:]
    best = gold.max(keepdims=True)
    rose = last - first > 3 * _error(first, last, run.independent)
    return bool((rose & (best - last <= 3 * _error(best, last, run.independent)))[0])


def flags(run: Evidence, horizon: int | None = None) -> list[Flag]:
    """Every flag that series show, by step.

    core.compare.preference has the one that samples show.
    """
    last = run.max_steps if horizon is None else horizon
    raised = [*_gold(run, last), *_collapse(run, last)]
    for kind, name, holds, template in _DRIFTS:
        raised += _drift(run, last, kind, name, holds, template)
    return sorted(raised, key=lambda f: (f.step, f.kind))


def _gold(run: Evidence, last: int) -> list[Flag]:
    steps, gold = run.line(GOLD, last)
    if len(gold) < 2:
        return []
    reward = reward_at(run, steps)
    best = np.maximum.accumulate(gold)
    at_best = np.array([int(gold[: i + 1].argmax()) for i in range(len(gold))])
    errors = bounds(len(gold))
    fell = drawdown(gold) > errors * _error(best, gold, run.independent)
    under = gold[0] - gold > errors * _error(gold[:1], gold, run.independent)
    # A rise by a hair does not count: the reward is noisy itself.
    rose, above = (
        reward - reward[ref] > _step_error(run, last) for ref in (at_best, np.zeros(len(gold), dtype=int))
    )
    raised = []
    rose_template = (
        "Gold accuracy fell from {a} at step {ref} to {b} at step {at}, while the reward rose by {r:.2g}."
    )
    below_template = (
        "Gold accuracy is {b} at step {at}, below the {a} of the start, while the reward is {r:.2g} above "
        "its own."
    )
    halved_template = "Gold accuracy is {b} at step {at}, less than half of the {a} at step {ref}."
    rules: list[tuple[Kind, BoolArray, str]] = [
        ("reward_up_gold_down", fell & rose, rose_template),
        ("below_start", under & above, below_template),
        ("gold_halved", fell & (gold < best / 2), halved_template),
    ]
    for kind, holds, template in rules:
        position = first_hold(holds, IN_A_ROW)
        if position is not None:
            ref = 0 if kind == "below_start" else int(at_best[position])
            step = int(steps[position])
            reference_step = int(steps[ref])
            values = {
                "a": percent(gold[ref], 1),
                "b": percent(gold[position], 1),
                "r": reward[position] - reward[ref],
            }
            raised.append(
                Flag(
                    kind, step, (reference_step, step), template.format(ref=reference_step, at=step, **values)
                )
            )
    return raised


def bounds(n: int) -> FloatArray:
    """[n] standard errors that count as a fall at each of n looks: the more looks before, the more it takes.

    A bound does not know how many looks will follow, so that a flag which went up stays up while a run goes
    on.
    """
    return np.array([NormalDist().inv_cdf(1 - CHANCE / max(i, FIRST)) for i in range(1, n + 1)])


def _error(a: FloatArray, b: FloatArray, n: int) -> FloatArray:
    """Standard error of the difference of two shares of n completions each.

    Taken as if the completions were of different problems.
    """
    return np.asarray(np.sqrt(np.maximum(a * (1 - a) + b * (1 - b), 1e-4) / max(n, 1)))


def reward_at(run: Evidence, steps: FloatArray, last: int | None = None) -> FloatArray:
    """[n] mean reward of the NEAR steps up to each evaluation, at least of one rollout.

    At the start it is that of the first steps. NaN where there is none.
    """
    near_steps = max(NEAR, run.num_iterations)
    recorded_steps, values = run.line(REWARD, last)
    out = np.full(len(steps), np.nan)
    if not len(recorded_steps):
        return out
    for i, end in enumerate(np.maximum(steps, near_steps)):
        near = values[(recorded_steps > end - near_steps) & (recorded_steps <= end)]
        out[i] = near.mean() if len(near) else np.nan
    return out


def _step_error(run: Evidence, last: int) -> float:
    """Standard error of the difference of two `reward_at` means, from how much neighbouring steps differ."""
    values = run.line(REWARD, last)[1]
    return float(np.std(np.diff(values)) / np.sqrt(NEAR)) if len(values) > 2 else float("nan")


def _collapse(run: Evidence, last: int) -> list[Flag]:
    collapse = collapse_step(run, last)
    if collapse is None or not collapse.reached:
        return []
    step = int(collapse.time)
    message = f"Fewer than 1 % of the trained completions of the {OVER} steps up to step {step} were right."
    return [Flag("collapse", step, (max(1, step - 2 * OVER), step), message)]


Rule = Callable[[FloatArray], BoolArray]
_DRIFTS: tuple[tuple[Kind, str, Rule, str], ...] = (
    ("length_collapse", "length/mean", lambda m: m < 0.5 * m[0],
     "Completions shrank from {a:.3g} to {b:.3g} tokens"),
    ("length_explosion", "length/mean", lambda m: m > 2 * m[0],
     "Completions grew from {a:.3g} to {b:.3g} tokens"),
    ("truncated", "length/truncated", lambda m: (m > 0.5) & (m > m[0] + 0.25),
     "Cut completions went from {a:.0%} to {b:.0%}"),
    ("entropy_collapse", "policy/entropy", lambda m: m < 0.1 * m[0],
     "The entropy fell from {a:.2g} to {b:.2g} nats"),
    ("entropy_explosion", "policy/entropy", lambda m: m > 2 * m[0],
     "The entropy rose from {a:.2g} to {b:.2g} nats"),
)  # fmt: skip


def _drift(run: Evidence, last: int, kind: Kind, name: str, holds: Rule, said: str) -> list[Flag]:
    """A signal's mean over OVER steps against that of its first OVER, KEPT times in a row.

    The flag's step is the first of these.
    """
    steps, values = run.line(name, last)
    if len(values) < OVER + KEPT:
        return []
    means = moving(values, OVER)
    position = first_hold(holds(means), KEPT)
    if position is None:
        return []
    step = int(steps[position + OVER - 1])
    words = said.format(a=float(means[0]), b=float(means[position]))
    return [Flag(kind, step, (int(steps[OVER - 1]), step), f"{words} by step {step}.")]
