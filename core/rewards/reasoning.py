"""Reasoning: checks of the worked text, without a judge. Called through core.rewards.COMPONENTS."""

import re
from decimal import Decimal

import numpy as np
from pydantic import Field, model_validator

from core.answers import number
from core.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams

NUM = r"[-\u2212]?\$?\d{1,15}(?:,\d{3}){0,4}(?:\.\d{1,10})?"
EQUATION = re.compile(rf"({NUM})\s*([-+*/x\u00d7\u00f7\u2212])\s*({NUM})\s*=\s*({NUM})(?![\d.]*\d)")
MARKER = re.compile(r"####|\\boxed")
MAX_TEXT = 20_000  # characters read; longer text cannot earn more


class Params(ComponentParams):
    """Weights of the four checks; the score is their weighted mean."""

    equations: float = Field(1.0, ge=0)
    """Weight of: share of `a op b = c` statements that are true (0 without any)."""
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


def equations(text: str) -> list[bool]:
    """Truth of every `a op b = c` in the text, in order. Division is judged to the digits that are written."""
    return [_holds(*m.groups()) for m in EQUATION.finditer(text[:MAX_TEXT])]


def _holds(left: str, op: str, right: str, result: str) -> bool:
    a, b, c = number(left), number(right), number(result)
    if a is None or b is None or c is None:
        return False
    if op in "/\u00f7":
        if b == 0:
            return False
        written = Decimal(1).scaleb(int(c.as_tuple().exponent))
        return abs(a / b - c) < written
    return c == (a + b if op == "+" else a - b if op in "-\u2212" else a * b)


def repeated_share(text: str) -> float:
    """Share of word 3-grams that occurred before: 0 for text without repetition, near 1 for a loop."""
    words = text[:MAX_TEXT].split()
    grams = list(zip(words, words[1:], words[2:], strict=False))
    return 1.0 - len(set(grams)) / len(grams) if grams else 0.0


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] weighted mean of the four checks, in [0, 1]. Our reconstruction of "reasoning quality" (arXiv 2511.13016)."""
    weights = np.array([params.equations, params.steps, params.marker, params.repetition])
    checks = np.zeros((len(batch), 4))
    for i, text in enumerate(batch.completions):
        truths = equations(text)
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
