"""p-values of many comparisons, put right for their number. Called beside. Pure.

Eight arms are 28 pairs: at 0.05 one or two of them look different although nothing is.
"""

from collections.abc import Callable

import numpy as np

from core.groups import FloatArray


def holm(p: FloatArray) -> FloatArray:
    """[m] adjusted p-values: below a level they keep the chance of *any* false claim below it, however they hang together.

    In order: max over j <= i of (m - j + 1) p_j, at most 1. Holm 1979, Scand. J. Statist. 6:65. NaN (not tested) counts in
    no m and stays NaN.
    """
    return _stepwise(p, lambda ordered, m: np.maximum.accumulate((m - np.arange(m)) * ordered))


def benjamini_hochberg(p: FloatArray) -> FloatArray:
    """[m] adjusted p-values: below a level they keep the expected *share* of false claims below it, for independent tests.

    In order: min over j >= i of m p_j / j, at most 1. Benjamini and Hochberg 1995, J. R. Statist. Soc. B 57:289.
    """
    return _stepwise(p, lambda o, m: np.minimum.accumulate((m / np.arange(1, m + 1) * o)[::-1])[::-1])


def _stepwise(p: FloatArray, adjust: Callable[[FloatArray, int], FloatArray]) -> FloatArray:
    given = np.asarray(p, dtype=float)
    known = np.flatnonzero(~np.isnan(given))
    if ((given[known] < 0) | (given[known] > 1)).any():
        raise ValueError("a p-value lies outside 0..1")
    order = known[np.argsort(given[known], kind="stable")]
    out = np.full(len(given), np.nan)
    out[order] = np.minimum(adjust(given[order], len(order)), 1.0)
    return out
