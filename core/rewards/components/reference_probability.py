"""Reference probability: how likely the gold answer is after the policy's reasoning."""

import numpy as np

from core.rewards.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams


class Params(ComponentParams):
    """What is taken off."""

    baseline: bool = True
    """Take off the probability of the gold answer without any reasoning."""


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] max(B - A0, 0), B = mean_t p(gold_t | prompt, reasoning), A0 the same without reasoning; in [0, 1].

    Source: RLPR (arXiv 2506.18254; OpenBMB/RLPR, reward_manager/prob.py, threshold_0). NaN where unknown.
    RLPR is for answers that no rule can verify; data with such answers is refused here, so only its reward
    is offered, not its use.
    """
    base = batch.reference_baseline if params.baseline else np.zeros(len(batch))
    return np.asarray(np.maximum(batch.reference_probability - base, 0.0), dtype=float)


COMPONENT = Component(
    name="reference_probability",
    title="Reference probability",
    what="Mean probability of the gold answer's tokens after the completion's reasoning, less what it is "
    "without.",
    how_it_is_gamed="Reasoning that states the answer in passing earns as much as reasoning that derives it.",
    params=Params,
    score=score,
    range=(0.0, 1.0),
    side="continuous",
    needs=frozenset({"gold", "reference"}),
)
