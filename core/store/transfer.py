"""Moves one run between databases as plain rows: read in one view, written in one transaction.

Knows nothing about files. A row holds int, float, text, bool and None; JSON columns travel as text. A sample
is identified by its place in the run (0, 1, ...), not by its id, so that a run reads the same from every
database.
"""

import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import JSON, Boolean, Column, Connection, Float, Integer, Table, insert, select, text
from sqlalchemy.exc import SQLAlchemyError

from core.common.errors import DataError, NotFound
from core.config.parsing import parse
from core.config.run import RunConfig
from core.store.schema import (
    evaluation,
    evaluation_item,
    experiment,
    metric,
    point,
    run,
    run_event,
    sample,
    sample_label,
    sample_note,
    score,
)
from core.store.session import reading, writing
from core.store.status import Status
from core.store.steps import metric_ids
from core.store.transitions import add_event, new_id

Kind = Literal["int", "float", "text", "bool", "json"]
Row = Sequence[Any]
PIECE = {
    "sample": 4096, "score": 32768, "point": 32768, "evaluation": 4096, "evaluation_item": 32768,
    "sample_note": 4096, "sample_label": 32768,
}  # fmt: skip
"""Rows held in memory at once: a completion may be tens of kilobytes, a score is a few dozen bytes."""
OWN = ("id", "run_id", "sample_id", "metric_id")  # keys that only mean something within one database
# Where a run belongs, who holds it and where it could resume: none of this travels, since checkpoints lie on
# the machine that trained it.
HERE = ("experiment_id", "lease_owner", "lease_until", "checkpoint_step")
TABLES: dict[str, Table] = {
    t.name: t for t in (point, sample, score, evaluation, evaluation_item, sample_note, sample_label)
}
LEADS: dict[str, dict[str, Kind]] = {
    "point": {"metric": "text"},
    "sample": {"sample": "int"},
    "score": {"sample": "int"},
}

FOLLOWS = (
    "\n"
    "UPDATE sample SET dead = g.high <= 1e-4,\n"
    "  surprise = CASE WHEN correct THEN g.wrong_total - total ELSE total - g.right_total END\n"
    "FROM (SELECT step AS s, group_index AS i, max(abs(advantage)) AS high,\n"
    "        avg(CASE WHEN correct THEN total END) AS right_total, "
    "avg(CASE WHEN correct THEN NULL ELSE total END) AS wrong_total\n"
    "      FROM sample WHERE run_id = :run AND split = 'train' AND advantage IS NOT NULL "
    "GROUP BY step, group_index) AS g\n"
    "WHERE run_id = :run AND split = 'train' AND g.s = step AND g.i = group_index "
    "AND advantage IS NOT NULL AND dead IS NULL\n"
)
"""Computes the sample columns that follow from a group, for exports made before they were stored.

See core.rewards.advantage.dead and core.analysis.agreement.surprise.
"""


def _kind(column: Column[Any]) -> Kind:
    kinds: tuple[tuple[Any, Kind], ...] = (
        (JSON, "json"),
        (Boolean, "bool"),
        (Integer, "int"),
        (Float, "float"),
    )
    return next((kind for type_, kind in kinds if isinstance(column.type, type_)), "text")


def _plain(table: Table) -> list[Column[Any]]:
    return [x for x in table.c if x.name not in OWN]


def columns(name: str) -> dict[str, Kind]:
    """The columns of a table's exported rows and their kinds, in order."""
    return LEADS.get(name, {}) | {x.name: _kind(x) for x in _plain(TABLES[name])}


def _head_columns() -> list[str]:
    return [x.name for x in run.c if x.name not in (*OWN, *HERE)]


