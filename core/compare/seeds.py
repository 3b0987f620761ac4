"""An arm over its seeds: mean, interquartile mean, bootstrap intervals, spread, performance profile. Called beside. Pure.

Intervals are percentile intervals of a stratified bootstrap: runs are drawn anew with replacement, within each task (Agarwal et
al. 2021, arXiv 2108.13264, section 4; agreement with rliable is tested). Draws come from PCG64 with a given seed and rows are
put in order first, so that the same numbers give the same digits, in whatever order they come.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from core.groups import BoolArray, FloatArray, IntArray

RESAMPLES, SEED, LEVEL = 10_000, 0, 0.95
TRIM = 0.25
FEWEST = 3  # seeds without which an interval says nothing
ENOUGH = 5  # seeds below which it is called rough
# Seeds -> in how many of 100 cases a 95 % interval of the mean holds the true mean of a normal: python -m benchmarks.compare
HOLDS = {3: 75, 4: 79, 5: 84, 10: 91, 20: 93}
PILOT, MARGIN = 512, 32  # values of a first look at a tail, and how far into it that looks


@dataclass(frozen=True)
class Interval:
    """A number of `n` seeds and its bootstrap interval; low and high are NaN with fewer than FEWEST seeds."""

    point: float
    low: float
    high: float
    n: int

    @property
    def rough(self) -> bool:
        """So few seeds that the interval is a hint at best."""
        return self.n < ENOUGH


def holds(n: int) -> int | None:
    """In how many of 100 cases a 95 % interval of n seeds holds the truth, by HOLDS for as many or fewer; None: no interval."""
    return max((share for seeds, share in HOLDS.items() if seeds <= n), default=None)


@dataclass(frozen=True)
class Band:
    """An interval at each of s places of a curve: arrays [s]."""

    point: FloatArray
    low: FloatArray
    high: FloatArray
    n: int


def mean(scores: FloatArray) -> FloatArray:
    """[...] mean over the last axis [..., n]."""
    return np.asarray(scores.mean(axis=-1))


def iqm(scores: FloatArray) -> FloatArray:
    """[...] interquartile mean over the last axis [..., n]: of the values in order, floor(n/4) are cut at each end.

    Agarwal et al. 2021, section 4.3. Below four values it is the mean.
    """
    n = scores.shape[-1]
    cut = int(TRIM * n)
    return np.asarray(np.sort(scores, axis=-1)[..., cut : n - cut].mean(axis=-1))


def by_task(scores: FloatArray) -> FloatArray:
    """[n, m] from [n] or [n, m] scores of n runs on m tasks; ValueError for a NaN, which has to be counted before."""
    made = np.asarray(scores, dtype=float)
    made = made[:, None] if made.ndim == 1 else made
    if not np.isfinite(made).all():
        raise ValueError("a score is not finite: count such runs and leave them out by name before averaging")
    return np.sort(made, axis=0)


def resampled(scores: FloatArray, count: int, seed: int) -> FloatArray:
    """[count, n * m] scores [n, m] of runs drawn with replacement, for each task on its own."""
    n, m = scores.shape
    return scores.ravel()[_drawn(n, m, count, seed)]


@lru_cache(maxsize=8)  # every arm with as many seeds, and every score of it, draws the same
def _drawn(n: int, m: int, count: int, seed: int) -> IntArray:
    """[count, n * m] places in scores [n, m], row by row, of what is drawn. Not to be written to."""
    drawn = np.random.default_rng(seed).integers(0, n, size=(count, n, m))
    made = (drawn * m + np.arange(m)).reshape(count, n * m)
    made.flags.writeable = False
    return made


@lru_cache(maxsize=16)  # every arm and pair of a comparison draws the same
def times_drawn(n: int, count: int, seed: int | tuple[int, ...]) -> FloatArray:
    """[count, n] how often each of n runs is drawn, n draws with replacement. Not to be written to."""
    made = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=count).astype(float)
    made.flags.writeable = False
    return made


def interval(
    scores: FloatArray,
    statistic: Callable[[FloatArray], FloatArray] = mean,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    level: float = LEVEL,
) -> Interval:
    """A statistic of scores [n] or [n, m], and its interval. In the scores' unit; all NaN without a score."""
    tasks = by_task(scores)
    if not tasks.size:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    return around(float(statistic(tasks.reshape(-1))), statistic(resampled(tasks, resamples, seed)), len(tasks), level)


