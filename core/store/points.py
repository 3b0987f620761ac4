"""Points of one run in bulk: driver rows, no objects between. Called by the modules beside it that read series.

Two million points are what a comparison of 80 runs reads; SQLAlchemy's rows would take twice the time of the database.
"""

from collections.abc import Iterable, Mapping
from itertools import groupby
from operator import itemgetter

from sqlalchemy import Connection, and_, select

from core.metrics.series import Series
from core.store.tables import point


def points(c: Connection, run_id: int, names: Mapping[int, str], since: int = 0) -> dict[str, Series]:
    """The metrics of a run by name, from step `since` on. `names`: id -> name of those that are read."""
    if not names:
        return {}
    # Named ids make it one short walk of the key for each metric, however long the run is.
    here = and_(point.c.run_id == int(run_id), point.c.metric_id.in_([int(i) for i in names]))
    query = select(point.c.metric_id, point.c.step, point.c.value).where(here, point.c.step >= int(since))
    said = query.order_by(point.c.metric_id, point.c.step).compile(c.engine, compile_kwargs={"literal_binds": True})
    cursor = c.connection.cursor()
    try:
        cursor.execute(str(said))
        return {names[metric_id]: _series(rows) for metric_id, rows in groupby(cursor.fetchall(), itemgetter(0))}
    finally:
        cursor.close()


def _series(rows: Iterable[tuple[int, int, float]]) -> Series:
    _, steps, values = zip(*rows, strict=True)
    return Series(list(steps), list(values))
