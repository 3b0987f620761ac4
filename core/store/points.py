"""Points of one run as driver rows, no objects between. Called by the modules beside.

Two million points are what a comparison of 80 runs reads, and a live page reads ten runs a second: SQLAlchemy's statements
and rows would take twice the time of the database.
"""

from bisect import bisect_right
from collections.abc import Mapping
from operator import itemgetter

from sqlalchemy import Connection

from core.metrics.series import Series
from core.store.tables import point

# Named ids make it one short walk of the key for each metric, however long the run is. Whole numbers need no parameters.
POINTS = f"""SELECT metric_id, step, value FROM {point.name} WHERE run_id = {{run}} AND metric_id IN ({{metrics}})
AND step >= {{since}} ORDER BY metric_id, step"""


def points(c: Connection, run_id: int, names: Mapping[int, str], since: int = 0) -> dict[str, Series]:
    """The metrics of a run by name, in the order of steps. `names`: id -> name of those that are read; `since`: a step."""
    if not names:
        return {}
    said = POINTS.format(run=int(run_id), metrics=",".join(str(int(i)) for i in names), since=int(since))
    with c.exec_driver_sql(said) as result:
        rows = result.cursor.fetchall()
    found, at = {}, 0
    steps, values = (list(map(itemgetter(column), rows)) for column in (1, 2))  # no loop over the rows
    while at < len(rows):
        end = bisect_right(rows, rows[at][0], at, key=itemgetter(0))
        found[names[rows[at][0]]] = Series(steps[at:end], values[at:end])
        at = end
    return found