def around(point: float, made: FloatArray, n: int, level: float = LEVEL) -> Interval:
    """The percentile interval of resampled numbers [count] of n seeds; none with too few seeds or an undefined point."""
    if n < FEWEST or not np.isfinite(point):
        return Interval(point, float("nan"), float("nan"), n)
    low, high = ends(made, (1 - level) / 2)
    return Interval(point, low, high, n)


def band(curves: FloatArray, resamples: int = RESAMPLES, seed: int = SEED, level: float = LEVEL) -> Band:
    """Mean [s] of curves [n, s] of n runs, and its interval at each place by itself (not of the curve as a whole).

    Whole runs are drawn, the same ones at all places.
    """
    n, s = curves.shape
    if not n:
        nothing = np.full(s, np.nan)
        return Band(nothing, nothing, nothing, 0)
    rows = np.ascontiguousarray(curves[np.lexsort(curves.T[::-1])].T)
    found = np.full((2, s), np.nan)
    if n >= FEWEST:
        shares = np.ascontiguousarray(times_drawn(n, resamples, seed).T / n)
        for i, row in enumerate(rows):  # one by one: the numbers of a place stay in the processor's cache
            found[:, i] = ends(row @ shares, (1 - level) / 2)
    return Band(rows.mean(axis=1), found[0], found[1], n)


def ends(values: FloatArray, tail: float) -> tuple[float, float]:
    """The quantiles `tail` and 1 - tail of values [count], linear between neighbours.

    The same as np.quantile in a third of the time: a look at the first values tells about where the tails begin, and
    only what lies in them is put in order.
    """
    where = (len(values) - 1) * tail
    k = int(where)
    second = min(k + 1, len(values) - 1)
    first = values[:PILOT]
    inside = min(int(len(first) * tail) + MARGIN, len(first) - 1)
    first = np.partition(first, (inside, len(first) - 1 - inside))
    low = _tail(values, values <= first[inside], second)
    low.partition((k, second))
    high = _tail(values, values >= first[-1 - inside], second)
    high.partition((len(high) - 1 - second, len(high) - 1 - k))
    (a, b), (c, d) = low[[k, second]], high[[-1 - k, -1 - second]]
    return float(a + (b - a) * (where - k)), float(c + (d - c) * (where - k))


def _tail(values: FloatArray, inside: BoolArray, needed: int) -> FloatArray:
    """A copy of the values inside, or of all where the first look was wrong and fewer than needed are."""
    found = values[inside]
    return found if len(found) > needed else values.copy()


@dataclass(frozen=True)
class Spread:
    """How far seeds lie apart. `deviation`: unbiased standard deviation; NaN with one seed. `low`, `high`: the extremes."""

    deviation: float
    quartiles: float
    low: float
    high: float


def spread(scores: FloatArray) -> Spread:
    """Standard deviation (n - 1), interquartile range (linear), least and largest of scores [n], n >= 1, in their unit."""
    quarter, three = np.quantile(scores, [0.25, 0.75])
    deviation = float(np.std(np.sort(scores), ddof=1)) if len(scores) > 1 else float("nan")
    return Spread(deviation, float(three - quarter), float(scores.min()), float(scores.max()))


def profile(scores: FloatArray, heights: FloatArray, resamples: int = RESAMPLES, seed: int = SEED) -> Band:
    """Performance profile: at each of heights [s], the share of scores [n] above it (Agarwal et al. 2021, section 4.2)."""
    return band((np.asarray(scores)[:, None] > heights).astype(float), resamples, seed)
