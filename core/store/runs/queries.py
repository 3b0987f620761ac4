"""Reads runs, experiments and samples: one query each, returning frozen dataclasses of plain values.

Lists are read with a limit. Pages check for changes with `versions` and `standing`, which touch no points.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from types import NoneType, UnionType
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, case, func, select

from core.common.errors import NotFound
from core.config import sweep
from core.metrics.series import Series
from core.store.schema import evaluation, experiment, point, run, run_event, sample, score
from core.store.session import reading
from core.store.status import Status
from core.store.steps.metric_ids import ids_of
from core.store.steps.points import new_points, points
from core.store.transitions import in_order

SAID = 400  # how many characters of an error message lists receive


@dataclass(frozen=True)
class RunRow:
    """A run as lists show it. Times are Unix seconds; `accuracy` is the newest gold accuracy."""

    id: int
    experiment_id: int | None
    experiment: str
    arm: str
    seed: int
    swept: dict[str, Any] | None
    structure: str
    status: Status
    attempt: int
    stop_requested: bool
    priority: int
    step: int
    max_steps: int
    num_processes: int
    checkpoint_step: int | None
    worker: str | None
    queued_at: float
    started_at: float | None
    finished_at: float | None
    error_kind: str | None
    error_message: str | None
    accuracy: float | None
    first_accuracy: float | None

    @property
    def variant(self) -> str:
        """The arm and its swept settings; runs that differ only in the seed share a variant."""
        return sweep.variant(self.arm, self.swept)

    @property
    def name(self) -> str:
        """The run's name, such as "hybrid, beta 0.04, seed 1"."""
        return sweep.run_name(self.arm, self.swept, self.seed)


HINTS = {name: hint for name, hint in get_type_hints(RunRow).items() if name != "status"}
KINDS = {
    name: tuple(
        get_origin(kind) or kind for kind in (get_args(hint) if isinstance(hint, UnionType) else (hint,))
    )
    for name, hint in HINTS.items()
}
KINDS |= {name: (*kinds, int) for name, kinds in KINDS.items() if float in kinds}
EMPTY: dict[type, Any] = {int: 0, float: 0.0, str: "", bool: False}


class Standing(NamedTuple):
    """The few values of a run that tell whether a list is up to date."""

    id: int
    status: Status
    attempt: int
    step: int
    max_steps: int


@dataclass(frozen=True)
class RunDetail:
    """A run with its config and log tail."""

    row: RunRow
    config: dict[str, Any]
    config_hash: str
    revision: str
    log_tail: str | None
    environment: dict[str, Any]


@dataclass(frozen=True)
class Event:
    """One line of a run's history."""

    at: float
    step: int | None
    kind: str
    detail: str
    by: str = ""

    @property
    def text(self) -> str:
        """The detail and the user who caused the event."""
        return ", ".join(filter(None, (self.detail, self.by and f"by {self.by}")))


@dataclass(frozen=True)
class TermScore:
    """One term's part in a sample; a value is None when the term does not apply."""

    term: str
    raw: float | None
    shaped: float | None
    weight: float
    contribution: float | None


@dataclass(frozen=True)
class SampleView:
    """One stored completion with its scores in the mix's order."""

    id: int
    run_id: int
    step: int
    split: str
    problem_id: str
    group_index: int
    index_in_group: int
    prompt: str
    completion: str
    gold: str
    parsed: str | None
    parsed_by: str | None
    parsed_start: int | None
    parsed_end: int | None
    correct: bool
    n_tokens: int
    truncated: bool
    mean_nll: float | None
    total: float | None
    advantage: float | None
    dead: bool | None
    surprise: float | None
    token_nll: str | None
    scores: tuple[TermScore, ...]


@dataclass(frozen=True)
class ExperimentRow:
    """An experiment as lists show it."""

    id: int
    name: str
    question: str
    created_at: float
    by: str = ""


def _accuracy(newest: bool) -> ColumnElement[Any]:
    order = evaluation.c.step.desc() if newest else evaluation.c.step
    pick = select(evaluation.c.accuracy).where(evaluation.c.run_id == run.c.id).order_by(order).limit(1)
    return pick.scalar_subquery()


