"""Repetition: a price for text that repeats itself."""

import numpy as np
from pydantic import Field

from core.rewards.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams

MAX_TEXT = 50_000  # characters read


class Params(ComponentParams):
    """What counts as the same."""

    n: int = Field(3, ge=1, le=10)
    """Words in a row that are compared."""


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] -(1 - distinct n-grams / n-grams), in [-1, 0]; 0 for text with fewer than n words.

    Source: arXiv 2502.03373 (repetition penalty), as TRL's get_repetition_penalty_reward with max_penalty
    -1, but over words instead of tokens.
    """
    out = np.zeros(len(batch))
    for i, text in enumerate(batch.completions):
        words = text[:MAX_TEXT].split()
        grams = list(zip(*(words[k:] for k in range(params.n)), strict=False))
        out[i] = len(set(grams)) / len(grams) - 1.0 if grams else 0.0
    return out


COMPONENT = Component(
    name="repetition",
    title="Repetition",
    what="A price for repeated word n-grams: 0 without any, -1 for a loop.",
    how_it_is_gamed="By rewording the same step, or by writing nothing.",
    params=Params,
    score=score,
    range=(-1.0, 0.0),
    side="always",
)
