"""Does a reward order samples as the truth does? Inside groups, because only differences inside groups train.

Called by core.preflight and core.replay. Pure. Axes: n samples.
"""

import numpy as np

from core.groups import BoolArray, FloatArray, Groups


def auroc(score: FloatArray, right: BoolArray, groups: Groups) -> float:
    """P(a right sample scores above a wrong one of its group), ties count half; over all such pairs. NaN without any.

    Samples without a score are left out. The Mann-Whitney form: sum of the right ones' ranks minus what it would be were
    they the lowest, over the pairs.
    """
    known = ~np.isnan(score)
    ranks = groups.rank(score)
    n_right = groups.sum((right & known).astype(float))
    n_wrong = groups.sum((~right & known).astype(float))
    wins = groups.sum(np.where(right & known, ranks, 0.0)) - n_right * (n_right - 1) / 2
    pairs = float((n_right * n_wrong).sum())
    return float(wins[(n_right > 0) & (n_wrong > 0)].sum() / pairs) if pairs else float("nan")


def spearman(a: FloatArray, b: FloatArray, groups: Groups) -> float:
    """Mean over groups of the rank correlation of `a` and `b`, where both vary inside the group; NaN where none does."""
    known = ~(np.isnan(a) | np.isnan(b))
    ra, rb = (groups.center(groups.rank(np.where(known, x, np.nan))) for x in (a, b))
    over = np.sqrt(groups.sum(ra * ra) * groups.sum(rb * rb))
    varies = over > 0
    return float((groups.sum(ra * rb)[varies] / over[varies]).mean()) if varies.any() else float("nan")


def surprise(total: FloatArray, right: BoolArray, groups: Groups) -> FloatArray:
    """[n] how far reward and truth disagree: above 0, the reward likes what is wrong better than what is right.

    Of a wrong sample its total less the mean total of its group's right ones; of a right one the mean total of the wrong
    ones less its own. NaN in a group where all are right or all are wrong: there is nothing to compare. Ours.
    """
    of_right = groups.mean(np.where(right, total, np.nan))[groups.index]
    of_wrong = groups.mean(np.where(right, np.nan, total))[groups.index]
    return np.where(right, of_wrong - total, total - of_right)
