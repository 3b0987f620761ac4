"""Points of one run: how they are asked for, and in bulk as driver rows, no objects between. Called by the modules beside.

Two million points are what a comparison of 80 runs reads; SQLAlchemy's rows would take twice the time of the database.
"""

from collections.abc import Collection, Mapping

from sqlalchemy import ColumnElement, Connection, Select, select

from core.metrics.series import Series, by_key
from core.store.tables import point


def points_of(run_id: ColumnElement[int] | int, metric_ids: Collection[int]) -> Select[int, int, float]:
    """(metric's id, step, value) of a run, metric by metric in the order of steps.

    Named ids make it one short walk of the key for each metric, however long the run is.
    """
    columns = select(point.c.metric_id, point.c.step, point.c.value)
    here = (point.c.run_id == run_id, point.c.metric_id.in_(metric_ids))
    return columns.where(*here).order_by(point.c.metric_id, point.c.step)


def points(c: Connection, run_id: int, names: Mapping[int, str]) -> dict[str, Series]:
    """The metrics of a run by name, packed. `names`: id -> name of those that are read."""
    if not names:
        return {}
    said = points_of(int(run_id), [int(i) for i in names]).compile(c.engine, compile_kwargs={"literal_binds": True})
    cursor = c.connection.cursor()
    try:
        cursor.execute(str(said))
        return {names[metric_id]: line.packed() for metric_id, line in by_key(cursor.fetchall()).items()}
    finally:
        cursor.close()
