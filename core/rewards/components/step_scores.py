"""Step scores: the worked steps judged one by one, so that no step pays twice."""

from typing import Literal

import numpy as np
from pydantic import Field

from core.rewards.batch import FloatArray, RolloutBatch
from core.rewards.component import Component, ComponentParams


def clip_steps(steps: FloatArray, eta: float) -> FloatArray:
    """[T] Clip for process rewards p: min(p - eta, 0) (arXiv 2410.15115).

    A step earns nothing and can only cost.
    """
    return np.minimum(steps - eta, 0.0)


def delta_steps(steps: FloatArray) -> FloatArray:
    """[T] Delta for process rewards p of T steps.

    d_k = p_k - p_{k+1}, d_{T-1} = p_{T-1}, and 0 for the last step. The return from step k telescopes to
    p_k, so repeating a good step gains nothing (arXiv 2410.15115; the paper uses both, delta of clipped, and
    shows that they work only together).
    """
    out = np.zeros(len(steps))
    if len(steps) > 1:
        out[:-1] = steps[:-1] - steps[1:]
        out[-2] = steps[-2]
    return out


class Params(ComponentParams):
    """How the steps become one score."""

    form: Literal["mean", "clip", "clip_delta"] = "clip"
    """mean of the steps' scores; mean of the clipped ones, where right steps earn nothing and wrong ones
    cost; or the return of clipped differences, which is the first step's clipped score alone."""
    eta: float = Field(1.0, ge=0, le=1)
    """What is taken off each step before it is clipped at 0 (clip, clip_delta)."""


def score(batch: RolloutBatch, params: Params) -> FloatArray:
    """[n] in [-1, 1] from p_k = 1 where the k-th judged `expression = number` of the text is true, else 0;
    NaN without any. Statements that were not read whole are not judged: they neither earn nor cost.

    mean: mean p. clip: mean min(p - eta, 0). clip_delta: the sum of the delta of the clipped scores, which
    telescopes to the first step's (0 for a single step): as one number for a whole text it sees nothing
    else. Source of clip and delta: arXiv 2410.15115 (its process rewards come from a trained model; ours
    from arithmetic).
    """
    out = np.full(len(batch), np.nan)
    for i, worked in enumerate(batch.equations):
        if not worked:
            continue
        steps = np.array([float(e.true) for e in worked])
        if params.form != "mean":
            steps = clip_steps(steps, params.eta)
        out[i] = delta_steps(steps).sum() if params.form == "clip_delta" else steps.mean()
    return out


COMPONENT = Component(
    name="step_scores",
    title="Step scores",
    what="The worked steps judged one by one; as it is set, right steps earn nothing and wrong ones cost.",
    how_it_is_gamed="By working out nothing, nothing that can be read, or one true but useless step; it says "
    "nothing of the answer.",
    params=Params,
    score=score,
    range=(-1.0, 1.0),
    side="continuous",
)
