"""What lists show of samples: narrow lines with the end of the text; a group; a problem through time. Called by app.cache.

Reads no text whole: a completion may be a megabyte long, and a list shows fifty.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, and_, case, exists, func, select

from core.store.queries import SampleView, TermScore, samples_where, scores_of
from core.store.session import reading
from core.store.tables import sample, sample_label, sample_note

ENDS_WITH = 160  # characters of a completion's end: that is where the answer is
MOST_SEEN = 5_000  # samples of one problem that are looked at: 600 groups of eight


class Place(NamedTuple):
    """Where a sample stands in its run. It outlives a resume, which gives the step new rows and ids."""

    run_id: int
    split: str
    step: int
    group_index: int
    index_in_group: int


@dataclass(frozen=True)
class Line:
    """A sample as lists show it; `ends`: the end of its completion."""

    id: int
    run_id: int
    split: str
    step: int
    group_index: int
    index_in_group: int
    problem_id: str
    parsed: str | None
    correct: bool
    truncated: bool
    n_tokens: int
    total: float | None
    advantage: float | None
    dead: bool | None
    surprise: float | None
    ends: str
    scores: tuple[TermScore, ...]
    labels: tuple[str, ...]
    noted: bool

    @property
    def place(self) -> Place:
        return place_of(self)


def place_of(x: SampleView | Line) -> Place:
    """The place of a sample."""
    return Place(*(getattr(x, name) for name in Place._fields))


@dataclass(frozen=True)
class Seen:
    """One group of a problem: how it went, and its lines with the highest and the lowest total."""

    run_id: int
    step: int
    group_index: int
    size: int
    right: int
    mean_total: float | None
    best: Line
    worst: Line


NARROW = tuple(f for f in Line.__dataclass_fields__ if f not in ("ends", "scores", "labels", "noted"))
KEY = tuple(sample.c[name] for name in Place._fields)


def _end() -> ColumnElement[str]:
    length = func.length(sample.c.completion)
    return func.substr(sample.c.completion, case((length > ENDS_WITH, length - ENDS_WITH + 1), else_=1)).label("ends")


def same_place(table: Table, other: Table) -> ColumnElement[bool]:
    """That rows of two tables are of the same sample, by its place."""
    return and_(*(table.c[name] == other.c[name] for name in Place._fields))


def _marks() -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """A sample's labels, a line each, and whether it has a note. A label has no line break (core.store.notes)."""
    names = select(func.aggregate_strings(sample_label.c.name, "\n")).where(same_place(sample_label, sample))
    return names.scalar_subquery().label("labels"), exists().where(same_place(sample_note, sample)).label("noted")


def _lines(c: Connection, where: ColumnElement[bool], scored: bool = True, limit: int | None = None) -> list[Line]:
    query = select(*(sample.c[name] for name in NARROW), _end(), *_marks()).where(where).order_by(*KEY).limit(limit)
    rows = [r._asdict() for r in c.execute(query)]
    parts = scores_of(c, [r["id"] for r in rows]) if scored else {}
    return [
        Line(**{**r, "labels": tuple(sorted((r["labels"] or "").splitlines()))}, scores=tuple(parts.get(r["id"], ())))
        for r in rows
    ]


def lines(ids: Sequence[int]) -> list[Line]:
    """Some samples, in the order of their ids as given."""
    with reading() as c:
        found = {x.id: x for x in _lines(c, sample.c.id.in_(list(ids)))}
    return [found[i] for i in ids if i in found]


def group(place: Place) -> list[Line]:
    """The samples of a place's group, in their order."""
    here = and_(*(sample.c[name] == getattr(place, name) for name in Place._fields[:-1]))
    with reading() as c:
        return _lines(c, here)


def sample_at(place: Place) -> SampleView | None:
    """The sample of a place, whole; None when there is none."""
    found = samples_where(and_(*(sample.c[name] == value for name, value in place._asdict().items())))
    return found[0] if found else None


def through_time(runs: Sequence[int], problem_id: str, split: str = "train") -> list[Seen]:
    """Every group of a problem in some runs, by run and step; of very many the first."""
    here = and_(sample.c.run_id.in_(list(runs)), sample.c.problem_id == problem_id, sample.c.split == split)
    with reading() as c:
        found = _lines(c, here, scored=False, limit=MOST_SEEN)
    groups: dict[tuple[int, int, int], list[Line]] = {}
    for x in found:
        groups.setdefault((x.run_id, x.step, x.group_index), []).append(x)
    return [_seen(members) for members in groups.values()]


def _seen(members: list[Line]) -> Seen:
    first = members[0]
    totals = [x.total for x in members if x.total is not None]
    # Held-out samples have no total: there the right ones are the best.
    by_total = sorted(members, key=lambda x: (float(x.correct) if x.total is None else x.total, -x.index_in_group))
    mean = sum(totals) / len(totals) if totals else None
    right = sum(x.correct for x in members)
    return Seen(first.run_id, first.step, first.group_index, len(members), right, mean, by_total[-1], by_total[0])
