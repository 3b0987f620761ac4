"""An arm over its seeds: mean, interquartile mean, bootstrap intervals, spread, performance profile. Pure.

Intervals are percentile intervals of a stratified bootstrap: runs are drawn with replacement, within each
task (Agarwal et al. 2021, arXiv 2108.13264, section 4; agreement with rliable is tested). Draws come from
PCG64 with a given seed and rows are sorted first, so that the same numbers give the same digits, in whatever
order they come.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from core.common.groups import BoolArray, FloatArray, IntArray

RESAMPLES = 10_000
SEED = 0
LEVEL = 0.95
TRIM = 0.25
FEWEST = 3  # seeds below which an interval says nothing
ENOUGH = 5  # seeds below which an interval is called rough
# Seeds -> in how many of 100 cases a 95 % interval of the mean holds the true mean of a normal.
# Measured by python -m benchmarks.compare.
HOLDS = {3: 75, 4: 79, 5: 84, 10: 91, 20: 93}
PILOT = 512  # values of a first look at the tails
MARGIN = 32  # values beyond a tail that the first look takes in


@dataclass(frozen=True)
class Interval:
    """A number over `n` seeds and its bootstrap interval; low and high are NaN below FEWEST seeds."""

    point: float
    low: float
    high: float
    n: int

    @property
    def rough(self) -> bool:
        """Whether there are so few seeds that the interval is a hint at best."""
        return self.n < ENOUGH


def holds(n: int) -> int | None:
    """In how many of 100 cases a 95 % interval of n seeds holds the truth; None where there is no interval.

    Read from HOLDS, at the largest number of seeds that is not above n.
    """
    return max((share for seeds, share in HOLDS.items() if seeds <= n), default=None)


@dataclass(frozen=True)
class Band:
    """An interval at each of s places of a curve: arrays [s]."""

    point: FloatArray
    low: FloatArray
    high: FloatArray
    n: int


def mean(scores: FloatArray) -> FloatArray:
    """[...] mean over the last axis of [..., n]."""
    return np.asarray(scores.mean(axis=-1))


def iqm(scores: FloatArray) -> FloatArray:
    """[...] interquartile mean over the last axis of [..., n].

    Of the sorted values, floor(n/4) are cut at each end. Agarwal et al. 2021, section 4.3. Below four values
    it is the mean.
    """
    n = scores.shape[-1]
    cut = int(TRIM * n)
    return np.asarray(np.sort(scores, axis=-1)[..., cut : n - cut].mean(axis=-1))


def by_task(scores: FloatArray) -> FloatArray:
    """[n, m] scores of n runs on m tasks, sorted within each task, from scores [n] or [n, m].

    ValueError for a score that is not finite: such runs have to be counted before.
    """
    table = np.asarray(scores, dtype=float)
    table = table[:, None] if table.ndim == 1 else table
    if not np.isfinite(table).all():
        raise ValueError("a score is not finite: count such runs and leave them out by name before averaging")
    return np.sort(table, axis=0)


def resampled(scores: FloatArray, count: int, seed: int) -> FloatArray:
    """[count, n * m] scores [n, m] of runs drawn with replacement, for each task on its own."""
    n, m = scores.shape
    return scores.ravel()[_drawn(n, m, count, seed)]


@lru_cache(maxsize=8)  # all scores of all arms with as many seeds share the draws
def _drawn(n: int, m: int, count: int, seed: int) -> IntArray:
    """[count, n * m] positions of what is drawn, in scores [n, m] row by row; read-only."""
    runs = np.random.default_rng(seed).integers(0, n, size=(count, n, m))
    places = (runs * m + np.arange(m)).reshape(count, n * m)
    places.flags.writeable = False
    return places


@lru_cache(maxsize=16)  # all arms and pairs of a comparison share the draws
def times_drawn(n: int, count: int, seed: int | tuple[int, ...]) -> FloatArray:
    """[count, n] how often each of n runs is drawn, in n draws with replacement; read-only."""
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=count).astype(float)
    counts.flags.writeable = False
    return counts


def interval(
    scores: FloatArray,
    statistic: Callable[[FloatArray], FloatArray] = mean,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    level: float = LEVEL,
) -> Interval:
    """A statistic of scores [n] or [n, m] and its interval, in the scores' unit; all NaN without a score."""
    tasks = by_task(scores)
    if not tasks.size:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    return around(
        float(statistic(tasks.reshape(-1))), statistic(resampled(tasks, resamples, seed)), len(tasks), level
    )