@dataclass
class View:
    """A consistent view of one run.

    `head`: the run's own row. `rows` streams its other tables; read samples before scores.
    """

    connection: Connection
    run_id: int
    head: dict[str, Any]
    experiment: dict[str, Any] | None
    events: list[dict[str, Any]]
    _samples: "array[int]" = field(default_factory=lambda: array("q"))

    def rows(self, name: str) -> Iterator[Row]:
        """Every row of a table, in the order of `columns(name)`."""
        streams: dict[str, Iterator[Row]] = {
            "point": self._points(),
            "sample": self._of_samples(),
            "score": self._scores(),
        }
        return streams[name] if name in streams else self._by_key(TABLES[name])

    def _stream(self, query: Any, name: str) -> Iterator[Row]:
        yield from self.connection.execute(query.execution_options(yield_per=PIECE[name]))

    def _points(self) -> Iterator[Row]:
        in_run = point.c.run_id == self.run_id
        used = select(point.c.metric_id).where(in_run).distinct()
        named = {
            r.name: r.id
            for r in self.connection.execute(select(metric.c.id, metric.c.name).where(metric.c.id.in_(used)))
        }
        for name in sorted(named):  # sorted here: databases differ in how they order text
            query = (
                select(point.c.step, point.c.value)
                .where(in_run, point.c.metric_id == named[name])
                .order_by(point.c.step)
            )
            for step, value in self._stream(query, "point"):
                yield name, step, value

    def _order(self) -> tuple[Column[Any], ...]:
        # The order of an index: the database sorts nothing.
        return (sample.c.split, sample.c.step, sample.c.group_index, sample.c.index_in_group)

    def _of_samples(self) -> Iterator[Row]:
        self._samples = array("q")
        query = (
            select(sample.c.id, *_plain(sample))
            .where(sample.c.run_id == self.run_id)
            .order_by(*self._order())
        )
        for number, (sample_id, *values) in enumerate(self._stream(query, "sample")):
            self._samples.append(sample_id)
            yield number, *values

    def _scores(self) -> Iterator[Row]:
        query = (
            select(sample.c.id, *_plain(score))
            .select_from(sample.join(score, score.c.sample_id == sample.c.id))
            .where(sample.c.run_id == self.run_id)
            .order_by(*self._order(), score.c.position)
        )
        number = 0
        for sample_id, *values in self._stream(query, "score"):
            while self._samples[number] != sample_id:  # held-out samples have no scores
                number += 1
            yield number, *values

    def _by_key(self, table: Table) -> Iterator[Row]:
        keys = [x for x in table.primary_key if x.name != "run_id"]
        kinds = [_kind(x) for x in _plain(table)]
        for row in self._stream(
            select(*_plain(table)).where(table.c.run_id == self.run_id).order_by(*keys), table.name
        ):
            yield [json.dumps(v) if k == "json" else v for k, v in zip(kinds, row, strict=True)]


@contextmanager
def view(run_id: int) -> Iterator[View]:
    """Open an ended run for reading.

    Raises NotFound when there is no such run, and DataError for one that can still change.
    """
    with reading() as c:
        if c.dialect.name == "postgresql":  # every query below sees the same moment; SQLite does so anyway
            c.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        row = c.execute(select(run).where(run.c.id == run_id)).first()
        if row is None:
            raise NotFound(f"there is no run {run_id}")
        if not Status(row.status).finished:
            raise DataError(
                f"run {run_id} is {row.status}; it can be exported when it has ended, "
                f"or after `showdown stop {run_id}`"
            )
        head = {name: getattr(row, name) for name in _head_columns()}
        query = select(experiment.c.name, experiment.c.question).where(experiment.c.id == row.experiment_id)
        experiment_row = c.execute(query).first()
        events = c.execute(
            select(*_plain(run_event)).where(run_event.c.run_id == run_id).order_by(run_event.c.id)
        )
        yield View(
            c,
            run_id,
            head,
            experiment_row and dict(experiment_row._mapping),
            [dict(e._mapping) for e in events],
        )


