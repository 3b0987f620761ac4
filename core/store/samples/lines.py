"""Samples as lists show them: narrow lines with the end of the text, groups, a problem through time.

Lines never hold a full text: a completion may be a megabyte long, and a list shows fifty.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Table, and_, case, exists, func, select

from core.store.runs.queries import SampleView, TermScore, samples_where, scores_of
from core.store.schema import sample, sample_label, sample_note
from core.store.session import reading

ENDS_WITH = 160  # characters of a completion's end, where the answer is
MOST_SEEN = 5_000  # samples of one problem that are read: 600 groups of eight


class Place(NamedTuple):
    """A sample's position in its run. It survives a resume, which gives the step new rows and ids."""

    run_id: int
    split: str
    step: int
    group_index: int
    index_in_group: int


@dataclass(frozen=True)
class Line:
    """A sample as lists show it; `ends` is the end of its completion."""

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
    """One group of a problem: its results, and its lines with the highest and the lowest total."""

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
    return func.substr(
        sample.c.completion, case((length > ENDS_WITH, length - ENDS_WITH + 1), else_=1)
    ).label("ends")


def same_place(table: Table, other: Table) -> ColumnElement[bool]:
    """The condition that rows of two tables belong to one sample, by its place."""
    return and_(*(table.c[name] == other.c[name] for name in Place._fields))


def _marks() -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """The columns for a sample's labels, one per line, and for whether it has a note.

    A label never contains a line break (core.store.samples.notes).
    """
    names = select(func.aggregate_strings(sample_label.c.name, "\n")).where(same_place(sample_label, sample))
    return names.scalar_subquery().label("labels"), exists().where(same_place(sample_note, sample)).label(
        "noted"
    )


def _lines(
    c: Connection, where: ColumnElement[bool], scored: bool = True, limit: int | None = None
) -> list[Line]:
    query = (
        select(*(sample.c[name] for name in NARROW), _end(), *_marks())
        .where(where)
        .order_by(*KEY)
        .limit(limit)
    )
    rows = [r._asdict() for r in c.execute(query)]
    parts = scores_of(c, [r["id"] for r in rows]) if scored else {}
    return [
        Line(
            **{**r, "labels": tuple(sorted((r["labels"] or "").splitlines()))},
            scores=tuple(parts.get(r["id"], ())),
        )
        for r in rows
    ]


def lines(ids: Sequence[int]) -> list[Line]:
    """The lines of some samples, in the order of the given ids; missing ones are left out."""
    with reading() as c:
        line_by_id = {x.id: x for x in _lines(c, sample.c.id.in_(list(ids)))}
    return [line_by_id[i] for i in ids if i in line_by_id]


def group(place: Place) -> list[Line]:
    """The samples of a place's group, in order."""
    condition = and_(*(sample.c[name] == getattr(place, name) for name in Place._fields[:-1]))
    with reading() as c:
        return _lines(c, condition)


def sample_at(place: Place) -> SampleView | None:
    """The complete sample at a place; None when there is none."""
    samples = samples_where(and_(*(sample.c[name] == value for name, value in place._asdict().items())))
    return samples[0] if samples else None


def through_time(runs: Sequence[int], problem_id: str, split: str = "train") -> list[Seen]:
    """Every group of a problem in some runs, by run and step; only the first MOST_SEEN samples are read."""
    condition = and_(
        sample.c.run_id.in_(list(runs)), sample.c.problem_id == problem_id, sample.c.split == split
    )
    with reading() as c:
        problem_lines = _lines(c, condition, scored=False, limit=MOST_SEEN)
    groups: dict[tuple[int, int, int], list[Line]] = {}
    for x in problem_lines:
        groups.setdefault((x.run_id, x.step, x.group_index), []).append(x)
    return [_seen(members) for members in groups.values()]


def _seen(members: list[Line]) -> Seen:
    first = members[0]
    totals = [x.total for x in members if x.total is not None]
    # Held-out samples have no total, so the right ones rank as best.
    by_total = sorted(
        members, key=lambda x: (float(x.correct) if x.total is None else x.total, -x.index_in_group)
    )
    mean = sum(totals) / len(totals) if totals else None
    right = sum(x.correct for x in members)
    return Seen(
        first.run_id, first.step, first.group_index, len(members), right, mean, by_total[-1], by_total[0]
    )
