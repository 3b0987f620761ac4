"""Reads the points of runs as driver rows, without objects in between.

A comparison of 80 runs reads two million points, and a live page reads ten runs a second: SQLAlchemy's
statements and rows would take twice the time of the database.
"""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter

from sqlalchemy import Connection

from core.metrics.series import Series
from core.store.schema import point

# With explicit ids the database makes one short walk of the key per metric, however long the run is. Whole
# numbers need no parameters.
WHERE = f"FROM {point.name} WHERE run_id = {{run}} AND metric_id IN ({{metrics}})"
WHOLE = f"SELECT metric_id, step, value {WHERE} ORDER BY metric_id, step"
# The step is a parameter: a driver caches prepared statements, and a separate text per step would cost
# kilobytes each.
NEW = f"SELECT run_id, metric_id, step, value {WHERE} AND step >= {{since}}"
MOST_TOGETHER = 100  # SQLite takes 500 parts of one statement


def new_points(
    c: Connection, since: Mapping[int, int], names: Mapping[int, str]
) -> dict[int, dict[str, Series]]:
    """The metrics of each run from its step in `since` on: one statement for many runs with few new points.

    `names`: id -> name of the metrics that are read.
    """
    if not names or not since:
        return {run_id: {} for run_id in since}
    metrics = ",".join(str(int(i)) for i in names)
    runs = list(since)
    rows: list[tuple[int, int, int, float]] = []
    place = "?" if c.dialect.paramstyle == "qmark" else "%s"
    for start in range(0, len(runs), MOST_TOGETHER):
        some = runs[start : start + MOST_TOGETHER]
        statement = " UNION ALL ".join(NEW.format(run=int(r), metrics=metrics, since=place) for r in some)
        with c.exec_driver_sql(statement, tuple(int(since[r]) for r in some)) as result:
            rows += result.cursor.fetchall()
    series_by_run: dict[int, dict[str, Series]] = {run_id: {} for run_id in since}
    for (run_id, metric_id), group in groupby(sorted(rows), key=itemgetter(0, 1)):  # no two have the same key
        _, _, steps, values = zip(*group, strict=True)
        series_by_run[run_id][names[metric_id]] = Series(steps, values)
    return series_by_run


def points(c: Connection, run_id: int, names: Mapping[int, str]) -> dict[str, Series]:
    """The metrics of a run by name, in the order of steps.

    `names`: id -> name of the metrics that are read.
    """
    if not names:
        return {}
    statement = WHOLE.format(run=int(run_id), metrics=",".join(str(int(i)) for i in names))
    with c.exec_driver_sql(statement) as result:
        rows = result.cursor.fetchall()
    series_by_name = {}
    start = 0
    steps, values = (list(map(itemgetter(column), rows)) for column in (1, 2))  # no loop over the rows
    while start < len(rows):
        end = bisect_right(rows, rows[start][0], start, key=itemgetter(0))
        series_by_name[names[rows[start][0]]] = Series(steps[start:end], values[start:end])
        start = end
    return series_by_name
