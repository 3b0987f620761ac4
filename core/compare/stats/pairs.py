"""Two arms against each other, over seeds: who wins how often, and the differences seed by seed. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.common.groups import FloatArray
from core.compare.stats.bootstrap import (
    LEVEL,
    RESAMPLES,
    SEED,
    Interval,
    around,
    by_task,
    interval,
    times_drawn,
)

ALL_SIGNS = 16  # pairs of seeds up to which every change of signs is tried
SIGNS = 100_000  # changes of signs that are drawn beyond that


def improvement(
    x: FloatArray,
    y: FloatArray,
    better: str = "up",
    resamples: int = RESAMPLES,
    seed: int = SEED,
    level: float = LEVEL,
) -> Interval:
    """Probability that a run of x beats one of y, and its bootstrap interval.

    x, y: scores [n] or [n, m] on m common tasks; ValueError for different numbers of tasks. Mean over tasks
    of U / (n_x n_y), U of Mann and Whitney: 1 for each pair that x wins, 1/2 for each tie (Agarwal et al.
    2021, arXiv 2108.13264, section 4.3). Both arms are resampled. With `better` "down" the lower score wins.
    For (y, x) the result is 1 minus that for (x, y).
    """
    tasks_x = by_task(x)
    tasks_y = by_task(y)
    if tasks_x.shape[1] != tasks_y.shape[1]:
        raise ValueError(f"{tasks_x.shape[1]} and {tasks_y.shape[1]} tasks: compare arms on the same tasks")
    if tasks_x.tobytes() > tasks_y.tobytes():  # equal draws whichever comes first
        swapped = improvement(y, x, better, resamples, seed, level)
        return Interval(1 - swapped.point, 1 - swapped.high, 1 - swapped.low, swapped.n)
    n = min(len(tasks_x), len(tasks_y))
    if not n:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    sign = -1.0 if better == "down" else 1.0
    resampled = np.zeros(resamples)
    point = 0.0
    for task in range(tasks_x.shape[1]):
        wins = np.sign(sign * (tasks_x[:, None, task] - tasks_y[None, :, task])) / 2 + 0.5
        times = [
            times_drawn(len(arm), resamples, (seed, task, side))
            for side, arm in enumerate((tasks_x, tasks_y))
        ]
        resampled += ((times[0] @ wins) * times[1]).sum(axis=1) / wins.size
        point += float(wins.mean())
    return around(point / tasks_x.shape[1], resampled / tasks_x.shape[1], n, level)


@dataclass(frozen=True)
class Paired:
    """Differences x minus y over the seeds that both have.

    `p`: two-sided; `least_p`: the smallest p that so many pairs can give.
    """

    seeds: tuple[int, ...]
    differences: tuple[float, ...]
    mean: Interval
    p: float
    least_p: float
    alone: tuple[int, ...]
    """Seeds that only one of them has: left out of the differences, and reported."""

    @property
    def ahead(self) -> int:
        """Number of seeds in which x is larger."""
        return sum(d > 0 for d in self.differences)


def paired(
    x: Mapping[int, float], y: Mapping[int, float], resamples: int = RESAMPLES, seed: int = SEED
) -> Paired:
    """Differences between two arms seed by seed; x, y: seed -> finite score.

    The same seed sees the same problems in the same order, so that what a seed does to both cancels. p: the
    share of all changes of signs whose |sum| is at least the observed one (Fisher 1935, The design of
    experiments, section 21). It needs no normal distribution, and with n pairs cannot fall below 2 / 2^n:
    five seeds cannot reach 0.05.
    """
    common = sorted(set(x) & set(y))
    differences = np.array([x[s] - y[s] for s in common], dtype=float)
    return Paired(
        seeds=tuple(common),
        differences=tuple(differences.tolist()),
        mean=interval(differences, resamples=resamples, seed=seed),
        p=flipped(differences, seed),
        least_p=2.0 ** (1 - len(common)) if common else float("nan"),
        alone=tuple(sorted(set(x) ^ set(y))),
    )


def flipped(differences: FloatArray, seed: int = SEED) -> float:
    """Two-sided p of differences [n] under changes of sign; NaN without differences.

    Exact up to ALL_SIGNS differences, beyond that from drawn signs: (1 + hits) / (1 + draws), which is never
    0 (Phipson and Smyth 2010, SAGMB 9:39).
    """
    if not len(differences):
        return float("nan")
    ordered = np.sort(np.abs(differences))  # only the sizes matter: the signs are changed
    # equal sums differ in their last bits
    observed = abs(float(differences.sum())) - 1e-9 * float(ordered.sum())
    if len(ordered) <= ALL_SIGNS:
        sums = np.zeros(1)
        for d in ordered:
            sums = np.concatenate([sums + d, sums - d])
        return float((np.abs(sums) >= observed).mean())
    signs = np.random.default_rng(seed).integers(0, 2, size=(SIGNS, len(ordered)), dtype=np.int8) * 2.0 - 1
    return float((1 + (np.abs(signs @ ordered) >= observed).sum()) / (1 + SIGNS))
