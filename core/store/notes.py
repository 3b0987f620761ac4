"""Notes and labels that people put on samples. Called by app.actions, which writes, and app.cache, which reads.

Keyed by the sample's place, so that a resume, which writes a step's samples again, loses none.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Table, and_, delete, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from core.errors import DataError
from core.store.lines import Place
from core.store.moves import clean
from core.store.session import reading, writing
from core.store.tables import sample_label, sample_note

LONGEST_NOTE, LONGEST_LABEL = 4_000, 40


@dataclass(frozen=True)
class Marks:
    """What people wrote on one sample."""

    note: str = ""
    labels: tuple[str, ...] = ()


def _at(table: Table, place: Place) -> ColumnElement[bool]:
    return and_(*(table.c[name] == value for name, value in place._asdict().items()))


def _key(table: Table) -> list[Column[Any]]:
    return [table.c[name] for name in Place._fields]


def marks(place: Place) -> Marks:
    """The note and the labels of a sample, labels by name."""
    with reading() as c:
        return _marks(c, place)


def _marks(c: Connection, place: Place) -> Marks:
    note = c.execute(select(sample_note.c.text).where(_at(sample_note, place))).scalar()
    names = c.execute(select(sample_label.c.name).where(_at(sample_label, place))).scalars()
    return Marks(note or "", tuple(sorted(names)))


def marks_of(runs: Sequence[int]) -> dict[Place, Marks]:
    """Every note and label in some runs."""
    found: dict[Place, Marks] = {}
    with reading() as c:
        for *at, text in c.execute(select(*_key(sample_note), sample_note.c.text).where(sample_note.c.run_id.in_(list(runs)))):
            found[Place(*at)] = Marks(text)
        labels = select(*_key(sample_label), sample_label.c.name).where(sample_label.c.run_id.in_(list(runs)))
        for *at, name in c.execute(labels.order_by(sample_label.c.name)):
            place = Place(*at)
            before = found.get(place, Marks())
            found[place] = Marks(before.note, (*before.labels, name))
    return found


def write(place: Place, note: str, labels: Sequence[str], shown: Marks | None = None) -> None:
    """Put a note and labels on a sample in place of those that were `shown` (None: of those it has); an empty note and no
    labels take them away. What others wrote since then stays, unless it is the same note."""
    note = clean(note).strip()
    if len(note) > LONGEST_NOTE:
        raise DataError(f"the note has {len(note):,} characters; at most {LONGEST_NOTE:,} are kept. Shorten it")
    names = sorted({clean(" ".join(name.split())) for name in labels} - {""})
    for name in names:
        if len(name) > LONGEST_LABEL:
            raise DataError(
                f"the label {name[:LONGEST_LABEL] + '…'!r} has {len(name)} characters; at most {LONGEST_LABEL} are kept"
            )
    with writing() as c:
        before = shown or _marks(c, place)
        if note != before.note:
            _put_note(c, place, note)
        if gone := set(before.labels) - set(names):
            c.execute(delete(sample_label).where(_at(sample_label, place), sample_label.c.name.in_(sorted(gone))))
        if new := [{**place._asdict(), "name": name} for name in names if name not in before.labels]:
            c.execute(_insert(c, sample_label).on_conflict_do_nothing(), new)


def _put_note(c: Connection, place: Place, note: str) -> None:
    if not note:
        c.execute(delete(sample_note).where(_at(sample_note, place)))
        return
    said = {"text": note, "written_at": time.time()}
    add = _insert(c, sample_note).values(**place._asdict(), **said)
    c.execute(add.on_conflict_do_update(index_elements=list(Place._fields), set_=said))


def _insert(c: Connection, table: Table) -> Any:
    """One that two people at once may do: a statement of its dialect, for what happens to a row that is there."""
    return sqlite_insert(table) if c.dialect.name == "sqlite" else postgresql_insert(table)


def label_counts(runs: Sequence[int]) -> dict[str, int]:
    """The labels used in some runs, and on how many samples, by name."""
    name = sample_label.c.name
    query = select(name, func.count()).where(sample_label.c.run_id.in_(list(runs))).group_by(name)
    with reading() as c:
        return dict(sorted(tuple(r) for r in c.execute(query)))
