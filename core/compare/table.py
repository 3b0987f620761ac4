"""A table of a comparison as data: columns with their formulas, cells with the runs their numbers are of. Called by `tables`,
which makes them, `export`, which writes them as files, pages and reports. Pure; knows no comparison.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

NONE = "–"  # where there is no number


@dataclass(frozen=True)
class Column:
    """`key`: a score of core.compare.catalogue, or a word for what else stands there. `formula` and `source`: the score's.
    `better`: "up", "down" or "" where neither direction is good in itself."""

    key: str
    head: str
    unit: str = ""
    formula: str = ""
    source: str = ""
    better: str = ""

    @property
    def arrow(self) -> str:
        """Behind the head: which way is better."""
        return {"up": " ↑", "down": " ↓"}.get(self.better, "")


@dataclass(frozen=True)
class Cell:
    """What stands in one place. `value`, `low` and `high` are in the unit of the score, NaN where there is none; `text` and
    `interval` say them to people. `n`: seeds (or pairs, or problems) that it is over; `runs`: the ids it is of; `step`: where
    it is of one evaluation alone. `note`: what a reader must know of this number. `points`: seed -> value.

    `text` and `note` may hold names that people wrote: untrusted.
    """

    text: str
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    interval: str = ""
    n: int = 0
    runs: tuple[int, ...] = ()
    step: int | None = None
    note: str = ""
    points: Mapping[int, float] | None = None


@dataclass(frozen=True)
class Table:
    """`key` names it in URLs and files; `note` says how to read it, and is text."""

    key: str
    title: str
    note: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def column(self, key: str) -> list[Cell]:
        """The cells of one column; KeyError where there is none."""
        at = {c.key: i for i, c in enumerate(self.columns)}[key]
        return [row[at] for row in self.rows]

    def cells(self) -> Iterator[tuple[Column, Cell]]:
        """Every cell with its column, row by row."""
        for row in self.rows:
            yield from zip(self.columns, row, strict=True)
