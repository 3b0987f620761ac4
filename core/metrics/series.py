"""One metric of one run over its steps. Made by core.store.queries; read by verdicts and figures. And which step is best,
for worker.keeper and cli.transfer."""

from array import array
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Series:
    """Steps in rising order, and the value at each."""

    steps: Sequence[int]
    values: Sequence[float]

    def packed(self) -> "Series":
        """The same in 16 bytes a point, for those who keep many."""
        return Series(array("q", self.steps), array("d", self.values))

    def then(self, more: "Series") -> "Series":
        """This one and the points of `more` that lie behind its last step, packed; neither is changed."""
        at = bisect_right(more.steps, self.steps[-1]) if self.steps else 0
        steps, values = array("q", self.steps), array("d", self.values)
        steps.extend(more.steps[at:])
        values.extend(more.values[at:])
        return Series(steps, values)


def best_step(accuracies: Mapping[int, float]) -> int | None:
    """The step with the highest accuracy, of equal ones the later; None where there is none."""
    return max(accuracies, key=lambda step: (accuracies[step], step), default=None)
