"""Shaping: a transform of a raw score before it is weighted.

A shaping takes a column [n] of raw scores, its groups, and its own running state (empty for all but
zscore). NaN ("does not apply") passes through and counts in no statistic. To add one: a class with
`apply`, and its name in `Shaping`.
"""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from core.common.config_model import Frozen
from core.common.groups import FloatArray, Groups, differ

State = dict[str, Any]
EPSILON = 1e-8


class _Shaping(Frozen):
    @property
    def stateful(self) -> bool:
        """Whether it remembers earlier batches."""
        return False

    def apply(self, raw: FloatArray, groups: Groups, state: State) -> FloatArray:
        """[n] shaped scores; may change `state` in place."""
        raise AssertionError(f"{type(self).__name__} defines no apply")


class Plain(_Shaping):
    """The raw score as it is."""

    type: Literal["plain"] = "plain"

    def apply(self, raw: FloatArray, groups: Groups, state: State) -> FloatArray:
        return raw


class Clip(_Shaping):
    """min(max(score, low), high): an outlier counts no more than the bound."""

    type: Literal["clip"] = "clip"
    low: float = 0.0
    """Smallest shaped score."""
    high: float = 1.0
    """Largest shaped score."""

    @model_validator(mode="after")
    def _ordered(self) -> "Clip":
        if self.low >= self.high:
            raise ValueError(f"low {self.low:g} must be below high {self.high:g}")
        return self

    def apply(self, raw: FloatArray, groups: Groups, state: State) -> FloatArray:
        return np.clip(raw, self.low, self.high)


class Affine(_Shaping):
    """scale x score + shift. Under group scaling it changes nothing unless other terms stand beside it."""

    type: Literal["affine"] = "affine"
    scale: float = 1.0
    """Factor."""
    shift: float = 0.0
    """Added afterwards."""

    def apply(self, raw: FloatArray, groups: Groups, state: State) -> FloatArray:
        return self.scale * raw + self.shift


class CenteredSigmoid(_Shaping):
    """1 / (1 + exp(-k (score - reference))): bounded, steepest at the reference.

    After Preference As Reward (arXiv 2502.18770; PorUna-byte/PAR, reward_shaper.py), which takes the mean
    of such sigmoids, one for the score of each reference response to the same prompt (the paper: one
    response is enough; the code: ten). One reference for all prompts is ours: without a response to
    compare with, the shaped score is not a preference.
    """

    type: Literal["centered_sigmoid"] = "centered_sigmoid"
    k: float = Field(1.0, gt=0)
    """Steepness."""
    reference: float = 0.0
    """Score of a reference completion."""

    def apply(self, raw: FloatArray, groups: Groups, state: State) -> FloatArray:
        return np.asarray(
            1.0 / (1.0 + np.exp(-np.clip(self.k * (raw - self.reference), -500, 500))), dtype=float
        )


class Tanh(_Shaping):
    """tanh(k (score - reference)), in (-1, 1). The tanh variant of PAR's code, with k and one reference
    for all prompts."""

    type: Literal["tanh"] = "tanh"
    k: float = Field(1.0, gt=0)
    """Steepness."""
    reference: float = 0.0
    """Score that becomes 0."""

    def apply(self, raw: FloatArray, groups: Groups, state: State) -> FloatArray:
        return np.asarray(np.tanh(self.k * (raw - self.reference)), dtype=float)


class ZScore(_Shaping):
    """(score - running mean) / running standard deviation, over all samples of the run so far, this batch
    included.

    Welford's update; the running state is part of the checkpoint. The mean-std variant of PAR's code
    (reward_shaper.py, RunningStats): the variance is divided by the count, not by one less. Ours are the
    bound and the 1e-8 that is added to the deviation, so that rounding is no spread.
    """

    type: Literal["zscore"] = "zscore"
    bound: float = Field(5.0, gt=0)
    """Shaped scores are clipped to [-bound, bound]."""

    @property
    def stateful(self) -> bool:
        return True

    def apply(self, raw: FloatArray, groups: Groups, state: State) -> FloatArray:
        scores = raw[~np.isnan(raw)]
        count = state.get("count", 0)
        mean = state.get("mean", 0.0)
        m2 = state.get("m2", 0.0)
        if len(scores):
            total = count + len(scores)
            gap = float(scores.mean()) - mean
            m2 += float(((scores - scores.mean()) ** 2).sum()) + gap * gap * count * len(scores) / total
            mean += gap * len(scores) / total
            state.update(count=total, mean=mean, m2=m2)
            count = total
        std = (m2 / max(count, 1)) ** 0.5
        return np.asarray(np.clip((raw - mean) / (std + EPSILON), -self.bound, self.bound), dtype=float)


class MinMax(_Shaping):
    """(score - min) / (max - min) inside the group; 0.5 where all are equal but for rounding."""

    type: Literal["min_max"] = "min_max"

    def apply(self, raw: FloatArray, groups: Groups, state: State) -> FloatArray:
        low = groups.low(raw)[groups.index]
        high = groups.high(raw)[groups.index]
        wide = differ(low, high)
        return np.where(
            wide, (raw - low) / np.where(wide, high - low, 1.0), np.where(np.isnan(raw), np.nan, 0.5)
        )


class Rank(_Shaping):
    """Place inside the group, 0 for the lowest to 1 for the highest; equal scores share their mean place."""

    type: Literal["rank"] = "rank"

    def apply(self, raw: FloatArray, groups: Groups, state: State) -> FloatArray:
        others = groups.known(raw)[groups.index] - 1
        return np.where(
            others > 0, groups.rank(raw) / np.maximum(others, 1), np.where(np.isnan(raw), np.nan, 0.5)
        )


Shaping = Annotated[
    Plain | Clip | Affine | CenteredSigmoid | Tanh | ZScore | MinMax | Rank, Field(discriminator="type")
]
SHAPINGS: dict[str, type[_Shaping]] = {
    "plain": Plain, "clip": Clip, "affine": Affine, "centered_sigmoid": CenteredSigmoid, "tanh": Tanh,
    "zscore": ZScore, "min_max": MinMax, "rank": Rank,
}  # fmt: skip
