"""Notes and labels that people put on samples.

They are keyed by the sample's place, so that a resume, which writes a step's samples again, loses none.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, and_, delete, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from core.common.errors import DataError
from core.store.samples.lines import Place
from core.store.schema import sample_label, sample_note
from core.store.session import reading, writing
from core.store.transitions import clean

LONGEST_NOTE = 4_000
LONGEST_LABEL = 40


@dataclass(frozen=True)
class Marks:
    """The note and the labels that people put on one sample."""

    note: str = ""
    labels: tuple[str, ...] = ()


def _at(table: Table, place: Place) -> ColumnElement[bool]:
    return and_(*(table.c[name] == value for name, value in place._asdict().items()))


def _key(table: Table) -> list[Column[Any]]:
    return [table.c[name] for name in Place._fields]


def marks(place: Place) -> Marks:
    """The note and the labels of a sample, with labels sorted by name."""
    with reading() as c:
        return _marks(c, place)


def _marks(c: Connection, place: Place) -> Marks:
    note = c.execute(select(sample_note.c.text).where(_at(sample_note, place))).scalar()
    names = c.execute(select(sample_label.c.name).where(_at(sample_label, place))).scalars()
    return Marks(note or "", tuple(sorted(names)))


def marks_of(runs: Sequence[int]) -> dict[Place, Marks]:
    """Every note and label in some runs, by place."""
    marks_by_place: dict[Place, Marks] = {}
    with reading() as c:
        for *key, text in c.execute(
            select(*_key(sample_note), sample_note.c.text).where(sample_note.c.run_id.in_(list(runs)))
        ):
            marks_by_place[Place(*key)] = Marks(text)
        labels = select(*_key(sample_label), sample_label.c.name).where(sample_label.c.run_id.in_(list(runs)))
        for *key, name in c.execute(labels.order_by(sample_label.c.name)):
            place = Place(*key)
            earlier = marks_by_place.get(place, Marks())
            marks_by_place[place] = Marks(earlier.note, (*earlier.labels, name))
    return marks_by_place


def write(place: Place, note: str, labels: Sequence[str], shown: Marks | None = None) -> None:
    """Replace the note and labels that were `shown` (None: the stored ones) with new ones.

    An empty note and no labels remove them. What others wrote since then stays, unless both changed the note.
    Raises DataError for a note or label that is too long.
    """
    note = clean(note).strip()
    if len(note) > LONGEST_NOTE:
        raise DataError(
            f"the note has {len(note):,} characters; at most {LONGEST_NOTE:,} are kept. Shorten it"
        )
    names = sorted({clean(" ".join(name.split())) for name in labels} - {""})
    for name in names:
        if len(name) > LONGEST_LABEL:
            raise DataError(
                f"the label {name[:LONGEST_LABEL] + '…'!r} has {len(name)} characters; "
                f"at most {LONGEST_LABEL} are kept"
            )
    with writing() as c:
        current = shown or _marks(c, place)
        if note != current.note:
            _put_note(c, place, note)
        if removed := set(current.labels) - set(names):
            c.execute(
                delete(sample_label).where(_at(sample_label, place), sample_label.c.name.in_(sorted(removed)))
            )
        if new := [{**place._asdict(), "name": name} for name in names if name not in current.labels]:
            c.execute(_insert(c, sample_label).on_conflict_do_nothing(), new)


def _put_note(c: Connection, place: Place, note: str) -> None:
    if not note:
        c.execute(delete(sample_note).where(_at(sample_note, place)))
        return
    values = {"text": note, "written_at": time.time()}
    add = _insert(c, sample_note).values(**place._asdict(), **values)
    c.execute(add.on_conflict_do_update(index_elements=list(Place._fields), set_=values))


def _insert(c: Connection, table: Table) -> Any:
    """An insert statement of the database's dialect, which can handle a row that already exists.

    Two people may write at once.
    """
    return sqlite_insert(table) if c.dialect.name == "sqlite" else postgresql_insert(table)


def label_counts(runs: Sequence[int]) -> dict[str, int]:
    """The labels used in some runs and their numbers of samples, by name."""
    name = sample_label.c.name
    query = select(name, func.count()).where(sample_label.c.run_id.in_(list(runs))).group_by(name)
    with reading() as c:
        return dict(sorted(tuple(r) for r in c.execute(query)))