@dataclass
class Restore:
    """A run that is being imported: its future id, and a way to add rows, samples before scores."""

    connection: Connection
    run_id: int
    _metrics: Mapping[str, int]
    follows: bool = False
    """Whether the imported samples already hold the columns that `FOLLOWS` computes."""
    _samples: "array[int]" = field(default_factory=lambda: array("q"))

    def add(self, name: str, given: Mapping[str, Sequence[Any]]) -> None:
        """Write some rows of a table, given as columns; DataError for values that cannot belong to a run."""
        unknown = sorted(set(given) - set(columns(name)))
        if unknown:
            raise DataError(
                f"{name} has the column {unknown[0]!r}, which this version does not know: "
                "a newer one exported it"
            )
        kinds = columns(name)
        try:
            values_by_column = {
                k: [v and json.loads(v) for v in values] if kinds[k] == "json" else values
                for k, values in given.items()
            }
        except (ValueError, RecursionError) as error:
            raise DataError(f"{name} has a value that is no JSON: {type(error).__name__}") from error
        count = len(next(iter(values_by_column.values())))
        try:
            keys = self._keys(name, values_by_column, count)
        except (KeyError, IndexError) as error:
            raise DataError(f"{name} speaks of something the export does not hold: {error}") from error
        values_by_column = keys | {k: v for k, v in values_by_column.items() if k not in LEADS.get(name, {})}
        rows = [
            dict(zip(values_by_column, values, strict=True))
            for values in zip(*values_by_column.values(), strict=True)
        ]
        if name == "sample":
            self.follows = "dead" in values_by_column
            returned = insert(sample).returning(sample.c.id, sort_by_parameter_order=True)
            self._samples.extend(self.connection.execute(returned, rows).scalars())
        elif rows:
            self.connection.execute(insert(TABLES[name]), rows)

    def _keys(self, name: str, of: Mapping[str, Sequence[Any]], count: int) -> dict[str, Sequence[Any]]:
        if name == "score":
            return {"sample_id": [self._samples[i] for i in of["sample"]]}
        if name == "point":
            return {"run_id": [self.run_id] * count, "metric_id": [self._metrics[m] for m in of["metric"]]}
        return {"run_id": [self.run_id] * count}


PYTHON: dict[Kind, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "text": (str,),
    "bool": (bool,),
    "json": (dict, list),
}


def _check(what: str, values: Mapping[str, Any], columns: Sequence[Column[Any]]) -> None:
    """Raise DataError for values that do not fit these columns.

    SQLite would accept a text for a number, and a page would break on it.
    """
    kinds = {column.name: _kind(column) for column in columns}
    unknown = sorted(set(values) - set(kinds))
    if unknown:
        raise DataError(
            f"{what} has {unknown[0]!r}, which this version does not know: a newer one exported it"
        )
    for name, value in values.items():
        kind = kinds[name]
        number_as_bool = isinstance(value, bool) and kind != "bool"
        too_large = isinstance(value, int) and abs(value) >= 2**63
        if value is not None and (not isinstance(value, PYTHON[kind]) or number_as_bool or too_large):
            raise DataError(
                f"{what} has {name!r} as {type(value).__name__}, not {kind}: it was changed after the export"
            )


@contextmanager
def restoring(
    head: Mapping[str, Any], events: Sequence[Mapping[str, Any]], metrics: Iterable[str], whence: str
) -> Iterator[Restore]:
    """Create a run from the parts of a View: complete when the block ends, absent when it raises.

    `metrics`: every name that its points will use. `whence`: the text of the event that marks the run as
    imported.
    """
    _check("the run", head, [run.c[name] for name in _head_columns()])
    for event in events:
        _check("an event", event, _plain(run_event))
    # A config that this version cannot read would break every page that shows the run.
    parse(RunConfig, head.get("config"))
    if head.get("status") not in [x.value for x in Status if x.finished and x != Status.UNKNOWN]:
        raise DataError(f"the run is {head.get('status')!r}; only a run that has ended can be imported")
    ids = metric_ids.register(list(metrics))
    try:
        with writing() as c:
            # None would be stored as JSON's null in a JSON column.
            values = {k: v for k, v in head.items() if v is not None}
            run_id = new_id(c.execute(insert(run).values(**values)))
            for e in events:
                c.execute(insert(run_event).values(run_id=run_id, **e))
            restore = Restore(c, run_id, ids)
            yield restore
            if not restore.follows:
                c.execute(text(FOLLOWS), {"run": run_id})
            add_event(c, run_id, "imported", whence)
    except SQLAlchemyError as error:
        raise DataError(f"the export does not hold together: {getattr(error, 'orig', error)}") from error
