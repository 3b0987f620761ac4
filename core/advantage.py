"""Advantage rules: from totals to what GRPO trains on. Called by core.mix (config) and core.engine (arrays).

The three rules here are TRL's own `scale_rewards` (trl 1.16, trainer/grpo_trainer.py,
`_generate_and_score_completions`); tests assert equality with TRL's numbers.
"""

from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from core.batch import BoolArray, FloatArray, IntArray

EPSILON = 1e-4  # TRL adds it to the standard deviation
DEAD_TOLERANCE = 1e-8  # torch.isclose(std, 0): totals this equal teach nothing


class Group(BaseModel):
    """A = (total - group mean) / (std + 1e-4), with the std of the group, of the batch, or none at all."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    type: Literal["group", "batch", "none"] = "group"
    """What the centred total is divided by: the standard deviation of its group, of the batch, or nothing."""


AdvantageRule = Group


def members(group: IntArray) -> list[IntArray]:
    """Row indices of each group, in the order in which the groups first appear."""
    _, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    return [np.flatnonzero(inverse == k) for k in np.argsort(first)]


def spread(values: FloatArray) -> float:
    """Unbiased standard deviation of the values that apply; 0 for fewer than two."""
    known = values[~np.isnan(values)]
    return float(np.std(known, ddof=1)) if len(known) > 1 else 0.0


def center(values: FloatArray, groups: list[IntArray]) -> FloatArray:
    """[n] or [n, K] values minus the mean of their group, leaving NaN rows NaN."""
    out = np.array(values, dtype=float)
    for rows in groups:
        known = ~np.isnan(values[rows])
        count = np.maximum(known.sum(axis=0), 1)
        out[rows] = values[rows] - np.where(known, values[rows], 0.0).sum(axis=0) / count
    return out


def scales(total: FloatArray, groups: list[IntArray], rule: AdvantageRule) -> FloatArray:
    """[n] what each centred total is divided by."""
    if rule.type == "none":
        return np.ones(len(total))
    if rule.type == "batch":
        return np.full(len(total), spread(total) + EPSILON)
    out = np.ones(len(total))
    for rows in groups:
        out[rows] = spread(total[rows]) + EPSILON
    return out


def advantages(total: FloatArray, group: IntArray, rule: AdvantageRule) -> FloatArray:
    """[n] advantages; 0 where the total does not apply (NaN)."""
    groups = members(group)
    return np.nan_to_num(center(total, groups) / scales(total, groups, rule), nan=0.0)


def dead(total: FloatArray, group: IntArray) -> BoolArray:
    """[g] groups whose totals are all equal: every advantage in them is 0."""
    return np.array([spread(total[rows]) <= DEAD_TOLERANCE for rows in members(group)], dtype=bool)


def shares(contributions: FloatArray, total: FloatArray, group: IntArray, rule: AdvantageRule) -> FloatArray:
    """[K] each term's share of the advantage's variance inside groups; sums to 1, all 0 when every group is dead.

    The advantage is linear in the contributions, A = sum_k A_k with A_k the centred, scaled contribution of term k, so
    share_k = sum_i A_k,i A_i / sum_i A_i^2. Negative: the term pulls against the others. Ours; see rewards.md 1.5 for
    why a weight is not this share.
    """
    groups = members(group)
    scale = scales(total, groups, rule)
    parts = center(np.nan_to_num(contributions, nan=0.0), groups) / scale[:, None]
    whole = parts.sum(axis=1)
    power = float(whole @ whole)
    return parts.T @ whole / power if power > DEAD_TOLERANCE**2 else np.zeros(contributions.shape[1])
