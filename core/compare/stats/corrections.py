"""p-values of many comparisons, corrected for their number. Pure.

Eight arms are 28 pairs: at 0.05 one or two of them look different although nothing is.
"""

from collections.abc import Callable

import numpy as np

from core.common.groups import FloatArray


def holm(p: FloatArray) -> FloatArray:
    """[m] p-values adjusted after Holm: below a level, the chance of *any* false claim is below it.

    This holds however the tests depend on each other. In order: max over j <= i of (m - j + 1) p_j, at most
    1. Holm 1979, Scand. J. Statist. 6:65. NaN (not tested) counts in no m and stays NaN.
    """
    return _stepwise(p, lambda ordered, m: np.maximum.accumulate((m - np.arange(m)) * ordered))


def benjamini_hochberg(p: FloatArray) -> FloatArray:
    """[m] p-values adjusted after Benjamini and Hochberg: below a level, the *share* of false claims is too.

    It is the expected share, for independent tests. In order: min over j >= i of m p_j / j, at most 1.
    Benjamini and Hochberg 1995, J. R. Statist. Soc. B 57:289.
    """
    return _stepwise(p, lambda o, m: np.minimum.accumulate((m / np.arange(1, m + 1) * o)[::-1])[::-1])


def _stepwise(p: FloatArray, adjust: Callable[[FloatArray, int], FloatArray]) -> FloatArray:
    values = np.asarray(p, dtype=float)
    tested = np.flatnonzero(~np.isnan(values))
    if ((values[tested] < 0) | (values[tested] > 1)).any():
        raise ValueError("a p-value lies outside 0..1")
    order = tested[np.argsort(values[tested], kind="stable")]
    out = np.full(len(values), np.nan)
    out[order] = np.minimum(adjust(values[order], len(order)), 1.0)
    return out
