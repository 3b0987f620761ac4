"""One metric of one run over its steps. Made by core.store.queries; read by verdicts and figures. And which step is best,
for worker.keeper and cli.transfer."""

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
        """The same in 16 bytes a point, for those who keep many."""
        return Series(_packed("q", self.steps), _packed("d", self.values))

    def then(self, more: "Series") -> "Series":
        """This one and the points of `more` that lie behind its last step, packed; neither is changed."""
        at = bisect_right(more.steps, self.steps[-1]) if self.steps else 0
        steps, values = _packed("q", self.steps), _packed("d", self.values)
        return Series(steps + array("q", more.steps[at:]), values + array("d", more.values[at:]))  # a sum copies once


def _packed(code: str, numbers: Sequence[float]) -> "array[Any]":
    return numbers if isinstance(numbers, array) else array(code, numbers)


def by_key(rows: Iterable[tuple[Key, int, float]]) -> dict[Key, Series]:
    """(key, step, value) rows, of each key in the order of the steps, as a series a key."""
    found: dict[Key, tuple[list[int], list[float]]] = {}
    for key, step, value in rows:
        steps, values = found.setdefault(key, ([], []))
        steps.append(step)
        values.append(value)
    return {key: Series(*line) for key, line in found.items()}


def best_step(accuracies: Mapping[int, float]) -> int | None:
    """The step with the highest accuracy, of equal ones the later; None where there is none."""
    return max(accuracies, key=lambda step: (accuracies[step], step), default=None)
