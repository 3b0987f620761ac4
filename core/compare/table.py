"""A table of a comparison as data: columns with formulas, cells with the runs behind their numbers. Pure.

It must not know what a comparison is.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from core.compare.catalogue import SCORES

NONE = "–"  # where there is no number


@dataclass(frozen=True)
class Column:
    """A column and what it holds.

    `key`: a score of core.compare.catalogue, or a word for what else the column holds. `formula` and
    `source`: the score's. `better`: "up", "down" or "" where neither direction is good in itself.
    """

    key: str
    head: str
    unit: str = ""
    formula: str = ""
    source: str = ""
    better: str = ""

    @property
    def arrow(self) -> str:
        """The arrow after the head that shows which way is better."""
        return {"up": " ↑", "down": " ↓"}.get(self.better, "")


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    `value`, `low` and `high` are in the unit of the score, NaN where there is none; `text` and `interval` are
    their form for people. `n`: number of seeds (or pairs, or problems) behind the value; `runs`: the ids of
    the runs behind it; `step`: the step of a value from one evaluation alone. `note`: what a reader must know
    about this number. `points`: seed -> value.

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
    """A table: `key` names it in URLs and files; `note` says how to read it, and is text."""

    key: str
    title: str
    note: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def column(self, key: str) -> list[Cell]:
        """The cells of one column; KeyError where there is none."""
        position = {c.key: i for i, c in enumerate(self.columns)}[key]
        return [row[position] for row in self.rows]

    def cells(self) -> Iterator[tuple[Column, Cell]]:
        """Every cell with its column, row by row."""
        for row in self.rows:
            yield from zip(self.columns, row, strict=True)


def score_column(key: str) -> Column:
    """The column of a score, described by the catalogue."""
    s = SCORES[key]
    return Column(key, s.title, s.unit, s.formula, s.source, s.better)
