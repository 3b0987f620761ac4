"""Measures whether a reward orders samples as the truth does, inside groups.

Only differences inside groups train. Pure. Axes: n samples.
"""

import numpy as np

from core.common.groups import BoolArray, FloatArray, Groups


def auroc(score: FloatArray, right: BoolArray, groups: Groups) -> float:
    """P(a right sample scores above a wrong one of its group), over all such pairs; ties count half.

    NaN without any pair. Samples without a score are left out. The Mann-Whitney form: the sum of the right
    ones' ranks, minus what it would be if they were the lowest, over the pairs.
    """
    scored = ~np.isnan(score)
    ranks = groups.rank(score)
    n_right = groups.sum((right & scored).astype(float))
    n_wrong = groups.sum((~right & scored).astype(float))
    wins = groups.sum(np.where(right & scored, ranks, 0.0)) - n_right * (n_right - 1) / 2
    pairs = float((n_right * n_wrong).sum())
    return float(wins[(n_right > 0) & (n_wrong > 0)].sum() / pairs) if pairs else float("nan")


def spearman(a: FloatArray, b: FloatArray, groups: Groups) -> float:
    """Mean over groups of the rank correlation of `a` and `b`.

    Only groups in which both vary count; NaN if there is none.
    """
    scored = ~(np.isnan(a) | np.isnan(b))
    ra, rb = (groups.center(groups.rank(np.where(scored, x, np.nan))) for x in (a, b))
    scale = np.sqrt(groups.sum(ra * ra) * groups.sum(rb * rb))
    varies = scale > 0
    return float((groups.sum(ra * rb)[varies] / scale[varies]).mean()) if varies.any() else float("nan")


def surprise(total: FloatArray, right: BoolArray, groups: Groups) -> FloatArray:
    """[n] how far reward and truth disagree; above 0, the reward prefers what is wrong to what is right.

    For a wrong sample: its total minus the mean total of its group's right ones. For a right one: the mean
    total of the wrong ones minus its own. NaN in a group where all are right or all are wrong: there is
    nothing to compare. Ours.
    """
    of_right = groups.mean(np.where(right, total, np.nan))[groups.index]
    of_wrong = groups.mean(np.where(right, np.nan, total))[groups.index]
    return np.where(right, of_wrong - total, total - of_right)
