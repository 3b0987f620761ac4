"""What can be read off one curve: its mean height, its values between points, when it holds. Pure.

A curve is steps [n], rising, and finite values [n]. After its last point it continues flat, or at `after`
where given.
"""

import numpy as np

from core.common.groups import BoolArray, FloatArray


def mean_height(
    steps: FloatArray, values: FloatArray, first: float, last: float, after: float | None = None
) -> float:
    """Mean height of a curve from step `first` to `last`: its area over last - first (trapezoid rule).

    In the values' unit. NaN where the curve begins after `first` or the span is empty: what lies before was
    not measured.
    """
    if not len(steps) or steps[0] > first or last <= first:
        return float("nan")
    inside = (steps > first) & (steps < last)
    grid = np.concatenate([[first], steps[inside], [last]])
    end = float(steps[-1])
    if after is None or end >= last:
        heights = np.interp(grid, steps, values)
        return float(np.sum(np.diff(grid) * (heights[1:] + heights[:-1])) / 2 / (last - first))
    if end <= first:
        return after
    return (mean_height(steps, values, first, end) * (end - first) + after * (last - end)) / (last - first)


def at(steps: FloatArray, values: FloatArray, where: FloatArray) -> FloatArray:
    """[m] heights at `where` [m]: linear between points, flat outside them; NaN for an empty curve."""
    return np.interp(where, steps, values) if len(steps) else np.full(len(where), np.nan)


def ema(values: FloatArray, smoothing: float) -> FloatArray:
    """[n] exponential moving average: e_0 = y_0, e_i = smoothing * e_(i-1) + (1 - smoothing) * y_i.

    0 <= smoothing < 1, ValueError otherwise; 0 changes nothing.
    """
    if not 0 <= smoothing < 1:
        raise ValueError(f"smoothing {smoothing:g} must lie in 0 <= smoothing < 1; 0 turns it off")
    out = np.array(values, dtype=float)
    for i in range(1, len(out)):
        out[i] = smoothing * out[i - 1] + (1 - smoothing) * values[i]
    return out


def moving(values: FloatArray, over: int) -> FloatArray:
    """[n - over + 1] means of `over` values in a row."""
    return np.asarray(np.lib.stride_tricks.sliding_window_view(values, over).mean(axis=1))


def first_hold(holds: BoolArray, times: int) -> int | None:
    """Position of the first of `times` true values in a row in [n]; None where there are none."""
    if len(holds) < times or times < 1:
        return None
    runs = np.lib.stride_tricks.sliding_window_view(holds, times).all(axis=1)
    return int(runs.argmax()) if runs.any() else None
