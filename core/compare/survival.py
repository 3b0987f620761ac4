"""Times to a threshold of which some were never seen: Kaplan-Meier, the median, the restricted mean. Called beside. Pure.

A mean over the runs that got there would favour the arm whose slow runs never do; here each counts for as long as it was
watched. A run that was stopped is taken to be like those that went on: when runs are stopped because they look bad, an
arm comes out better than it is, and the page says how many were stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.compare.seeds import LEVEL, RESAMPLES, SEED, Interval, around, times_drawn
from core.compare.thresholds import Reach
from core.groups import BoolArray, FloatArray


@dataclass(frozen=True)
class Arrival:
    """How soon an arm gets there. `reached`: runs that did, `late` of them behind `limit`; `median`: None where half never did;
    `restricted`: mean time within `limit`, of a run that got there later the limit: with late ones it says little.
    `unknown`: further runs whose time nobody knows."""

    reached: int
    n: int
    median: float | None
    restricted: Interval
    limit: float
    unknown: int = 0
    late: int = 0


def arrival(
    times: Sequence[Reach | None], limit: float, resamples: int = RESAMPLES, seed: int = SEED, level: float = LEVEL
) -> Arrival:
    """Of the runs of an arm, in the unit of their times; None: not known. The interval is a bootstrap over runs."""
    known = [t for t in times if t is not None]
    unknown = len(times) - len(known)
    at, seen = _arrays(known, limit)
    if not len(at):
        return Arrival(0, 0, None, Interval(float("nan"), float("nan"), float("nan"), 0), limit, unknown)
    drawn = times_drawn(len(at), resamples, (seed, 0))
    point = float(restricted_means(at, seen, np.ones((1, len(at))), limit)[0])
    found = around(point, restricted_means(at, seen, drawn, limit), len(at), level)
    late = sum(t.reached and t.time > limit for t in known)
    return Arrival(sum(t.reached for t in known), len(at), median(known), found, limit, unknown, late)


def sooner(
    x: Sequence[Reach], y: Sequence[Reach], limit: float, resamples: int = RESAMPLES, seed: int = SEED, level: float = LEVEL
) -> Interval:
    """Restricted mean of y minus that of x: by how much x is sooner, with a bootstrap interval over the runs of both."""
    made, points = [], []
    for side, times in enumerate((x, y)):
        at, seen = _arrays(times, limit)
        if not len(at):
            return Interval(float("nan"), float("nan"), float("nan"), 0)
        points.append(float(restricted_means(at, seen, np.ones((1, len(at))), limit)[0]))
        made.append(restricted_means(at, seen, times_drawn(len(at), resamples, (seed, side)), limit))
    return around(points[1] - points[0], made[1] - made[0], min(len(x), len(y)), level)


def restricted_means(at: FloatArray, seen: BoolArray, weights: FloatArray, limit: float) -> FloatArray:
    """[count] area under the Kaplan-Meier curve from 0 to `limit`: the mean of min(time, limit), censoring allowed for.

    Kaplan and Meier 1958, JASA 53:457; Royston and Parmar 2013, BMC Med. Res. Methodol. 13:152. at, seen: [n] in order of
    time, at one time those that got there first. weights: [count, n], how often each is drawn. Behind the last time the
    curve goes on flat.
    """
    risk = np.cumsum(weights[:, ::-1], axis=1)[:, ::-1]
    left = np.cumprod(1 - np.where(seen, weights, 0.0) / np.maximum(risk, 1.0), axis=1)
    widths = np.diff(np.concatenate([[0.0], at, [limit]]))
    curve = np.concatenate([np.ones((len(weights), 1)), left], axis=1)
    return np.asarray((curve * widths).sum(axis=1))


def median(times: Sequence[Reach]) -> float | None:
    """The first time at which the Kaplan-Meier curve is at most 1/2; None where it never is."""
    at, seen = _arrays(times, np.inf)
    risk = np.arange(len(at), 0, -1)
    left = np.cumprod(np.where(seen, 1 - 1 / np.maximum(risk, 1), 1.0))
    below = np.flatnonzero(left <= 0.5 + 1e-12)
    return float(at[below[0]]) if len(below) else None


def _arrays(times: Sequence[Reach], limit: float) -> tuple[FloatArray, BoolArray]:
    """Times and whether they were reached [n], in order; what came behind the limit was not seen within it."""
    ordered = sorted((min(t.time, limit), not (t.reached and t.time <= limit)) for t in times)
    return np.array([t for t, _ in ordered], dtype=float), np.array([not censored for _, censored in ordered], dtype=bool)