@cache
def _run_select(whole: bool = False) -> Select[Any]:
    """The query for run rows; `whole` includes the full error text, which may be a megabyte."""
    names = [
        f
        for f in RunRow.__dataclass_fields__
        if f not in ("experiment", "accuracy", "first_accuracy", "error_message")
    ]
    error = run.c.error_message if whole else func.substr(run.c.error_message, 1, SAID)
    return select(
        *(run.c[n] for n in names),
        error.label("error_message"),
        func.coalesce(experiment.c.name, "").label("experiment"),
        _accuracy(True).label("accuracy"),
        _accuracy(False).label("first_accuracy"),
    ).select_from(run.outerjoin(experiment, run.c.experiment_id == experiment.c.id))


@lru_cache(maxsize=256)  # a live page asks for the same runs each second
def _select_of(run_ids: tuple[int, ...]) -> Select[Any]:
    return _run_select().where(run.c.id.in_(run_ids))


def _run_row(row: Row[Any]) -> RunRow:
    """Convert a database row.

    A row that this version cannot read, or that somebody changed by hand, keeps the readable values and names
    the others in its error message.
    """
    values = row._asdict()
    attributes = {name: values[name] for name in RunRow.__dataclass_fields__} | {"status": Status(row.status)}
    wrong = [name for name, kinds in KINDS.items() if not isinstance(attributes[name], kinds)]
    if wrong or attributes["status"] == Status.UNKNOWN:
        names = " and ".join([*wrong, *(["status"] if attributes["status"] == Status.UNKNOWN else [])])
        message = (
            f"what the database has as its {names} is not read by this version; "
            "nothing else of the run is lost"
        )
        attributes |= {
            name: EMPTY.get(KINDS[name][0]) if NoneType not in KINDS[name] else None for name in wrong
        }
        attributes |= {"status": Status.UNKNOWN, "error_kind": "Unreadable", "error_message": message}
    return RunRow(**attributes)


def run_list(experiment_id: int | None = None, limit: int = 500) -> list[RunRow]:
    """Runs, newest first."""
    query = _run_select().order_by(run.c.id.desc()).limit(limit)
    if experiment_id is not None:
        query = query.where(run.c.experiment_id == experiment_id)
    with reading() as c:
        return [_run_row(r) for r in c.execute(query)]


def unfinished(limit: int = 1000) -> list[RunRow]:
    """Runs that have not ended: first those that train, then the queue in the order it is taken."""
    going_on = [s.value for s in Status if not s.finished]
    waits = case((run.c.status == Status.QUEUED.value, 1), else_=0)
    query = _run_select().where(run.c.status.in_(going_on))
    with reading() as c:
        return [_run_row(r) for r in c.execute(query.order_by(waits, *in_order()).limit(limit))]


def standing(first: int) -> list[Standing]:
    """The runs with an id of at least `first` that have not ended, by id."""
    going_on = ", ".join(f"'{s.value}'" for s in Status if not s.finished)
    condition = f"id >= {int(first)} AND status IN ({going_on}) ORDER BY id"
    statement = f"SELECT {', '.join(Standing._fields)} FROM {run.name} WHERE {condition}"
    with reading() as c, c.exec_driver_sql(statement) as result:  # the driver's own rows, like `versions`
        return [Standing(i, Status(status), *more) for i, status, *more in result.cursor.fetchall()]


def versions(run_ids: Sequence[int]) -> dict[int, tuple[int, int, Status]]:
    """(attempt, step, status) of some runs, in the given order: just enough to detect changes.

    Missing runs are left out.
    """
    if not run_ids:
        return {}
    ids = ",".join(str(int(i)) for i in run_ids)  # the driver's own rows: a live page asks every second
    with (
        reading() as c,
        c.exec_driver_sql(f"SELECT id, attempt, step, status FROM {run.name} WHERE id IN ({ids})") as result,
    ):
        version_by_run = {
            i: (attempt, step, Status(status)) for i, attempt, step, status in result.cursor.fetchall()
        }
    return {i: version_by_run[i] for i in run_ids if i in version_by_run}


def rows(run_ids: Sequence[int]) -> list[RunRow]:
    """Some runs, in the order of the given ids; missing ones are left out."""
    with reading() as c:
        row_by_id = {r.id: _run_row(r) for r in c.execute(_select_of(tuple(run_ids)))}
    return [row_by_id[i] for i in run_ids if i in row_by_id]


