"""Commands on runs; the only module that writes a status. Called by app.actions, the CLI, the supervisor and the reaper.

Every change is a compare-and-set: it says from which states (and which attempt) it may happen, and returns False when
somebody was faster. The database decides who runs; messages only wake workers up.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, CursorResult, func, insert, select, update

from core.config import ExperimentConfig, RunConfig, parse
from core.errors import ConfigError, Fenced, NotFound
from core.store.session import reading, writing
from core.store.states import Status, sources
from core.store.tables import experiment, run, run_event

NO_LEASE: dict[str, Any] = {"lease_owner": None, "lease_until": None}
CLAIMED = (Status.STARTING, Status.RUNNING)
ENDED = (Status.FAILED, Status.STOPPED)


@dataclass(frozen=True)
class Claim:
    """A worker's hold on a run: its writes carry `attempt`, and end when a newer attempt exists."""

    run_id: int
    attempt: int
    config: RunConfig
    checkpoint_step: int | None


def add_event(c: Connection, run_id: int, kind: str, detail: str = "", step: int | None = None) -> None:
    """One line in the run's history."""
    c.execute(insert(run_event).values(run_id=run_id, at=time.time(), step=step, kind=kind, detail=detail))


def _move(
    c: Connection,
    run_id: int,
    to: Status,
    detail: str = "",
    attempt: int | None = None,
    among: Iterable[Status] = tuple(Status),
    **values: Any,
) -> bool:
    """Change the status if that is legal from where it is (one of `among`, held by `attempt`); record the event."""
    where = [run.c.id == run_id, run.c.status.in_([s for s in sources(to) if s in among])]
    if attempt is not None:
        where.append(run.c.attempt == attempt)
    if to.finished:
        values = {"finished_at": time.time(), **NO_LEASE, **values}
    moved = c.execute(update(run).where(*where).values(status=to.value, **values)).rowcount == 1
    if moved:
        add_event(c, run_id, to.value, detail)
    return moved


def _new_id(made: CursorResult[Any]) -> int:
    key = made.inserted_primary_key
    assert key is not None
    return int(key[0])


def _insert(c: Connection, config: RunConfig, experiment_id: int | None, revision: str) -> int:
    now = time.time()
    made = c.execute(
        insert(run).values(
            experiment_id=experiment_id,
            arm=config.name,
            seed=config.seed,
            structure=config.mix.structure,
            config=config.resolved(),
            config_hash=config.hash(),
            revision=revision,
            status=Status.QUEUED.value,
            max_steps=config.grpo.max_steps,
            created_at=now,
            queued_at=now,
        )
    )
    run_id = _new_id(made)
    add_event(c, run_id, Status.QUEUED.value)
    return run_id


def create_run(config: RunConfig, revision: str = "") -> int:
    """A run of its own, QUEUED. Send its message after this returns: the row must be there first."""
    with writing() as c:
        return _insert(c, config, None, revision)


def create_experiment(config: ExperimentConfig, revision: str = "") -> tuple[int, list[int]]:
    """An experiment and all its runs, QUEUED, in one transaction."""
    with writing() as c:
        made = c.execute(
            insert(experiment).values(
                name=config.name,
                question=config.question,
                config=config.model_dump(mode="json", by_alias=True),
                created_at=time.time(),
            )
        )
        experiment_id = _new_id(made)
        return experiment_id, [_insert(c, r, experiment_id, revision) for r in config.runs()]


def claim_next(owner: str, lease_seconds: float) -> Claim | None:
    """Take the run that has waited longest; None when none waits. A message says *that* there is work, not which."""
    for run_id in queued():
        claimed = claim(run_id, owner, lease_seconds)
        if claimed is not None:
            return claimed
    return None


def claim(run_id: int, owner: str, lease_seconds: float) -> Claim | None:
    """Take a queued run. None when it is not queued any more: another worker has it, or it was stopped."""
    now = time.time()
    with writing() as c:
        taken = _move(
            c,
            run_id,
            Status.STARTING,
            owner,
            lease_owner=owner,
            lease_until=now + lease_seconds,
            worker=owner,
            started_at=func.coalesce(run.c.started_at, now),
            finished_at=None,
            error_kind=None,
            error_message=None,
            log_tail=None,
        )
        if not taken:
            return None
        c.execute(update(run).where(run.c.id == run_id).values(attempt=run.c.attempt + 1))
        row = c.execute(select(run.c.attempt, run.c.config, run.c.checkpoint_step).where(run.c.id == run_id)).one()
    try:
        return Claim(run_id, row.attempt, parse(RunConfig, row.config), row.checkpoint_step)
    except ConfigError as error:  # stored by another version: no worker of this one can train it
        finish(run_id, row.attempt, Status.FAILED, "ConfigError", f"this version cannot read the run's config: {error}")
        return None


