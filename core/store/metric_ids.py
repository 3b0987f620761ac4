"""Which number the database has given each metric. Called by the modules beside it.

A name keeps its number for ever, so none that is known is looked up again: a live page asks each second, a worker each step.
"""

from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from core.store.session import engine, reading, writing
from core.store.tables import metric

_known: WeakKeyDictionary[Engine, dict[str, int]] = WeakKeyDictionary()


def ids_of(c: Connection, names: Sequence[str] | None) -> dict[str, int]:
    """Name -> id of the metrics that are called so (None: of all); those that nobody has recorded are left out."""
    known = _known.setdefault(c.engine, {})
    asked = select(metric.c.name, metric.c.id)
    if names is None:
        known.update((row.name, row.id) for row in c.execute(asked))
        return dict(known)
    if missing := [name for name in names if name not in known]:
        known.update((row.name, row.id) for row in c.execute(asked.where(metric.c.name.in_(missing))))
    return {name: known[name] for name in names if name in known}


def register(names: Iterable[str]) -> dict[str, int]:
    """The same of all that are known, after giving numbers to the new ones among `names`. In a transaction of its own: a
    rolled-back step keeps its names."""
    known = _known.setdefault(engine(), {})
    if missing := [name for name in names if name not in known]:
        with writing() as c:
            make = sqlite_insert if c.dialect.name == "sqlite" else postgresql_insert
            c.execute(make(metric).on_conflict_do_nothing(index_elements=["name"]), [{"name": name} for name in missing])
        with reading() as c:  # not before they are stored
            ids_of(c, missing)
    return known
