"""Conciseness: how short a completion is, by a limit or among the right ones of its group."""

from typing import Literal

import numpy as np
from pydantic import Field

from core.rewards.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams


class Params(ComponentParams):
    """How shortness is measured."""

    form: Literal["limit", "rank"] = "limit"
    """limit: 1 - tokens / limit. rank: place by length among the right completions of the group, shortest
    first."""
    limit: int = Field(512, ge=1)
    """Tokens at which nothing is left (limit)."""
    floor: float = Field(0.1, ge=0, lt=1)
    """Smallest score."""


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] c in [floor, 1]; limit: max(floor, 1 - L / limit); rank: 1 for the shortest right one, floor for
    the longest.

    A stand-in for the conciseness score of CRF (arXiv 2511.09158), whose own is a trained model; formula
    ours. rank is NaN for wrong completions: among them shortness is no merit.
    """
    tokens = batch.n_tokens.astype(float)
    if params.form == "limit":
        return np.maximum(params.floor, 1.0 - tokens / params.limit)
    out = np.full(len(batch), np.nan)
    for rows in batch.groups.members():
        right = rows[batch.correct[rows]]
        for row in right:
            # Ties share the better place, so that equal lengths earn the same.
            place = float((tokens[right] < tokens[row]).sum()) / max(len(right) - 1, 1)
            out[row] = 1.0 - (1.0 - params.floor) * place
    return out


COMPONENT = Component(
    name="conciseness",
    title="Conciseness",
    what="How short the completion is, by a limit or among the right ones of its group.",
    how_it_is_gamed="By guessing at once; use it where only right completions are paid for it (the "
    "conciseness rule, a gate).",
    params=Params,
    score=score,
    range=(0.0, 1.0),
    side="continuous",
    needs=frozenset({"text", "gold", "group"}),
)
