"""How steadily one run trained: falls from its best, jitter, spikes. Pure.

Drawdown, its upper tail and dispersion follow Chan et al. 2020, arXiv 1912.05663, section 3. They take a
lower tail of drawdowns; since drawdowns are never negative, the risky tail is the upper one, which is used
here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from core.common.groups import FloatArray

TAIL = 0.05
AROUND = 11  # differences in a window of `dispersion`
BEFORE = 20  # steps ahead of a step, with whose median it is compared
TIMES = 5.0  # robust deviations above that median from which it is a spike
NORMAL = 1.4826  # median absolute deviation -> standard deviation of a normal
NORMAL_MEAN = 1.2533  # mean absolute deviation -> standard deviation of a normal


def drawdown(values: FloatArray) -> FloatArray:
    """[n] how far below its best so far a curve [n] is, in the values' unit.

    D_t = max of y_s over s <= t, minus y_t.
    """
    return np.maximum.accumulate(values) - values if len(values) else np.zeros(0)


def upper_tail(values: FloatArray, tail: float = TAIL) -> float:
    """CVaR: mean of the values [n] at or above their (1 - tail) quantile; NaN without values.

    The quantile is linear between values. Rockafellar and Uryasev 2000, J. Risk 2:21. With fewer than 1/tail
    values it is the largest one.
    """
    if not len(values):
        return float("nan")
    return float(values[values >= np.quantile(values, 1 - tail)].mean())


def dispersion(values: FloatArray, around: int = AROUND) -> float:
    """Jitter of a curve [n]: interquartile range of neighbouring differences, averaged over windows.

    Each window has `around` differences. Differences take the trend away, windows its change as far as they
    are shorter than the curve: with about as many evaluations as a window has, the bend of a curve counts
    too, and one that rises fast looks unsteady. In the values' unit; NaN with fewer than three differences.
    """
    steps = np.diff(values)
    if len(steps) < 3:
        return float("nan")
    quarter, three = np.quantile(sliding_window_view(steps, min(around, len(steps))), [0.25, 0.75], axis=1)
    return float((three - quarter).mean())


@dataclass(frozen=True)
class Spikes:
    """Spikes of one signal.

    `at`: the steps of the spikes; `worst`: the largest, in robust deviations above the median, 0 without one;
    `judged`: steps with enough values before them to tell.
    """

    at: tuple[int, ...]
    worst: float
    judged: int

    @property
    def per_hundred(self) -> float:
        """Spikes per 100 judged steps; NaN where none could be judged."""
        return 100 * len(self.at) / self.judged if self.judged else float("nan")


def spikes(steps: FloatArray, values: FloatArray, before: int = BEFORE, times: float = TIMES) -> Spikes:
    """Spikes of a curve [n]: where x_t > median + times * deviation.

    Median and deviation are of the `before` values ahead of x_t. The deviation is 1.4826 * MAD; where more
    than half the values are equal, 1.2533 * mean absolute deviation (Iglewicz and Hoaglin 1993, How to detect
    and handle outliers, 3.3). A window of equal values gives no scale and is not judged.
    """
    if len(values) <= before:
        return Spikes((), 0.0, 0)
    windows = sliding_window_view(values, before)[:-1]
    middle = np.median(windows, axis=1)
    gaps = np.abs(windows - middle[:, None])
    scale = NORMAL * np.median(gaps, axis=1)
    scale = np.where(scale > 0, scale, NORMAL_MEAN * gaps.mean(axis=1))
    judged = scale > 0
    height = (values[before:][judged] - middle[judged]) / scale[judged]
    hit = height > times
    spike_steps = steps[before:][judged][hit]
    return Spikes(
        tuple(int(s) for s in spike_steps), float(height[hit].max()) if hit.any() else 0.0, int(judged.sum())
    )
