"""Two arms against each other, over seeds: who wins how often, and the differences seed by seed. Called beside. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.compare.seeds import LEVEL, RESAMPLES, SEED, Interval, around, by_task, interval, times_drawn
from core.groups import FloatArray

ALL_SIGNS = 16  # pairs of seeds up to which every change of signs is tried
SIGNS = 100_000  # that are drawn beyond


def improvement(
    x: FloatArray, y: FloatArray, better: str = "up", resamples: int = RESAMPLES, seed: int = SEED, level: float = LEVEL
) -> Interval:
    """Probability that a run of x beats one of y, and its bootstrap interval; x, y: scores [n] or [n, m] on m common tasks.

    Mean over tasks of U / (n_x n_y), U of Mann and Whitney: 1 for each pair that x wins, 1/2 for each tie (Agarwal et al. 2021,
    arXiv 2108.13264, section 4.3). Both arms are drawn anew. `better` "down": less wins. Of (y, x) it is 1 minus the same.
    """
    one, two = by_task(x), by_task(y)
    if one.shape[1] != two.shape[1]:
        raise ValueError(f"{one.shape[1]} and {two.shape[1]} tasks: compare arms on the same tasks")
    if one.tobytes() > two.tobytes():  # the same draws whichever comes first
        found = improvement(y, x, better, resamples, seed, level)
        return Interval(1 - found.point, 1 - found.high, 1 - found.low, found.n)
    n = min(len(one), len(two))
    if not n:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    sign = -1.0 if better == "down" else 1.0
    made, point = np.zeros(resamples), 0.0
    for task in range(one.shape[1]):
        wins = np.sign(sign * (one[:, None, task] - two[None, :, task])) / 2 + 0.5
        times = [times_drawn(len(arm), resamples, (seed, task, side)) for side, arm in enumerate((one, two))]
        made += ((times[0] @ wins) * times[1]).sum(axis=1) / wins.size
        point += float(wins.mean())
    return around(point / one.shape[1], made / one.shape[1], n, level)


@dataclass(frozen=True)
class Paired:
    """x minus y, of the seeds that both have. `p`: two-sided; `least_p`: the smallest that so many pairs can give."""

    seeds: tuple[int, ...]
    differences: tuple[float, ...]
    mean: Interval
    p: float
    least_p: float
    alone: tuple[int, ...]
    """Seeds that only one of them has: left out here, and said."""

    @property
    def ahead(self) -> int:
        """Seeds in which x is larger."""
        return sum(d > 0 for d in self.differences)


def paired(x: Mapping[int, float], y: Mapping[int, float], resamples: int = RESAMPLES, seed: int = SEED) -> Paired:
    """Differences between two arms seed by seed; x, y: seed -> finite score.

    The same seed sees the same problems in the same order, so that what a seed does to both cancels. p: the share of all
    changes of signs whose |sum| is at least the one seen (Fisher 1935, The design of experiments, section 21). It needs no
    normal distribution, and with n pairs cannot fall below 2 / 2^n: five seeds cannot reach 0.05.
    """
    both = sorted(set(x) & set(y))
    differences = np.array([x[s] - y[s] for s in both], dtype=float)
    return Paired(
        seeds=tuple(both),
        differences=tuple(differences.tolist()),
        mean=interval(differences, resamples=resamples, seed=seed),
        p=flipped(differences, seed),
        least_p=2.0 ** (1 - len(both)) if both else float("nan"),
        alone=tuple(sorted(set(x) ^ set(y))),
    )


def flipped(differences: FloatArray, seed: int = SEED) -> float:
    """Two-sided p of differences [n] under changes of sign; exact up to ALL_SIGNS of them, drawn beyond. NaN for none.

    Drawn: (1 + hits) / (1 + draws), which is never 0 (Phipson and Smyth 2010, SAGMB 9:39).
    """
    if not len(differences):
        return float("nan")
    ordered = np.sort(np.abs(differences))  # only the sizes matter: signs are what is changed
    seen = abs(float(differences.sum())) - 1e-9 * float(ordered.sum())  # equal sums differ in their last bits
    if len(ordered) <= ALL_SIGNS:
        sums = np.zeros(1)
        for d in ordered:
            sums = np.concatenate([sums + d, sums - d])
        return float((np.abs(sums) >= seen).mean())
    signs = np.random.default_rng(seed).integers(0, 2, size=(SIGNS, len(ordered)), dtype=np.int8) * 2.0 - 1
    return float((1 + (np.abs(signs @ ordered) >= seen).sum()) / (1 + SIGNS))