def run_detail(run_id: int) -> RunDetail:
    """One run with its config, environment and log tail; NotFound when there is no such run."""
    query = _run_select(whole=True).add_columns(
        run.c.config, run.c.config_hash, run.c.revision, run.c.log_tail, run.c.environment
    )
    with reading() as c:
        row = c.execute(query.where(run.c.id == run_id)).first()
    if row is None:
        raise NotFound(f"there is no run {run_id}")
    config, environment = (
        value if isinstance(value, dict) else {} for value in (row.config, row.environment)
    )
    return RunDetail(_run_row(row), config, row.config_hash, row.revision, row.log_tail, environment)


def events(run_id: int) -> list[Event]:
    """A run's history, oldest first."""
    columns = (run_event.c.at, run_event.c.step, run_event.c.kind, run_event.c.detail, run_event.c.by)
    with reading() as c:
        rows = c.execute(select(*columns).where(run_event.c.run_id == run_id).order_by(run_event.c.id))
        return [Event(*r) for r in rows]


def series(run_id: int, names: Sequence[str] | None = None) -> dict[str, Series]:
    """The named metrics of a run (None: all metrics), by name."""
    return series_since({run_id: 0}, names)[run_id]


def series_since(
    since: Mapping[int, int], names: Sequence[str] | None = None
) -> dict[int, dict[str, Series]]:
    """The named metrics of several runs, each from a step on: run -> name -> series.

    `since`: run -> its first step. One transaction reads them all, because a live page reads little and
    often.
    """
    with reading() as c:
        ids = {number: name for name, number in ids_of(c, names).items()}
        series_by_run = {r: points(c, r, ids) for r, step in since.items() if not step}
        return series_by_run | new_points(c, {r: step for r, step in since.items() if step}, ids)


def scores_of(c: Connection, ids: Sequence[int]) -> dict[int, list[TermScore]]:
    """The scores of some samples in the mix's order, by sample id."""
    parts: dict[int, list[TermScore]] = {i: [] for i in ids}
    columns = (
        score.c.sample_id,
        score.c.term,
        score.c.raw,
        score.c.shaped,
        score.c.weight,
        score.c.contribution,
    )
    scored = select(*columns).where(score.c.sample_id.in_(ids)).order_by(score.c.sample_id, score.c.position)
    for sample_id, *values in c.execute(scored):
        parts[sample_id].append(TermScore(*values))
    return parts


def samples_where(where: ColumnElement[bool]) -> list[SampleView]:
    """Complete samples that match a condition, group by group; for the other modules of core.store."""
    names = [f for f in SampleView.__dataclass_fields__ if f != "scores"]
    order = (sample.c.group_index, sample.c.index_in_group)
    with reading() as c:
        rows = c.execute(select(*(sample.c[n] for n in names)).where(where).order_by(*order)).all()
        parts = scores_of(c, [r.id for r in rows])
    return [SampleView(**r._asdict(), scores=tuple(parts[r.id])) for r in rows]


def samples_at(run_id: int, step: int, split: str = "train") -> list[SampleView]:
    """The samples of one step, group by group."""
    return samples_where(and_(sample.c.run_id == run_id, sample.c.step == step, sample.c.split == split))


def samples_by_id(ids: Sequence[int]) -> list[SampleView]:
    """Some samples, in the order of the given ids; missing ones are left out."""
    sample_by_id = {s.id: s for s in samples_where(sample.c.id.in_([int(i) for i in ids]))}
    return [sample_by_id[i] for i in ids if i in sample_by_id]


def experiments(limit: int = 100) -> list[ExperimentRow]:
    """Experiments, newest first."""
    columns = (
        experiment.c.id,
        experiment.c.name,
        experiment.c.question,
        experiment.c.created_at,
        experiment.c.by,
    )
    with reading() as c:
        return [
            ExperimentRow(*r)
            for r in c.execute(select(*columns).order_by(experiment.c.id.desc()).limit(limit))
        ]


def newest(run_id: int, names: Sequence[str]) -> dict[str, float]:
    """The newest value of some metrics; those without one are left out."""
    with reading() as c:
        newest_values = {}
        # One lookup at the end of an index each, however long the run is.
        for name, metric_id in ids_of(c, names).items():
            last = select(point.c.value).where(point.c.run_id == run_id, point.c.metric_id == metric_id)
            value = c.execute(last.order_by(point.c.step.desc()).limit(1)).scalar()
            if value is not None:
                newest_values[name] = float(value)
    return newest_values
