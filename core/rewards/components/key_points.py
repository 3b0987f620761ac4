"""Key points: the numbers of the gold solution that stand in the text in the same order."""

import re

import numpy as np
from pydantic import Field

from core.rewards.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams

NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,6})?")
MAX_TEXT = 20_000  # characters that are read
MAX_POINTS = 240  # key points that are put in order


class Params(ComponentParams):
    """What of the solution counts."""

    least: int = Field(2, ge=1)
    """Solutions with fewer key points than this do not apply."""


def points(text: str) -> list[str]:
    """The numbers of a text in order, without thousands separators and GSM8K's calculator marks."""
    plain = re.sub(r"<<[^>]{0,200}>>", "", text[:MAX_TEXT]).replace(",", "")
    return NUMBER.findall(plain)


def common(a: list[str], b: list[str]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for x in a:
        diagonal = 0
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], diagonal + 1 if x == y else max(row[j], row[j - 1])
    return row[-1]


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] LCS(key points in the text, in the solution) / max(their count in the text, in the solution), in
    [0, 1].

    NaN without a solution. Numbers of the text that are not key points are passed over. Source: the
    content part of RLVRR (arXiv 2601.18533; YJiangcm/RLVRR, reward_fn.py), with the numbers of the
    solution as the keywords of its only key point (RLVRR: the mean over several, each by the best of its
    wordings) and without its generated checkers, which execute code a model wrote.
    """
    out = np.full(len(batch), np.nan)
    for i, (text, solution) in enumerate(zip(batch.completions, batch.solutions, strict=True)):
        reference = points(solution)[:MAX_POINTS]
        if len(reference) >= params.least:
            keys = set(reference)
            stated = [point for point in points(text) if point in keys]
            out[i] = common(stated[:MAX_POINTS], reference) / max(len(stated), len(reference))
    return out


COMPONENT = Component(
    name="key_points",
    title="Key points",
    what="Share of the gold solution's numbers that stand in the text in the same order; saying them more "
    "often costs.",
    how_it_is_gamed="Listing every number in rising order: only those of the solution count. Pair it with a "
    "length price.",
    params=Params,
    score=score,
    range=(0.0, 1.0),
    side="continuous",
    needs=frozenset({"text", "solution"}),
)
