"""Commands on runs; the only module that moves one. Called by app.actions, the CLI, the supervisor and the reaper.

Every change is a compare-and-set: it says from which states (and which attempt) it may happen, and returns False when
somebody was faster. The database decides who runs; messages only wake workers up.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, CursorResult, Row, case, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from core.config import ExperimentConfig, RunConfig, parse
from core.errors import ConfigError, Fenced, NoGpu, NotFound, TrainingError
from core.store.session import reading, writing
from core.store.states import Status, sources
from core.store.tables import experiment, gpu_lease, run, run_event

NO_LEASE: dict[str, Any] = {"lease_owner": None, "lease_until": None}
CLAIMED = (Status.STARTING, Status.RUNNING)
ENDED = (Status.FAILED, Status.STOPPED)


@dataclass(frozen=True)
class Claim:
    """A worker's hold on a run: its writes carry `attempt`, and end when a newer attempt exists.

    `gpus`: uuids of the GPUs that are leased to it, one a process; empty where it trains on the CPU.
    """

    run_id: int
    attempt: int
    config: RunConfig
    checkpoint_step: int | None
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True)
class Lease:
    """A hold as it was seen. `until` is by the holder's own clock: it says that the lease was renewed, and to nobody when
    it ends (core.silence)."""

    run_id: int
    attempt: int
    until: float


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
    if moved and not to.claimed:
        c.execute(delete(gpu_lease).where(gpu_lease.c.run_id == run_id))
    if moved:
        add_event(c, run_id, to.value, detail)
    return moved


def new_id(made: CursorResult[Any]) -> int:
    """The id of the row that was just inserted."""
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
            num_processes=config.grpo.num_processes,
            created_at=now,
            queued_at=now,
        )
    )
    run_id = new_id(made)
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
        experiment_id = new_id(made)
        return experiment_id, [_insert(c, r, experiment_id, revision) for r in config.runs()]


def claim_next(owner: str, lease_seconds: float, gpus: Sequence[str] = ()) -> Claim | None:
    """Take the first run of the queue; None when none waits. A message says *that* there is work, not which.

    `gpus`: uuids of this machine's GPUs. A run that wants more of them than are free now holds back those behind it, or it
    would wait for ever; one that wants more than there are is left to another machine.
    """
    for run_id in queued():
        with reading() as c:
            wanted = c.execute(select(run.c.num_processes).where(run.c.id == run_id)).scalar_one()
            free = len(_free(c, gpus))
        if gpus and free < wanted <= len(gpus):
            return None
        claimed = claim(run_id, owner, lease_seconds, gpus) if not gpus or wanted <= free else None
        if claimed is not None:
            return claimed
    return None


def claim(run_id: int, owner: str, lease_seconds: float, gpus: Sequence[str] = ()) -> Claim | None:
    """Take a queued run. None when another worker has it, it was stopped, or fewer of `gpus` are free than it wants."""
    try:
        with writing() as c:
            row = _take(c, run_id, owner, lease_seconds, gpus)
    except IntegrityError:  # two workers see the same GPUs, and the other was faster
        return None
    return _claimed(run_id, row) if row is not None else None


def create_claimed(config: RunConfig, owner: str, lease_seconds: float, gpus: Sequence[str], revision: str = "") -> Claim:
    """A run of its own that no other worker sees waiting. NoGpu when fewer of `gpus` are free than it wants."""
    with writing() as c:
        run_id = _insert(c, config, None, revision)
        row = _take(c, run_id, owner, lease_seconds, gpus)
        if row is None:
            wanted, free = config.grpo.num_processes, len(_free(c, gpus))
            raise NoGpu(
                f"grpo.num_processes {wanted} needs {wanted} free GPUs; of the {len(gpus)} here {free} are free. Wait for the "
                "runs that have them, or submit it to the queue, where it waits by itself"
            )
    claimed = _claimed(run_id, row)
    assert claimed is not None, "a config that was just written can be read"
    return claimed


def _free(c: Connection, gpus: Sequence[str]) -> list[str]:
    leased = set(c.execute(select(gpu_lease.c.uuid).where(gpu_lease.c.uuid.in_(gpus))).scalars()) if gpus else set()
    return [uuid for uuid in gpus if uuid not in leased]


def _take(c: Connection, run_id: int, owner: str, lease_seconds: float, gpus: Sequence[str]) -> Row[Any, Any, Any] | None:
    """STARTING, with its GPUs; None when that cannot be. The row has what a claim needs."""
    now, free = time.time(), _free(c, gpus)
    wanted = c.execute(select(run.c.num_processes).where(run.c.id == run_id)).scalar() or 1
    if gpus and len(free) < wanted:
        return None
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
    )
    if not taken:
        return None
    if gpus:
        c.execute(insert(gpu_lease), [{"uuid": uuid, "run_id": run_id} for uuid in free[:wanted]])
    c.execute(update(run).where(run.c.id == run_id).values(attempt=run.c.attempt + 1))
    return c.execute(select(run.c.attempt, run.c.config, run.c.checkpoint_step).where(run.c.id == run_id)).one()


def _claimed(run_id: int, row: Row[Any, Any, Any]) -> Claim | None:
    with reading() as c:
        leased = tuple(c.execute(select(gpu_lease.c.uuid).where(gpu_lease.c.run_id == run_id)).scalars())
    try:
        return Claim(run_id, row.attempt, parse(RunConfig, row.config), row.checkpoint_step, leased)
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


def beat(run_id: int, attempt: int, lease_seconds: float, spent: float = 0.0, log_tail: str | None = None) -> bool:
    """Renew the lease; True when a stop was asked for. Fenced when the run is not this attempt's any more.

    `spent`: seconds of training since the last beat, by a clock that nobody sets. `log_tail`: None leaves it as it is.
    """
    with writing() as c:
        held = (run.c.id == run_id, run.c.attempt == attempt, run.c.status.in_(CLAIMED))
        values = {"lease_until": time.time() + lease_seconds, "trained_seconds": run.c.trained_seconds + spent}
        if c.execute(update(run).where(*held).values(**values, **_said(log_tail))).rowcount != 1:
            raise Fenced(f"run {run_id} is no longer held by attempt {attempt}")
        row = c.execute(select(run.c.stop_requested, run.c.trained_seconds, run.c.time_limit).where(run.c.id == run_id)).one()
        if row.time_limit is not None and row.trained_seconds >= row.time_limit and not row.stop_requested:
            c.execute(update(run).where(run.c.id == run_id).values(stop_requested=True))
            add_event(c, run_id, "time_limit", f"{row.time_limit:.0f} s of training are over")
            return True
        return bool(row.stop_requested)


def finish(
    run_id: int, attempt: int, to: Status, kind: str | None = None, message: str | None = None, log_tail: str | None = None
) -> bool:
    """DONE, FAILED or STOPPED, said once by the supervisor that holds the run."""
    with writing() as c:
        return _move(c, run_id, to, message or "", attempt, error_kind=kind, error_message=message, **_said(log_tail))


def release(run_id: int, attempt: int, why: str, log_tail: str | None = None) -> bool:
    """Give a claimed run back to the queue, at its old place: it goes on from its checkpoint, here or elsewhere."""
    with writing() as c:
        return _move(c, run_id, Status.QUEUED, why, attempt, among=CLAIMED, **NO_LEASE, **_said(log_tail))


def _said(log_tail: str | None) -> dict[str, Any]:
    """What an attempt before said stays until there is something newer."""
    return {"log_tail": log_tail} if log_tail else {}


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


def request_stop_experiment(experiment_id: int) -> list[int]:
    """Stop every run of an experiment that has not ended; returns their ids."""
    with reading() as c:
        if c.execute(select(experiment.c.id).where(experiment.c.id == experiment_id)).first() is None:
            raise NotFound(f"there is no experiment {experiment_id}")
        here = (run.c.experiment_id == experiment_id, run.c.status.not_in([s.value for s in Status if s.finished]))
        found = list(c.execute(select(run.c.id).where(*here).order_by(run.c.id.desc())).scalars())
    for run_id in found:  # the last first: none that waits is started while the others are being stopped
        request_stop(run_id)
    return found[::-1]


def requeue(run_id: int) -> bool:
    """Put a stopped or failed run back in the queue; it goes on from its last checkpoint.

    A time limit that is over is lifted: whoever resumes the run wants it to go on. TrainingError for an imported one that
    could only begin anew.
    """
    with writing() as c:
        _refuse_imported(c, run_id)
        over = run.c.time_limit <= run.c.trained_seconds
        limit = case((over, None), else_=run.c.time_limit)
        again: dict[str, Any] = {"queued_at": time.time(), "stop_requested": False, "time_limit": limit}
        return _move(c, run_id, Status.QUEUED, "by hand", among=ENDED, **again)


def _refuse_imported(c: Connection, run_id: int) -> None:
    """An import brings no checkpoint: to begin anew would remove the steps that were imported."""
    row = c.execute(select(run.c.step, run.c.checkpoint_step).where(run.c.id == run_id)).first()
    began = select(run_event.c.kind).where(run_event.c.run_id == run_id, run_event.c.kind.in_(("imported", "starting")))
    last = c.execute(began.order_by(run_event.c.id.desc()).limit(1)).scalar()
    if row is not None and row.step and row.checkpoint_step is None and last == "imported":
        raise TrainingError(
            f"run {run_id} was imported without a checkpoint: it could only begin anew, and its {row.step} imported steps "
            f"would be removed. Train its config as a new run: showdown clone {run_id}"
        )


def extend(run_id: int, max_steps: int) -> bool:
    """Let an ended run go on to more steps, from its last checkpoint. False when it has not ended.

    Schedules in percent keep the curve they had: they were drawn for the old length. ConfigError when `max_steps` is not
    above what the run has, NotFound without such a run, TrainingError for an imported one that could only begin anew.
    """
    with writing() as c:
        row = c.execute(select(run.c.config).where(run.c.id == run_id).with_for_update()).first()
        if row is None:
            raise NotFound(f"there is no run {run_id}")
        config = parse(RunConfig, row.config)
        if max_steps <= config.grpo.max_steps:
            raise ConfigError([("max_steps", f"{max_steps} is not above the {config.grpo.max_steps} steps run {run_id} has")])
        _refuse_imported(c, run_id)
        longer = config.model_copy(
            update={"mix": config.trained_mix, "grpo": config.grpo.model_copy(update={"max_steps": max_steps})}
        )
        values: dict[str, Any] = {"config": longer.resolved(), "config_hash": longer.hash(), "max_steps": max_steps}
        ended = (*ENDED, Status.DONE)
        again: dict[str, Any] = {"queued_at": time.time(), "stop_requested": False}
        return _move(c, run_id, Status.QUEUED, f"extended to {max_steps} steps", among=ended, **again, **values)


def set_priority(run_id: int, priority: int) -> None:
    """Runs with a higher priority are taken first; 0 unless said."""
    with writing() as c:
        if c.execute(update(run).where(run.c.id == run_id).values(priority=priority)).rowcount == 0:
            raise NotFound(f"there is no run {run_id}")
        add_event(c, run_id, "priority", str(priority))


def set_time_limit(run_id: int, seconds: float | None) -> None:
    """Stop the run at a step boundary after so many seconds of training in all; None: no limit."""
    with writing() as c:
        if c.execute(update(run).where(run.c.id == run_id).values(time_limit=seconds)).rowcount == 0:
            raise NotFound(f"there is no run {run_id}")


def leases() -> list[Lease]:
    """The leases that are held now, by run."""
    with reading() as c:
        held = select(run.c.id, run.c.attempt, run.c.lease_until).where(run.c.status.in_(CLAIMED)).order_by(run.c.id)
        return [Lease(*row) for row in c.execute(held)]


def reap(lease: Lease) -> bool:
    """A run whose holder is gone becomes LOST and goes back to the queue (or to STOPPED when that was asked for).

    False when the lease has been renewed or given back since it was looked at.
    """
    with writing() as c:
        same = (run.c.id == lease.run_id, run.c.attempt == lease.attempt, run.c.lease_until == lease.until)
        found = select(run.c.stop_requested, run.c.worker).where(*same, run.c.status.in_(CLAIMED))
        row = c.execute(found.with_for_update(skip_locked=True)).first()  # one that renews just now is not lost
        if row is None:
            return False
        _move(c, lease.run_id, Status.LOST, f"no sign of {row.worker}", **NO_LEASE)
        return _move(c, lease.run_id, Status.STOPPED if row.stop_requested else Status.QUEUED)


def queued() -> list[int]:
    """Runs that wait, in the order in which they are taken: highest priority first, then the longest waiting."""
    order = (run.c.priority.desc(), run.c.queued_at, run.c.id)
    with reading() as c:
        return list(c.execute(select(run.c.id).where(run.c.status == "queued").order_by(*order)).scalars())
