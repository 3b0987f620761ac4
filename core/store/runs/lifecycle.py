"""User actions on runs: create, stop, requeue, extend, prioritize and limit them.

`by` is the user who does it, for the run's history. The actions of workers are in core.store.runs.claims.
"""

import time
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, insert, select, update

from core.common.errors import ConfigError, NotFound, TrainingError
from core.config.experiment import ExperimentConfig
from core.config.grpo import MOST_STEPS
from core.config.parsing import parse
from core.config.run import RunConfig
from core.store.schema import experiment, run, run_event
from core.store.session import reading, writing
from core.store.status import Status
from core.store.transitions import add_event, at_step, clean, insert_run, move, new_id

ENDED = (Status.FAILED, Status.STOPPED)


def create_run(config: RunConfig, revision: str = "", by: str = "") -> int:
    """Queue a run without an experiment; returns its id.

    Send its message after this returns: the row must exist first.
    """
    with writing() as c:
        return insert_run(c, config, None, revision, by=by)


def create_experiment(config: ExperimentConfig, revision: str = "", by: str = "") -> tuple[int, list[int]]:
    """Queue an experiment and all its runs in one transaction; returns its id and the ids of the runs."""
    with writing() as c:
        result = c.execute(
            insert(experiment).values(
                name=clean(config.name),
                question=clean(config.question),
                config=config.model_dump(mode="json", by_alias=True),
                created_at=time.time(),
                by=clean(by),
            )
        )
        experiment_id = new_id(result)
        return experiment_id, [
            insert_run(c, p.config, experiment_id, revision, p.swept, by) for p in config.planned()
        ]


def experiment_of(config: ExperimentConfig) -> int | None:
    """The id of the newest experiment with exactly these settings; None when there is none."""
    query = select(experiment.c.id, experiment.c.config).where(experiment.c.name == clean(config.name))
    wanted_config = config.model_dump(mode="json", by_alias=True)
    with reading() as c:
        return next(
            (r.id for r in c.execute(query.order_by(experiment.c.id.desc())) if r.config == wanted_config),
            None,
        )


def request_stop(run_id: int, by: str = "") -> Status:
    """Stop a run: at once when it waits, at the next step boundary when it trains.

    Returns its state after the call. Raises NotFound when there is no such run.
    """
    with writing() as c:
        state = c.execute(select(run.c.status).where(run.c.id == run_id)).scalar()
        if state is None:
            raise NotFound(f"there is no run {run_id}")
        if Status(state) in (Status.QUEUED, Status.LOST):
            move(c, run_id, Status.STOPPED, "before it started", by=by)
        elif Status(state).claimed:
            c.execute(update(run).where(run.c.id == run_id).values(stop_requested=True))
            add_event(c, run_id, "stop_requested", step=at_step(run_id), by=by)
        return Status(c.execute(select(run.c.status).where(run.c.id == run_id)).scalar_one())


def request_stop_experiment(experiment_id: int, by: str = "") -> list[int]:
    """Stop every run of an experiment that has not ended; returns their ids.

    Raises NotFound when there is no such experiment.
    """
    with reading() as c:
        if c.execute(select(experiment.c.id).where(experiment.c.id == experiment_id)).first() is None:
            raise NotFound(f"there is no experiment {experiment_id}")
        conditions = (
            run.c.experiment_id == experiment_id,
            run.c.status.not_in([s.value for s in Status if s.finished]),
        )
        run_ids = list(c.execute(select(run.c.id).where(*conditions).order_by(run.c.id.desc())).scalars())
    for run_id in run_ids:  # last first, so that no waiting run starts while others are being stopped
        request_stop(run_id, by)
    return run_ids[::-1]


