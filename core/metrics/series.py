"""One metric of one run over its steps. Made by core.store.queries; read by verdicts and figures."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Series:
    """Steps in rising order, and the value at each."""

    steps: list[int]
    values: list[float]
