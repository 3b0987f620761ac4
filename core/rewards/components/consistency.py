"""Consistency: whether a text agrees with itself, or the completions of a group with each other."""

import math
import re
from collections import Counter
from fractions import Fraction
from typing import Literal

import numpy as np

from core.grading.answers import Answer
from core.grading.equations import MAX_TEXT, Statement
from core.grading.numerals import DIGIT
from core.rewards.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams

REPEATED = re.compile(r"\A *\$?[\d.,]+")  # the value behind a calculator note: `<<48/2=24>>24`


class Params(ComponentParams):
    """Where agreement is looked for."""

    within: Literal["completion", "group"] = "completion"
    """completion: the last computed value is the final answer. group: share of the group with the same
    answer."""


def _with_itself(batch: RolloutBatch) -> FloatArray:
    samples = zip(batch.completions, batch.statements, batch.answers, strict=True)
    return np.array([_agrees(text, worked, answer) for text, worked, answer in samples], dtype=float)


def _agrees(text: str, worked: list[Statement], answer: Answer | None) -> float:
    if answer is None:
        return 0.0 if any(s.true is not None for s in worked) else math.nan
    earlier_statements = [s for s in worked if s.position < answer.end]
    last = next((i for i in reversed(range(len(earlier_statements))) if earlier_statements[i].computes), None)
    if last is None or answer.value is None:
        return math.nan
    computed = earlier_statements[last]
    if any(s.value != computed.value for s in earlier_statements[last + 1 :]):
        return math.nan
    if _same(computed, answer):
        return 1.0
    unknown = (
        computed.true is None
        or _in_hundredths(computed.value, answer.value)
        or _goes_on(text, computed, answer)
    )
    return math.nan if unknown else 0.0


def _same(computed: Statement, answer: Answer) -> bool:
    """Whether the two are equal by value; `24%` is both 24 and 0.24."""
    if computed.value is None or answer.value is None:
        return False
    values = {computed.value, computed.value * 100} if computed.percent else {computed.value}
    return answer.value in values or (answer.percent and answer.value / 100 in values)


def _in_hundredths(computed: Fraction | None, answer: Fraction) -> bool:
    """Whether one is the other in hundredths: `$0.25` and 25 cents, `12/15 = 0.8` and 80 per cent."""
    return computed is not None and 100 in (answer and computed / answer, computed and answer / computed)


def _goes_on(text: str, computed: Statement, answer: Answer) -> bool:
    """Whether numbers that no equation states stand between the two: the answer may follow from them."""
    if answer.start > MAX_TEXT:
        return True
    between = text[computed.end : answer.start]
    return DIGIT.search(REPEATED.sub("", between)) is not None


def _with_its_group(batch: RolloutBatch) -> FloatArray:
    votes = Counter(
        (g, a.key) for g, a in zip(batch.group.tolist(), batch.answers, strict=True) if a is not None
    )
    sizes = Counter(batch.group.tolist())
    pairs = zip(batch.group.tolist(), batch.answers, strict=True)
    return np.array([0.0 if a is None else votes[(g, a.key)] / sizes[g] for g, a in pairs])


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] in [0, 1].

    completion: 1[value of the last computation before the answer == answer], a per cent also as its number.
    NaN where there is none, and where they differ but the value that leads to the answer is not known: the
    last computation is not judged, another value is named after it (`x = 5`, or a number outside of
    equations), or one is the other in hundredths ($0.25, 25 cents).

    group: share of the group's completions with the same parsed answer (the majority-vote signal; no gold
    needed). Our reconstruction of "consistency" (arXiv 2511.13016).
    """
    return _with_itself(batch) if params.within == "completion" else _with_its_group(batch)


COMPONENT = Component(
    name="consistency",
    title="Consistency",
    what="The final answer is the last value computed, or the one most of the group gives.",
    how_it_is_gamed="Within a completion: repeat any equation at the end, or write it so that it cannot be "
    "read. Across the group: all give the same wrong answer.",
    params=Params,
    score=score,
    range=(0.0, 1.0),
    side="continuous",
    needs=frozenset({"text", "group"}),
)
