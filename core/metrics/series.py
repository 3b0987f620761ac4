"""One metric of one run over its steps. Made by core.store.queries; read by verdicts and figures. And which step is best,
for worker.keeper and cli.transfer."""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Series:
    """Steps in rising order, and the value at each: 16 bytes a point, and numpy reads them as they are."""

    steps: "array[int]"
    values: "array[float]"

    @classmethod
    def of(cls, steps: Iterable[int], values: Iterable[float]) -> "Series":
        """From any numbers."""
        return cls(array("q", steps), array("d", values))

    def then(self, more: "Series") -> "Series":
        """This one and the points of `more` that lie behind its last step; neither is changed."""
        last = self.steps[-1] if self.steps else -1
        at = next((i for i, step in enumerate(more.steps) if step > last), len(more.steps))
        return Series(self.steps + more.steps[at:], self.values + more.values[at:])


def best_step(accuracies: Mapping[int, float]) -> int | None:
    """The step with the highest accuracy, of equal ones the later; None where there is none."""
    return max(accuracies, key=lambda step: (accuracies[step], step), default=None)
