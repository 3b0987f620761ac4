"""Self-certainty: how far the policy's next-token distributions are from uniform."""

import numpy as np
from pydantic import Field

from core.rewards.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams


class Params(ComponentParams):
    """How the unbounded value is brought into [0, 1)."""

    scale: float = Field(10.0, gt=0)
    """Value in nats at which the score is 1 - 1/e."""


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] 1 - exp(-C / scale), C = mean_t (logsumexp(l_t) - mean_v l_t,v) - log V = KL(uniform || policy) in
    nats.

    Source: Intuitor (sunblaze-ucb/Intuitor, torch_functional.py); the bounding is ours. NaN where logits
    are unknown.
    """
    return np.asarray(1.0 - np.exp(-np.maximum(batch.self_certainty, 0.0) / params.scale), dtype=float)


COMPONENT = Component(
    name="self_certainty",
    title="Self-certainty",
    what="How far the policy's next-token distributions are from uniform, over its own completion.",
    how_it_is_gamed="It pays certainty, right or wrong; training on it alone sharpens, then collapses.",
    params=Params,
    score=score,
    range=(0.0, 1.0),
    side="continuous",
    needs=frozenset({"certainty"}),
)
