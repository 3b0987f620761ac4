"""Reasoning: checks of the worked text, without a judge. Called through core.rewards.COMPONENTS."""

import re

import numpy as np
from pydantic import Field, model_validator

from core.batch import FloatArray, RolloutBatch
from core.equations import MAX_TEXT
from core.rewards.component import Component, ComponentParams

MARKER = re.compile(r"####|\\boxed")


class Params(ComponentParams):
    """Weights of the four checks; the score is their weighted mean."""

    equations: float = Field(1.0, ge=0)
    """Weight of: share of `expression = number` statements that are true (0 without any)."""
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
            raise ValueError("every check has weight 0, so nothing is scored: give at least one check a weight above 0")
        if self.min_steps > self.max_steps:
            raise ValueError(f"min_steps {self.min_steps} is above max_steps {self.max_steps}: swap them")
        return self


def repeated_share(text: str) -> float:
    """Share of word 3-grams that occurred before: 0 for text without repetition, near 1 for a loop."""
    words = text[:MAX_TEXT].split()
    grams = list(zip(words, words[1:], words[2:], strict=False))
    return 1.0 - len(set(grams)) / len(grams) if grams else 0.0


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] weighted mean of the four checks, in [0, 1]. Our reconstruction of "reasoning quality" (arXiv 2511.13016)."""
    weights = np.array([params.equations, params.steps, params.marker, params.repetition])
    checks = np.zeros((len(batch), 4))
    for i, (text, worked) in enumerate(zip(batch.completions, batch.equations, strict=True)):
        truths = [e.true for e in worked]
        checks[i] = (
            sum(truths) / len(truths) if truths else 0.0,
            params.min_steps <= len(truths) <= params.max_steps,
            MARKER.search(text) is not None,
            1.0 - repeated_share(text) if text.strip() else 0.0,
        )
    return np.asarray(checks @ weights / weights.sum(), dtype=float)


COMPONENT = Component(
    name="reasoning",
    title="Reasoning",
    what="Checks of the worked text: true equations, a sensible number of them, an answer marker, no repetition.",
    how_it_is_gamed="True but useless equations (1+1=2) score as well as the ones that solve the problem.",
    params=Params,
    score=score,
    range=(0.0, 1.0),
    side="continuous",
)
