"""Format: whether the answer is stated once, in the required form, with nothing behind it."""

from typing import Literal

import numpy as np

from core.grading.answers import statement
from core.rewards.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams


class Params(ComponentParams):
    """Which marker is asked for."""

    marker: Literal["hashes", "boxed", "either"] = "hashes"
    """hashes: `#### N` (GSM8K). boxed: `\\boxed{N}`. either: one of them."""


def well_formed(text: str, params: Params, begun: str = "") -> bool:
    """Whether a completion holds one statement, of the required kind, with nothing behind it.

    Thoughts do not count. The strict answer rule decides where the statement stands and where it ends.
    `begun`: as in core.grading.replies.opened.
    """
    stated = statement(text, "strict", begun)
    if stated is None:
        return False
    has_marker = {"hashes": stated.hashes, "boxed": stated.boxed, "either": True}[params.marker]
    return has_marker and stated.alone


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] 1 where the completion is well formed, else 0."""
    pairs = zip(batch.completions, batch.begun, strict=True)
    return np.array([float(well_formed(text, params, begun)) for text, begun in pairs])


COMPONENT = Component(
    name="format",
    title="Format",
    what="1 when the answer is stated once, behind the marker, with nothing after it.",
    how_it_is_gamed="`#### 0` and nothing else is perfectly formed.",
    params=Params,
    score=score,
    range=(0.0, 1.0),
    side="hard",
)
