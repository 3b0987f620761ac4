"""Reasoning: checks of the worked text, without a judge."""

import math
import re

import numpy as np
from pydantic import Field, model_validator

from core.grading.equations import MAX_TEXT, Statement
from core.rewards.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams

MARKER = re.compile(r"####|\\boxed")


class Params(ComponentParams):
    """Weights of the four checks; the score is the weighted mean of those that apply."""

    equations: float = Field(1.0, ge=0)
    """Weight of: share of judged `expression = number` statements that are true (0 without any statement)."""
    steps: float = Field(1.0, ge=0)
    """Weight of: the number of such statements lies within [min_steps, max_steps]."""
    marker: float = Field(1.0, ge=0)
    """Weight of: a final-answer marker (`####` or `\\boxed`) is present."""
    repetition: float = Field(1.0, ge=0)
    """Weight of: 1 - the share of repeated word 3-grams."""
    min_steps: int = Field(1, ge=0)
    """Fewest equations that count as worked."""
    max_steps: int = Field(12, ge=1)
    """Most equations that count as worked."""

    @model_validator(mode="after")
    def _some_weight(self) -> "Params":
        if self.equations + self.steps + self.marker + self.repetition <= 0:
            raise ValueError(
                "every check has weight 0, so nothing is scored: give at least one check a weight above 0"
            )
        if self.min_steps > self.max_steps:
            raise ValueError(f"min_steps {self.min_steps} is above max_steps {self.max_steps}: swap them")
        return self


def repeated_share(text: str) -> float:
    """Share of word 3-grams that occurred before: 0 for text without repetition, near 1 for a loop."""
    words = text[:MAX_TEXT].split()
    grams = list(zip(words, words[1:], words[2:], strict=False))
    return 1.0 - len(set(grams)) / len(grams) if grams else 0.0


def _truth(worked: list[Statement]) -> float:
    """Share of the judged statements that are true; NaN if none is judged, 0 if there are no statements."""
    truths = [s.true for s in worked if s.true is not None]
    return sum(truths) / len(truths) if truths else math.nan if worked else 0.0


def _steps(worked: list[Statement], params: Params) -> float:
    """1 where the number of judged statements lies within the limits, else 0.

    NaN where the statements that are not judged decide that.
    """
    certain = sum(s.true is not None for s in worked)
    if params.min_steps <= certain <= params.max_steps:
        return 1.0
    return math.nan if certain < params.min_steps <= len(worked) else 0.0


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] weighted mean of the checks that apply, in [0, 1]; NaN where none does.

    Statements that were not read whole are not judged and neither earn nor cost: where a text has no
    others, `equations` does not apply, nor does `steps`, unless min_steps is 0. Our reconstruction of
    "reasoning quality" (arXiv 2511.13016).
    """
    weights = np.array([params.equations, params.steps, params.marker, params.repetition])
    checks = np.zeros((len(batch), 4))
    for i, (text, worked) in enumerate(zip(batch.completions, batch.statements, strict=True)):
        checks[i] = (
            _truth(worked),
            _steps(worked, params),
            MARKER.search(text) is not None,
            1.0 - repeated_share(text) if text.strip() else 0.0,
        )
    applied = np.where(np.isnan(checks), 0.0, weights)
    sums = applied.sum(axis=1)
    return np.where(
        sums > 0, (np.nan_to_num(checks) * applied).sum(axis=1) / np.where(sums > 0, sums, 1.0), np.nan
    )


COMPONENT = Component(
    name="reasoning",
    title="Reasoning",
    what="Checks of the worked text: true equations, a sensible number of them, an answer marker, no "
    "repetition.",
    how_it_is_gamed="True but useless equations (1+1=2) score as well as the ones that solve the problem; "
    "what cannot be read costs nothing.",
    params=Params,
    score=score,
    range=(0.0, 1.0),
    side="continuous",
)