def load_claim(run_id: int, attempt: int) -> Claim:
    """The claim as the training child sees it; Fenced when a newer attempt exists."""
    with reading() as c:
        row = c.execute(select(run.c.attempt, run.c.config, run.c.checkpoint_step).where(run.c.id == run_id)).first()
    if row is None:
        raise NotFound(f"there is no run {run_id}")
    if row.attempt != attempt:
        raise Fenced(f"run {run_id} is at attempt {row.attempt}; this process belongs to attempt {attempt}")
    return Claim(run_id, attempt, parse(RunConfig, row.config), row.checkpoint_step)


def mark_running(run_id: int, attempt: int) -> bool:
    """The model is loaded and the first step begins."""
    with writing() as c:
        return _move(c, run_id, Status.RUNNING, attempt=attempt)


def beat(run_id: int, attempt: int, lease_seconds: float) -> bool:
    """Renew the lease; True when a stop was asked for. Fenced when the run is not this attempt's any more."""
    with writing() as c:
        held = (run.c.id == run_id, run.c.attempt == attempt, run.c.status.in_(CLAIMED))
        renewed = c.execute(update(run).where(*held).values(lease_until=time.time() + lease_seconds)).rowcount == 1
        if not renewed:
            raise Fenced(f"run {run_id} is no longer held by attempt {attempt}")
        return bool(c.execute(select(run.c.stop_requested).where(run.c.id == run_id)).scalar_one())


def finish(
    run_id: int, attempt: int, to: Status, kind: str | None = None, message: str | None = None, log_tail: str | None = None
) -> bool:
    """DONE, FAILED or STOPPED, said once by the supervisor that holds the run."""
    with writing() as c:
        return _move(c, run_id, to, message or "", attempt, error_kind=kind, error_message=message, log_tail=log_tail)


def release(run_id: int, attempt: int, why: str) -> bool:
    """Give a claimed run back to the queue, at its old place: it goes on from its checkpoint, here or elsewhere."""
    with writing() as c:
        return _move(c, run_id, Status.QUEUED, why, attempt, among=CLAIMED, **NO_LEASE)


def request_stop(run_id: int) -> Status:
    """Stop a run: at once when it waits, at the next step boundary when it trains. Returns the state it is in now."""
    with writing() as c:
        state = c.execute(select(run.c.status).where(run.c.id == run_id)).scalar()
        if state is None:
            raise NotFound(f"there is no run {run_id}")
        if Status(state) in (Status.QUEUED, Status.LOST):
            _move(c, run_id, Status.STOPPED, "before it started")
        elif Status(state).claimed:
            c.execute(update(run).where(run.c.id == run_id).values(stop_requested=True))
            add_event(c, run_id, "stop_requested")
        return Status(c.execute(select(run.c.status).where(run.c.id == run_id)).scalar_one())


def requeue(run_id: int) -> bool:
    """Put a stopped or failed run back in the queue; it goes on from its last checkpoint."""
    with writing() as c:
        return _move(c, run_id, Status.QUEUED, "by hand", among=ENDED, queued_at=time.time(), stop_requested=False)


def reap_lost() -> list[int]:
    """Runs whose lease has ended become LOST and go back to the queue (or to STOPPED when that was asked for)."""
    with writing() as c:
        ended = (run.c.status.in_(CLAIMED), run.c.lease_until < time.time())
        found = select(run.c.id, run.c.stop_requested, run.c.worker).where(*ended)
        rows = c.execute(found.with_for_update(skip_locked=True)).all()  # one that renews just now is not lost
        for row in rows:
            _move(c, row.id, Status.LOST, f"no sign of {row.worker}", **NO_LEASE)
            to = Status.STOPPED if row.stop_requested else Status.QUEUED
            _move(c, row.id, to)
    return [row.id for row in rows]


def queued() -> list[int]:
    """Runs that wait, oldest first."""
    with reading() as c:
        return list(c.execute(select(run.c.id).where(run.c.status == "queued").order_by(run.c.queued_at, run.c.id)).scalars())
