"""Points of one run as driver rows, no objects between. Called by the modules beside.

Two million points are what a comparison of 80 runs reads, and a live page reads ten runs a second: SQLAlchemy's statements
and rows would take twice the time of the database.
"""

from bisect import bisect_right
from collections.abc import Mapping
from itertools import groupby
from operator import itemgetter

from sqlalchemy import Connection

from core.metrics.series import Series
from core.store.tables import point

# Named ids make it one short walk of the key for each metric, however long the run is. Whole numbers need no parameters.
WHERE = f"FROM {point.name} WHERE run_id = {{run}} AND metric_id IN ({{metrics}})"
WHOLE = f"SELECT metric_id, step, value {WHERE} ORDER BY metric_id, step"
# The step is a parameter: a driver keeps what it has prepared, and a text for each step would cost kilobytes each.
NEW = f"SELECT run_id, metric_id, step, value {WHERE} AND step >= {{since}}"
MOST_TOGETHER = 100  # SQLite takes 500 parts of one statement


def new_points(c: Connection, since: Mapping[int, int], names: Mapping[int, str]) -> dict[int, dict[str, Series]]:
    """Run -> its metrics from a step on, where these are few: one statement for many runs."""
    if not names or not since:
        return {run_id: {} for run_id in since}
    metrics, runs = ",".join(str(int(i)) for i in names), list(since)
    rows: list[tuple[int, int, int, float]] = []
    place = "?" if c.dialect.paramstyle == "qmark" else "%s"
    for at in range(0, len(runs), MOST_TOGETHER):
        some = runs[at : at + MOST_TOGETHER]
        said = " UNION ALL ".join(NEW.format(run=int(r), metrics=metrics, since=place) for r in some)
        with c.exec_driver_sql(said, tuple(int(since[r]) for r in some)) as result:
            rows += result.cursor.fetchall()
    found: dict[int, dict[str, Series]] = {run_id: {} for run_id in since}
    for (run_id, metric_id), same in groupby(sorted(rows), key=itemgetter(0, 1)):  # no two have the same key
        _, _, steps, values = zip(*same, strict=True)
        found[run_id][names[metric_id]] = Series(steps, values)
    return found


def points(c: Connection, run_id: int, names: Mapping[int, str]) -> dict[str, Series]:
    """The metrics of a run by name, in the order of steps. `names`: id -> name of those that are read."""
    if not names:
        return {}
    said = WHOLE.format(run=int(run_id), metrics=",".join(str(int(i)) for i in names))
    with c.exec_driver_sql(said) as result:
        rows = result.cursor.fetchall()
    found, at = {}, 0
    steps, values = (list(map(itemgetter(column), rows)) for column in (1, 2))  # no loop over the rows
    while at < len(rows):
        end = bisect_right(rows, rows[at][0], at, key=itemgetter(0))
        found[names[rows[at][0]]] = Series(steps[at:end], values[at:end])
        at = end
    return found