def requeue(run_id: int, by: str = "") -> bool:
    """Put a stopped or failed run back in the queue; it resumes from its last checkpoint.

    An expired time limit is lifted: whoever resumes the run wants it to continue. Raises TrainingError for an
    imported run that could only begin anew.
    """
    with writing() as c:
        _refuse_imported(c, run_id)
        again: dict[str, Any] = {"queued_at": time.time(), "stop_requested": False, "time_limit": _limit()}
        return move(c, run_id, Status.QUEUED, "by hand", among=ENDED, by=by, **again)


def _limit() -> ColumnElement[Any]:
    """The time limit of a run that a user resumes; an expired limit is lifted."""
    return case((run.c.time_limit <= run.c.trained_seconds, None), else_=run.c.time_limit)


def _refuse_imported(c: Connection, run_id: int) -> None:
    """Raise TrainingError for an imported run without a checkpoint.

    It could only begin anew, which would remove its imported steps.
    """
    row = c.execute(select(run.c.step, run.c.checkpoint_step).where(run.c.id == run_id)).first()
    began = select(run_event.c.kind).where(
        run_event.c.run_id == run_id, run_event.c.kind.in_(("imported", "starting"))
    )
    last = c.execute(began.order_by(run_event.c.id.desc()).limit(1)).scalar()
    if row is not None and row.step and row.checkpoint_step is None and last == "imported":
        raise TrainingError(
            f"run {run_id} was imported without a checkpoint: it could only begin anew, "
            f"and its {row.step} imported steps "
            f"would be removed. Train its config as a new run: showdown clone {run_id}"
        )


def extend(run_id: int, max_steps: int, by: str = "") -> bool:
    """Let an ended run continue to more steps from its last checkpoint; False when it has not ended.

    Schedules in percent keep their curve, which was drawn for the old length. Raises ConfigError when
    `max_steps` is not above the run's own or exceeds MOST_STEPS, NotFound when there is no such run, and
    TrainingError for an imported run that could only begin anew.
    """
    with writing() as c:
        row = c.execute(select(run.c.config).where(run.c.id == run_id).with_for_update()).first()
        if row is None:
            raise NotFound(f"there is no run {run_id}")
        config = parse(RunConfig, row.config)
        if max_steps > MOST_STEPS:
            raise ConfigError([("max_steps", f"the most steps that a run can have are {MOST_STEPS:,}")])
        if max_steps <= config.grpo.max_steps:
            raise ConfigError(
                [
                    (
                        "max_steps",
                        f"{max_steps} is not above the {config.grpo.max_steps} steps run {run_id} has",
                    )
                ]
            )
        _refuse_imported(c, run_id)
        longer = config.model_copy(
            update={
                "mix": config.trained_mix,
                "grpo": config.grpo.model_copy(update={"max_steps": max_steps}),
            }
        )
        values: dict[str, Any] = {
            "config": longer.resolved(),
            "config_hash": longer.hash(),
            "max_steps": max_steps,
        }
        ended = (*ENDED, Status.DONE)
        again: dict[str, Any] = {"queued_at": time.time(), "stop_requested": False, "time_limit": _limit()}
        return move(
            c, run_id, Status.QUEUED, f"extended to {max_steps} steps", among=ended, by=by, **again, **values
        )


def set_priority(run_id: int, priority: int, by: str = "") -> None:
    """Set a run's priority: runs with a higher one are taken first. The default is 0."""
    with writing() as c:
        if c.execute(update(run).where(run.c.id == run_id).values(priority=priority)).rowcount == 0:
            raise NotFound(f"there is no run {run_id}")
        add_event(c, run_id, "priority", str(priority), by=by)


def set_time_limit(run_id: int, seconds: float | None, by: str = "") -> None:
    """Stop the run at a step boundary after `seconds` of training in total; None removes the limit."""
    with writing() as c:
        if c.execute(update(run).where(run.c.id == run_id).values(time_limit=seconds)).rowcount == 0:
            raise NotFound(f"there is no run {run_id}")
        add_event(c, run_id, "limit", "none" if seconds is None else f"{seconds:.0f} s of training", by=by)
