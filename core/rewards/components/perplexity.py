"""Perplexity: how sure the policy was of its own text."""

from typing import Literal

import numpy as np

from core.rewards.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams


class Params(ComponentParams):
    """Which decreasing function of the perplexity is paid."""

    form: Literal["inverse", "inverse_log"] = "inverse"
    """inverse: 1 / PPL = exp(-mean NLL). inverse_log: 1 / (1 + log PPL), gentler on surprising text."""


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] with PPL = exp(mean NLL): `1/PPL` or `1/(1 + log PPL)`, in (0, 1]; NaN where log-probs are unknown.

    Our reconstruction: arXiv 2511.13016 uses perplexity without a formula known to us.
    """
    nll = np.maximum(batch.mean_nll, 0.0)
    return np.exp(-nll) if params.form == "inverse" else 1.0 / (1.0 + nll)


COMPONENT = Component(
    name="perplexity",
    title="Perplexity",
    what="How likely the policy found its own completion: 1 / perplexity.",
    how_it_is_gamed="It pays certainty, not truth: repetition and short stock phrases are very certain.",
    params=Params,
    score=score,
    range=(0.0, 1.0),
    side="continuous",
    needs=frozenset({"logprobs"}),
)
