"""Correctness: right or wrong, the hard reward."""

import numpy as np

from core.rewards.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams


class Params(ComponentParams):
    """Nothing to set: which answers count as stated is the run's answer rule (`data.answer_rule`)."""


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] 1[a == g]: 1 where the parsed answer equals the gold answer, else 0; NaN where the gold answer
    cannot be read."""
    return np.where(batch.readable, batch.correct.astype(float), np.nan)


COMPONENT = Component(
    name="correctness",
    title="Correctness",
    what="1 when the parsed answer equals the gold answer, else 0.",
    how_it_is_gamed="Guessing: right by chance earns as much as right by work.",
    params=Params,
    score=score,
    range=(0.0, 1.0),
    side="hard",
    needs=frozenset({"text", "gold"}),
)
