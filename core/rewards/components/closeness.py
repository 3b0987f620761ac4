"""Closeness: partial credit for a number near the gold answer."""

import math

import numpy as np
from pydantic import Field

from core.grading.answers import read_gold
from core.rewards.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams


class Params(ComponentParams):
    """The scale on which an error is judged: max(floor, share x |gold|)."""

    floor: float = Field(5.0, gt=0)
    """Smallest scale: an error of this size scores 1/e for small gold answers."""
    share: float = Field(0.1, ge=0, le=10)
    """Scale as a share of the gold answer, for large ones."""


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] exp(-|a - g| / max(floor, share |g|)), in [0, 1]; 0 without an answer, NaN where the gold is no
    number.

    Ours: arXiv 2511.13016 names correctness among its graded signals; how, or whether, it grades it is not
    known to us.
    """
    scores = np.zeros(len(batch))
    for i, (answer, gold_text) in enumerate(zip(batch.answers, batch.golds, strict=True)):
        reading = read_gold(gold_text)
        gold = reading.value if reading else None
        if gold is None:
            scores[i] = np.nan
        elif answer is not None and answer.value is not None:
            scale = max(params.floor, params.share * abs(float(gold)))
            scores[i] = math.exp(-abs(float(answer.value - gold)) / scale)
    return scores


COMPONENT = Component(
    name="closeness",
    title="Closeness",
    what="How near the parsed answer is to the gold answer: 1 when equal, falling exponentially with the "
    "error.",
    how_it_is_gamed="A bare guess near typical answers earns most of it, without any work.",
    params=Params,
    score=score,
    range=(0.0, 1.0),
    side="continuous",
    needs=frozenset({"text", "gold"}),
)
