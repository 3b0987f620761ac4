"""Statistics inside groups of samples, without a loop.

Group-wise scores, shapings, rules and advantages build on them. NaN ("does not apply") counts in no
statistic. Axes: n samples, g groups.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

FloatArray = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
IntArray = np.ndarray[tuple[int, ...], np.dtype[np.int64]]
BoolArray = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
ROUNDING = 1e-8  # by how much floats that should be equal may differ, as in torch.isclose


def beside(columns: Sequence[FloatArray]) -> FloatArray:
    """[n, K] from K columns [n], each contiguous in memory: everything here works column by column."""
    return np.array(columns).T


def differ(low: FloatArray, high: FloatArray) -> BoolArray:
    """[n] whether high is above low by more than rounding.

    That is by more than 1e-8, or 1e-8 of their size where that is above 1.
    """
    size = np.maximum(1.0, np.maximum(np.abs(low), np.abs(high)))
    return np.asarray(high - low > ROUNDING * size, dtype=bool)


@dataclass(frozen=True)
class Groups:
    """The groups that n samples belong to.

    `index` [n]: which of the g groups a sample belongs to. Groups are numbered in the order in which they
    first appear. `count`: g.
    """

    index: IntArray
    count: int

    @classmethod
    def of(cls, labels: IntArray) -> "Groups":
        """From any labels [n] that are equal inside a group."""
        labels = np.asarray(labels)
        if len(labels) == 0:
            return cls(np.zeros(0, dtype=np.int64), 0)
        steps = labels[1:] != labels[:-1]
        index = np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)
        firsts = labels[np.concatenate([[True], steps])]
        # each group is contiguous, as in every generation: no need to sort
        if len(np.unique(firsts)) == len(firsts):
            return cls(index, len(firsts))
        _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
        place = np.empty(len(first), dtype=np.int64)
        place[np.argsort(first)] = np.arange(len(first))
        return cls(place[inverse], len(first))

    @classmethod
    def one(cls, n: int) -> "Groups":
        """All samples in one group: the batch."""
        return cls(np.zeros(n, dtype=np.int64), min(n, 1))

    @cached_property
    def _order(self) -> IntArray:
        return np.argsort(self.index, kind="stable")

    @cached_property
    def _starts(self) -> IntArray:
        return np.searchsorted(self.index[self._order], np.arange(self.count))

    def members(self) -> list[IntArray]:
        """Row numbers of each group."""
        return np.split(self._order, self._starts[1:]) if self.count else []

    @cached_property
    def sizes(self) -> FloatArray:
        """[g] how many samples each group has."""
        return np.bincount(self.index, minlength=self.count).astype(float)

    def sum(self, values: FloatArray) -> FloatArray:
        """[g] sums of the values that apply."""
        return np.bincount(self.index, np.where(np.isnan(values), 0.0, values), self.count).astype(float)

    def known(self, values: FloatArray) -> FloatArray:
        """[g] how many values apply."""
        missing = np.isnan(values)
        return self.sizes - np.bincount(self.index, missing, self.count) if missing.any() else self.sizes

    def mean(self, values: FloatArray) -> FloatArray:
        """[g] means; NaN where nothing applies."""
        counts = self.known(values)
        return np.where(counts > 0, self.sum(values) / np.maximum(counts, 1), np.nan)

    def std(self, values: FloatArray) -> FloatArray:
        """[g] unbiased standard deviations; 0 for fewer than two values that apply."""
        # two passes: the textbook's one-pass form loses all its digits
        gap = values - self.mean(values)[self.index]
        return np.sqrt(self.sum(gap * gap) / np.maximum(self.known(values) - 1, 1))

    def low(self, values: FloatArray) -> FloatArray:
        """[g] smallest values; NaN where nothing applies."""
        return self._extreme(np.fmin.reduceat, values)

    def high(self, values: FloatArray) -> FloatArray:
        """[g] largest values; NaN where nothing applies."""
        return self._extreme(np.fmax.reduceat, values)

    def _extreme(self, reduce: Callable[..., FloatArray], values: FloatArray) -> FloatArray:
        return reduce(values[self._order], self._starts) if self.count else np.zeros(0)

    def spread_out(self, per_group: FloatArray) -> FloatArray:
        """[n] the value of each sample's group."""
        return per_group[self.index]

    def center(self, values: FloatArray) -> FloatArray:
        """[n] values minus the mean of their group; NaN stays NaN."""
        return values - self.mean(values)[self.index]

    def rank(self, values: FloatArray) -> FloatArray:
        """[n] rank inside the group, 0 for the lowest; equal values share their mean rank; NaN stays NaN."""
        order = np.lexsort((values, self.index))  # NaN sorts last in its group
        ordered = values[order]
        group = self.index[order]
        new = np.ones(len(values), dtype=bool)
        new[1:] = (ordered[1:] != ordered[:-1]) | (group[1:] != group[:-1])
        run = np.cumsum(new) - 1
        firsts = np.flatnonzero(new)
        lasts = np.append(firsts[1:], len(values)) - 1
        place = (firsts + lasts)[run] / 2.0 - self._starts[group] if len(values) else np.zeros(0)
        out = np.empty(len(values))
        out[order] = place
        return np.where(np.isnan(values), np.nan, out)
