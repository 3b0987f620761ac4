"""Times to a threshold, some of them censored: Kaplan-Meier, the median, the restricted mean. Pure.

A mean over the runs that got there would favour the arm whose slow runs never do; here each counts for as
long as it was watched. A run that was stopped is taken to be like those that went on: when runs are stopped
because they look bad, an arm comes out better than it is, and the page says how many were stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.common.groups import BoolArray, FloatArray
from core.compare.stats.bootstrap import LEVEL, RESAMPLES, SEED, Interval, around, times_drawn
from core.compare.stats.thresholds import Reach


@dataclass(frozen=True)
class Arrival:
    """How soon an arm gets to a threshold.

    `reached`: runs that did, `late` of them after `limit`; `median`: None where half never did; `restricted`:
    mean time within `limit`, where a run that got there later counts as the limit: with late ones it says
    little. `unknown`: further runs whose time nobody knows.
    """

    reached: int
    n: int
    median: float | None
    restricted: Interval
    limit: float
    unknown: int = 0
    late: int = 0


def arrival(
    times: Sequence[Reach | None],
    limit: float,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    level: float = LEVEL,
) -> Arrival:
    """How soon the runs of an arm get there, in the unit of their times; a time of None is not known.

    The interval is a bootstrap over runs.
    """
    observed = [t for t in times if t is not None]
    unknown = len(times) - len(observed)
    durations, reached = _arrays(observed, limit)
    if not len(durations):
        return Arrival(0, 0, None, Interval(float("nan"), float("nan"), float("nan"), 0), limit, unknown)
    weights = times_drawn(len(durations), resamples, (seed, 0))
    point = float(restricted_means(durations, reached, np.ones((1, len(durations))), limit)[0])
    restricted = around(point, restricted_means(durations, reached, weights, limit), len(durations), level)
    late = sum(t.reached and t.time > limit for t in observed)
    return Arrival(
        sum(t.reached for t in observed), len(durations), median(observed), restricted, limit, unknown, late
    )


def sooner(
    x: Sequence[Reach],
    y: Sequence[Reach],
    limit: float,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    level: float = LEVEL,
) -> Interval:
    """By how much x is sooner than y: restricted mean of y minus that of x.

    The interval is a bootstrap over the runs of both.
    """
    resampled = []
    points = []
    for side, times in enumerate((x, y)):
        durations, reached = _arrays(times, limit)
        if not len(durations):
            return Interval(float("nan"), float("nan"), float("nan"), 0)
        points.append(float(restricted_means(durations, reached, np.ones((1, len(durations))), limit)[0]))
        resampled.append(
            restricted_means(durations, reached, times_drawn(len(durations), resamples, (seed, side)), limit)
        )
    return around(points[1] - points[0], resampled[1] - resampled[0], min(len(x), len(y)), level)


def restricted_means(at: FloatArray, seen: BoolArray, weights: FloatArray, limit: float) -> FloatArray:
    """[count] area under the Kaplan-Meier curve from 0 to `limit`: the mean of min(time, limit).

    Censoring is allowed for. Kaplan and Meier 1958, JASA 53:457; Royston and Parmar 2013, BMC Med. Res.
    Methodol. 13:152. at, seen: [n] in order of time, at equal times those that got there first. weights:
    [count, n], how often each is drawn. After the last time the curve continues flat.
    """
    risk = np.cumsum(weights[:, ::-1], axis=1)[:, ::-1]
    survival = np.cumprod(1 - np.where(seen, weights, 0.0) / np.maximum(risk, 1.0), axis=1)
    widths = np.diff(np.concatenate([[0.0], at, [limit]]))
    curve = np.concatenate([np.ones((len(weights), 1)), survival], axis=1)
    return np.asarray((curve * widths).sum(axis=1))


def median(times: Sequence[Reach]) -> float | None:
    """The first time at which the Kaplan-Meier curve is at most 1/2; None where it never is."""
    durations, reached = _arrays(times, np.inf)
    risk = np.arange(len(durations), 0, -1)
    survival = np.cumprod(np.where(reached, 1 - 1 / np.maximum(risk, 1), 1.0))
    below = np.flatnonzero(survival <= 0.5 + 1e-12)
    return float(durations[below[0]]) if len(below) else None


def _arrays(times: Sequence[Reach], limit: float) -> tuple[FloatArray, BoolArray]:
    """Times [n] and whether each was reached [n], in order; a time after the limit was not reached."""
    ordered = sorted((min(t.time, limit), not (t.reached and t.time <= limit)) for t in times)
    return np.array([t for t, _ in ordered], dtype=float), np.array(
        [not censored for _, censored in ordered], dtype=bool
    )
