"""The base of advantage rules: their input, their output, and the settings that all of them share.

Axes: n samples, K terms.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import Field

from core.common.config_model import Frozen
from core.common.groups import BoolArray, FloatArray, Groups


@dataclass(frozen=True)
class Totals:
    """The input of an advantage rule.

    `total`, `correct`, `mean_nll`, `hard_share`, `step` [n]; `shaped`, `factors`, `contributions` [n, K],
    NaN: does not apply; `own` [n, K]: contributions without the blend, NaN also where the term has no
    weight; `sides` [K]; `groups`: prompts; `batches`: the samples of one step.
    """

    total: FloatArray
    shaped: FloatArray
    factors: FloatArray
    contributions: FloatArray
    own: FloatArray
    sides: tuple[str, ...]
    hard_share: FloatArray
    correct: BoolArray
    mean_nll: FloatArray
    groups: Groups
    batches: Groups
    step: FloatArray


class DifficultyWeight(Frozen):
    """Groups count more or less: weight = low + (high - low) / (1 + exp(-k (x - centre))).

    accuracy: x = 1 - gold accuracy of the group, centre 0.5: hard problems count more. spread: x =
    standard deviation of the totals in the group, centre its mean over the batch. Ours, after the prompt
    weights of HERO (arXiv 2510.07242), which take the spread of the dense scores alone and a running mean
    over the run.
    """

    by: Literal["accuracy", "spread"] = "accuracy"
    """What makes a group count: how few are right, or how much the totals differ."""
    low: float = Field(0.5, ge=0)
    """Smallest weight."""
    high: float = Field(2.0, ge=0)
    """Largest weight."""
    k: float = Field(5.0, gt=0, le=1000)
    """Steepness."""

    def weights(self, t: Totals) -> FloatArray:
        """[n] the weight of each sample's group."""
        if self.by == "accuracy":
            x = (0.5 - t.groups.mean(t.correct.astype(float)))[t.groups.index]
        else:
            spread = t.groups.std(t.total)[t.groups.index]
            x = spread - t.batches.mean(spread)[t.batches.index]
        return np.asarray(
            self.low + (self.high - self.low) / (1.0 + np.exp(-np.clip(self.k * x, -500, 500))), dtype=float
        )


class Rule(Frozen):
    """What every rule can be followed by. All off: the rule's own advantages."""

    positive_only: bool = False
    """Negative advantages become 0: only what is better than its group is learned from (A-LoL, arXiv
    2305.14718)."""
    difficulty: DifficultyWeight | None = None
    """Weigh groups by their difficulty or spread."""
    perplexity_alpha: float = Field(0.0, ge=0, le=1)
    """A max(1 - alpha z, 0), z the z-score of log perplexity in the group: likely text counts more (arXiv
    2508.02260; that no advantage changes its sign is ours)."""
    position_gamma: float = Field(0.0, ge=0, le=10)
    """A + sign(A) gamma sigmoid(slope x position), position from 0 to 1 in the completion: late tokens
    count more (arXiv 2508.02260). Advantages then differ from token to token."""
    position_slope: float = 1.0
    """Slope of that sigmoid; negative: early tokens count more."""

    @property
    def plain(self) -> bool:
        """Whether no shared setting follows the rule."""
        return not (self.positive_only or self.difficulty or self.perplexity_alpha or self.position_gamma)

    @property
    def compares_totals(self) -> bool:
        """Whether equal totals in a group make every advantage in it 0."""
        return False

    @property
    def absolute(self) -> bool:
        """Whether a total is measured against a fixed number, not against other totals."""
        return False

    @property
    def in_trl(self) -> str | None:
        """The `scale_rewards` under which TRL itself computes exactly this; None: we set the advantages."""
        return None

    def apply(self, t: Totals) -> FloatArray:
        """[n] advantages before the shared settings; 0 where the total does not apply."""
        raise AssertionError(f"{type(self).__name__} defines no apply")

    def parts(self, t: Totals) -> FloatArray | None:
        """[n, K] each term's part of the advantage; None if the rule is not linear in the terms.

        The parts of a sample sum to its advantage.
        """
        return None


FOLLOWING = tuple(Rule.model_fields)  # the settings every rule has