def around(point: float, made: FloatArray, n: int, level: float = LEVEL) -> Interval:
    """The percentile interval of resampled numbers [count] over n seeds.

    Low and high are NaN with fewer than FEWEST seeds or an undefined point.
    """
    if n < FEWEST or not np.isfinite(point):
        return Interval(point, float("nan"), float("nan"), n)
    low, high = ends(made, (1 - level) / 2)
    return Interval(point, low, high, n)


def band(curves: FloatArray, resamples: int = RESAMPLES, seed: int = SEED, level: float = LEVEL) -> Band:
    """Mean [s] of curves [n, s] of n runs, and its interval at each place by itself.

    The interval is not one of the curve as a whole. Whole runs are drawn, and the same ones at all places.
    """
    n, s = curves.shape
    if not n:
        nothing = np.full(s, np.nan)
        return Band(nothing, nothing, nothing, 0)
    rows = np.ascontiguousarray(curves[np.lexsort(curves.T[::-1])].T)
    limits = np.full((2, s), np.nan)
    if n >= FEWEST:
        shares = np.ascontiguousarray(times_drawn(n, resamples, seed).T / n)
        for i, row in enumerate(rows):  # one by one: a place's numbers stay in the processor's cache
            limits[:, i] = ends(row @ shares, (1 - level) / 2)
    return Band(rows.mean(axis=1), limits[0], limits[1], n)


def ends(values: FloatArray, tail: float) -> tuple[float, float]:
    """The quantiles `tail` and 1 - tail of values [count], linear between neighbours.

    Equal to np.quantile in a third of the time: a look at the first values tells about where the tails begin,
    and only what lies in them is sorted.
    """
    position = (len(values) - 1) * tail
    k = int(position)
    second = min(k + 1, len(values) - 1)
    first = values[:PILOT]
    inside = min(int(len(first) * tail) + MARGIN, len(first) - 1)
    first = np.partition(first, (inside, len(first) - 1 - inside))
    low = _tail(values, values <= first[inside], second)
    low.partition((k, second))
    high = _tail(values, values >= first[-1 - inside], second)
    high.partition((len(high) - 1 - second, len(high) - 1 - k))
    a, b = low[[k, second]]
    c, d = high[[-1 - k, -1 - second]]
    return float(a + (b - a) * (position - k)), float(c + (d - c) * (position - k))


def _tail(values: FloatArray, inside: BoolArray, needed: int) -> FloatArray:
    """A copy of the values inside, or of all where the first look was wrong and too few are inside."""
    selected = values[inside]
    return selected if len(selected) > needed else values.copy()


@dataclass(frozen=True)
class Spread:
    """How far seeds lie apart.

    `deviation`: unbiased standard deviation, NaN with one seed. `quartiles`: interquartile range. `low`,
    `high`: the extremes.
    """

    deviation: float
    quartiles: float
    low: float
    high: float


def spread(scores: FloatArray) -> Spread:
    """Standard deviation (n - 1), interquartile range (linear) and extremes of scores [n], in their unit.

    n must be at least 1.
    """
    quarter, three = np.quantile(scores, [0.25, 0.75])
    deviation = float(np.std(np.sort(scores), ddof=1)) if len(scores) > 1 else float("nan")
    return Spread(deviation, float(three - quarter), float(scores.min()), float(scores.max()))


def profile(scores: FloatArray, heights: FloatArray, resamples: int = RESAMPLES, seed: int = SEED) -> Band:
    """Performance profile: the share of scores [n] above each of heights [s], with its interval.

    Agarwal et al. 2021, section 4.2.
    """
    return band((np.asarray(scores)[:, None] > heights).astype(float), resamples, seed)
