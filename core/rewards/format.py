"""Format: the answer is stated once, in the asked form, with nothing behind it. Called through core.rewards.COMPONENTS."""

from typing import Literal

import numpy as np

from core.answers import MARKER, extract
from core.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams


class Params(ComponentParams):
    """Which marker is asked for."""

    marker: Literal["hashes", "boxed", "either"] = "hashes"
    """hashes: `#### N` (GSM8K). boxed: `\\boxed{N}`. either: one of them."""


def well_formed(text: str, params: Params) -> bool:
    """Exactly one marker, of the asked kind, a number behind it, and then only white space or a full stop."""
    answer = extract(text, "strict")
    if answer is None or len(MARKER.findall(text)) != 1:
        return False
    if params.marker != "either" and answer.how != ("marker" if params.marker == "hashes" else "boxed"):
        return False
    return not text[answer.end :].strip(" \t\r\n.%}$")


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] 1 where the completion is well formed, else 0."""
    return np.array([float(well_formed(text, params)) for text in batch.completions])


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
