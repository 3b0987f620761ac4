"""One-line answers to the questions of the run page, each by a stated rule over recorded metrics.

With too few steps for its rule a function returns None. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal

from core.metrics.catalogue import count, percent
from core.metrics.series import Series

WINDOW = 10  # steps that count as "now"
FEWER = 0.5  # dead-group share from which there is less signal
FEW = 0.8  # dead-group share from which there is hardly any
SPIKE = 5.0  # a gradient norm this many times the median of the steps before it
BEFORE_SPIKE = 20


@dataclass(frozen=True)
class Verdict:
    """A chip and a sentence; `tone` is the chip's colour, `rule` says what the chip follows from."""

    chip: str
    tone: Literal["good", "warn", "bad", "neutral"]
    answer: str
    rule: str


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def signal(series: Mapping[str, Series]) -> Verdict | None:
    """Is there signal? By the share of dead groups over the last WINDOW steps.

    Below FEWER yes, below FEW in some groups, above hardly.
    """
    dead = series.get("signal/dead_groups")
    if dead is None or len(dead.values) < 2:
        return None
    recent = _mean(dead.values[-WINDOW:])
    early = _mean(dead.values[:WINDOW])
    steps = min(WINDOW, len(dead.values))
    answer = (
        f"{percent(1 - recent)} of the groups disagree inside, over the last {steps} steps; the rest teach "
        "nothing."
    )
    if len(dead.values) >= 2 * WINDOW:
        answer += (
            f" Dead groups: {percent(early)} in the first {WINDOW} steps, {percent(recent)} in the last."
        )
    rule = (
        f"By the mean share of dead groups (all totals equal) over the last {WINDOW} steps: below "
        f"{percent(FEWER)} yes, below {percent(FEW)} in some groups, else hardly."
    )
    if recent < FEWER:
        return Verdict("Yes", "good", answer, rule)
    return (
        Verdict("Yes, in some groups", "warn", answer, rule)
        if recent < FEW
        else Verdict("Hardly", "bad", answer, rule)
    )


def learning(series: Mapping[str, Series], n_eval: int) -> Verdict | None:
    """Is it learning the right thing? By the newest gold accuracy against the first, in standard errors.

    The standard error is binomial; `n_eval` is the number of independent held-out completions per evaluation.
    More than two standard errors up: yes; down while the reward rises: a flag to look at.
    """
    gold = series.get("eval/accuracy")
    reward = series.get("reward/total")
    if gold is None or len(gold.values) < 2 or reward is None or len(reward.values) < 2:
        return None
    first = gold.values[0]
    newest = gold.values[-1]
    error = (max(first * (1 - first), newest * (1 - newest), 1e-4) * 2 / max(n_eval, 1)) ** 0.5
    steps = min(WINDOW, len(reward.values) // 2)  # the first and the last steps must not overlap
    up = _mean(reward.values[-steps:]) - _mean(reward.values[:steps])
    moved = f"from {percent(first, 1)} to {percent(newest, 1)} at step {gold.steps[-1]}"
    answer = f"Gold accuracy went {moved}; the reward, mean of {count(steps, 'step')}, moved by {up:+.2f}."
    rule = (
        "By the newest gold accuracy less the first: more than two binomial standard errors "
        f"({2 * error:.3f} here, of {n_eval} held-out completions) up is yes, so far; down is no, and a flag "
        f"where the mean reward of the last {steps} steps is above that of the first {steps}."
    )
    if newest - first > 2 * error:
        return Verdict("Yes, so far", "good", answer, rule)
    if first - newest > 2 * error:
        return Verdict("flag: reward up, gold down" if up > 0 else "No", "bad", answer, rule)
    return Verdict("Not yet", "neutral", answer + " The difference is within two standard errors.", rule)


def stability(series: Mapping[str, Series]) -> Verdict | None:
    """Is it stable? By jumps of the gradient norm.

    A jump is more than SPIKE times the median of the BEFORE_SPIKE steps before it.
    """
    norm = series.get("policy/grad_norm")
    if norm is None or len(norm.values) <= WINDOW:
        return None
    spikes = [
        step
        for i, (step, value) in enumerate(zip(norm.steps, norm.values, strict=True))
        if i >= WINDOW and value > SPIKE * max(median(norm.values[max(0, i - BEFORE_SPIKE) : i]), 1e-12)
    ]
    rule = (
        f"By jumps: a gradient norm more than {SPIKE:g} times the median of the {BEFORE_SPIKE} steps before "
        f"it, from the {WINDOW + 1}th step on."
    )
    if not spikes:
        return Verdict("Yes", "good", f"No jump of the gradient norm above {SPIKE:g} times its median.", rule)
    last_steps = ", ".join(map(str, spikes[-3:]))
    return Verdict(
        "Look once",
        "warn",
        f"{count(len(spikes), 'jump')} of the gradient norm, last at step {last_steps}.",
        rule,
    )
