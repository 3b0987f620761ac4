"""One metric of one run over its steps. Made by core.store.queries; read by verdicts and figures. And which step is best,
for worker.keeper and cli.transfer."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Series:
    """Steps in rising order, and the value at each."""

    steps: list[int]
    values: list[float]


def best_step(accuracies: Mapping[int, float]) -> int | None:
    """The step with the highest accuracy, of equal ones the later; None where there is none."""
    return max(accuracies, key=lambda step: (accuracies[step], step), default=None)
