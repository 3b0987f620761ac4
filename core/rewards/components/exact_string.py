"""Exact string: whether the stated answer is the gold answer, letter for letter."""

import re

import numpy as np
from pydantic import Field

from core.rewards.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams

TAIL = 4000  # characters: the answer stands at the end


class Params(ComponentParams):
    """What is compared."""

    prefix: str = Field("####", max_length=40)
    """The answer is what stands behind the last of these on its line; empty: the last line that is not
    blank."""
    ignore_case: bool = False
    """Compare without regard to capitals."""
    ignore_spaces: bool = True
    """Runs of white space count as one space."""


def stated(text: str, prefix: str) -> str | None:
    """The answer that a completion states; None if it states none."""
    tail = text[-TAIL:]
    if not prefix:
        lines = [line for line in tail.splitlines() if line.strip()]
        return lines[-1].strip() if lines else None
    position = tail.rfind(prefix)
    return None if position < 0 else tail[position + len(prefix) :].split("\n", 1)[0].strip()


def _plain(text: str, params: Params) -> str:
    text = re.sub(r"\s+", " ", text).strip() if params.ignore_spaces else text
    return text.casefold() if params.ignore_case else text


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] 1[stated answer == gold answer] as strings; 0 when nothing is stated."""
    stated_answers = [stated(text, params.prefix) for text in batch.completions]
    pairs = zip(stated_answers, batch.golds, strict=True)
    return np.array([float(f is not None and _plain(f, params) == _plain(g, params)) for f, g in pairs])


COMPONENT = Component(
    name="exact_string",
    title="Exact string",
    what="1 when the stated answer is the gold answer, letter for letter.",
    how_it_is_gamed="Hardly; but it calls 72.0 wrong where the gold answer is 72.",
    params=Params,
    score=score,
    range=(0.0, 1.0),
    side="hard",
    needs=frozenset({"text", "gold"}),
)
