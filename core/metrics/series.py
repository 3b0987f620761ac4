"""One metric of one run over its steps, and which step is best.

Rows come from core.store.runs.queries; this module must not know the store.
"""

from array import array
from bisect import bisect_right
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Series:
    """Steps in rising order, and the value at each."""

    steps: Sequence[int]
    values: Sequence[float]

    def packed(self) -> "Series":
        """This series in arrays of 16 bytes per point, for keeping many of them in memory."""
        return Series(_packed("q", self.steps), _packed("d", self.values))

    def then(self, more: "Series") -> "Series":
        """This series plus the points of `more` after its last step, packed.

        Neither series is changed.
        """
        start = bisect_right(more.steps, self.steps[-1]) if self.steps else 0
        steps = _packed("q", self.steps)
        values = _packed("d", self.values)
        # adding arrays copies once
        return Series(steps + array("q", more.steps[start:]), values + array("d", more.values[start:]))


def _packed(code: str, numbers: Sequence[float]) -> "array[Any]":
    return numbers if isinstance(numbers, array) else array(code, numbers)


def by_key(rows: Iterable[tuple[Key, int, float]]) -> dict[Key, Series]:
    """Group (key, step, value) rows into one series per key.

    The rows of each key must come in the order of their steps.
    """
    points_by_key: dict[Key, tuple[list[int], list[float]]] = {}
    for key, step, value in rows:
        steps, values = points_by_key.setdefault(key, ([], []))
        steps.append(step)
        values.append(value)
    return {key: Series(*line) for key, line in points_by_key.items()}


def best_step(accuracies: Mapping[int, float]) -> int | None:
    """The step with the highest accuracy, the later of equal ones; None without a step."""
    return max(accuracies, key=lambda step: (accuracies[step], step), default=None)
