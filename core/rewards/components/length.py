"""Length: what a completion costs by its tokens, in three known forms."""

from typing import Literal

import numpy as np
from pydantic import Field, model_validator

from core.rewards.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams


class Params(ComponentParams):
    """Which form, and its two lengths."""

    form: Literal["soft_budget", "cosine", "relative"] = "soft_budget"
    """soft_budget: 0 up to `free`, then falling to -1 at `limit`. cosine: short is dear when right, cheap
    when wrong. relative: length against the group's mean, as a share of the length."""
    free: int = Field(256, ge=0)
    """Tokens that cost nothing (soft_budget)."""
    limit: int = Field(512, ge=1)
    """Tokens at which the price is full (soft_budget, cosine)."""

    @model_validator(mode="after")
    def _ordered(self) -> "Params":
        if self.free >= self.limit:
            raise ValueError(f"free {self.free} must be below limit {self.limit}")
        return self


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] in [-1, 1], L the tokens:

    soft_budget: -clip((L - free) / (limit - free), 0, 1) (DAPO's overlong punishment, arXiv 2503.14476,
    eq. 13). cosine: right 0.5 + 0.5 c, wrong -(0.5 + 0.5 c), c = (1 + cos(pi L / limit)) / 2 (arXiv
    2502.03373, as in TRL's get_cosine_scaled_reward with ranges [0.5, 1] and [-1, -0.5]). relative:
    -clip((L - mean L) / L, -1, 1) over the group (O1-Pruner's mean L / L - 1, arXiv 2501.12570, as in
    amazon-science's SAR code, efficiency_reward.py: clipped, and with the group's mean for a reference
    model's).
    """
    tokens = batch.n_tokens.astype(float)
    if params.form == "soft_budget":
        return np.asarray(
            -np.clip((tokens - params.free) / (params.limit - params.free), 0.0, 1.0), dtype=float
        )
    if params.form == "cosine":
        short = 0.5 * (1.0 + np.cos(np.pi * np.minimum(tokens, params.limit) / params.limit))
        return np.asarray(np.where(batch.correct, 0.5 + 0.5 * short, -(0.5 + 0.5 * short)), dtype=float)
    mean = batch.groups.mean(tokens)[batch.groups.index]
    return np.asarray(-np.clip((tokens - mean) / np.maximum(tokens, 1.0), -1.0, 1.0), dtype=float)


COMPONENT = Component(
    name="length",
    title="Length",
    what="A price for tokens: beyond a budget, by a cosine that depends on correctness, or against the "
    "group's mean.",
    how_it_is_gamed="Answering at once, without working, when it weighs more than being right.",
    params=Params,
    score=score,
    range=(-1.0, 1.0),
    side="always",
    needs=frozenset({"text", "gold", "group"}),
)
