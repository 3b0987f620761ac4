"""Self-aligned reward: how much more likely the question makes the text."""

from typing import Literal

import numpy as np

from core.rewards.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams


class Params(ComponentParams):
    """Which form."""

    form: Literal["ratio", "log"] = "ratio"
    """ratio: (PPL without - PPL with) / PPL without. log: the difference of mean NLLs, clipped to [-1, 1]."""


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] in [-1, 1]: R_SA = max((ppl_a - ppl_qa) / (ppl_a + 1e-9), -1), ppl = exp(mean NLL), a: empty user
    turn, qa: with the question. NaN where either is unknown.

    Source: arXiv 2509.05489 (amazon-science/Self-Aligned-Reward, efficiency_reward.py).
    """
    with_question = batch.mean_nll
    without = batch.nll_without_prompt
    if params.form == "log":
        return np.clip(without - with_question, -1.0, 1.0)
    # exp may overflow for nonsense: the ratio then takes its limit.
    ppl_ratio = np.exp(np.clip(with_question - without, -50.0, 50.0))
    return np.asarray(np.clip(1.0 - ppl_ratio, -1.0, 1.0), dtype=float)


COMPONENT = Component(
    name="self_aligned",
    title="Self-aligned",
    what="How much more likely the policy finds its text with the question than without: specific text "
    "earns, filler does not.",
    how_it_is_gamed="Copying the question: nothing is made more likely by it than itself.",
    params=Params,
    score=score,
    range=(-1.0, 1.0),
    side="continuous",
    needs=frozenset({"logprobs", "no_prompt"}),
)
