"""The number that the database has given each metric.

A name keeps its number forever, so a known name is never looked up again: a live page asks every second, a
worker every step.
"""

from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from core.store.schema import metric
from core.store.session import engine, reading, writing

_known: WeakKeyDictionary[Engine, dict[str, int]] = WeakKeyDictionary()


def ids_of(c: Connection, names: Sequence[str] | None) -> dict[str, int]:
    """Name -> id of the named metrics (None: of all metrics).

    Metrics that nobody has recorded are left out.
    """
    id_by_name = _known.setdefault(c.engine, {})
    query = select(metric.c.name, metric.c.id)
    if names is None:
        id_by_name.update((row.name, row.id) for row in c.execute(query))
        return dict(id_by_name)
    if missing := [name for name in names if name not in id_by_name]:
        id_by_name.update((row.name, row.id) for row in c.execute(query.where(metric.c.name.in_(missing))))
    return {name: id_by_name[name] for name in names if name in id_by_name}


def register(names: Iterable[str]) -> dict[str, int]:
    """Give numbers to the new metrics among `names`; returns name -> id of all known metrics.

    It uses its own transaction, so the names of a rolled-back step stay registered.
    """
    id_by_name = _known.setdefault(engine(), {})
    if missing := [name for name in names if name not in id_by_name]:
        with writing() as c:
            make = sqlite_insert if c.dialect.name == "sqlite" else postgresql_insert
            c.execute(
                make(metric).on_conflict_do_nothing(index_elements=["name"]),
                [{"name": name} for name in missing],
            )
        with reading() as c:  # only once they are stored
            ids_of(c, missing)
    return id_by_name
