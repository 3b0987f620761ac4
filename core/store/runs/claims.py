"""Claims on runs: one worker takes a run, holds it by a lease, and ends it or gives it back.

The database decides who trains a run; messages only wake workers up. GPUs are leased together with the run,
through rows that only one run can have (docs/decisions/0015-processes-and-gpu-leases.md).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from core.common.errors import ConfigError, Fenced, NoGpu, NotFound
from core.config.parsing import parse
from core.config.run import RunConfig
from core.store.schema import gpu_lease, run, run_event
from core.store.session import reading, writing
from core.store.status import Status
from core.store.transitions import NO_LEASE, add_event, at_step, clean, insert_run, move, waiting

CLAIMED = (Status.STARTING, Status.RUNNING)
CLAIM_COLUMNS = (run.c.attempt, run.c.config, run.c.checkpoint_step, run.c.environment)
MOST_LOSSES = 5  # otherwise a run that kills its worker each time would take down all of them, forever


@dataclass(frozen=True)
class Claim:
    """A worker's hold on a run: its writes carry `attempt` and are refused once a newer attempt exists.

    `gpus`: uuids of the GPUs that are leased to it, one per process; empty when it trains on the CPU.
    `threads`: the number of CPU threads that its first attempt used; None before that attempt, on a GPU, and
    for runs that recorded no number.
    """

    run_id: int
    attempt: int
    config: RunConfig
    checkpoint_step: int | None
    gpus: tuple[str, ...] = ()
    threads: int | None = None


@dataclass(frozen=True)
class Lease:
    """A lease as an observer read it.

    `until` is on the holder's clock: use it to detect renewal, never to decide expiry
    (core.store.lease_watch).
    """

    run_id: int
    attempt: int
    until: float


def claim_next(owner: str, lease_seconds: float, gpus: Sequence[str] = ()) -> Claim | None:
    """Take the first run of the queue; None when none can be taken.

    A message announces *that* there is work, not which run. `gpus`: uuids of this machine's GPUs. A run that
    wants more of them than are free now holds back those behind it, or it would wait forever; one that wants
    more than the machine has is left to another machine.
    """
    queue = waiting()
    free = _count_free(gpus)
    for run_id, num_processes in queue.items():
        if gpus and num_processes > len(gpus):
            continue
        if gpus and num_processes > free:
            return None
        claimed = claim(run_id, owner, lease_seconds, gpus)
        if claimed is not None:
            return claimed
        free = _count_free(gpus)  # another worker was faster, and may have taken some
    return None


def claim(run_id: int, owner: str, lease_seconds: float, gpus: Sequence[str] = ()) -> Claim | None:
    """Take a queued run; None when that is not possible.

    That is the case when another worker has it, when it was stopped, when fewer of `gpus` are free than it
    wants, or when this version cannot read its config (the run then fails).
    """
    try:
        with writing() as c:
            row_and_gpus = _take(c, run_id, owner, lease_seconds, gpus)
    except IntegrityError:  # two workers see the same GPUs, and the other one was faster
        return None
    return _claimed(run_id, *row_and_gpus) if row_and_gpus else None


def create_claimed(
    config: RunConfig, owner: str, lease_seconds: float, gpus: Sequence[str], revision: str = ""
) -> Claim:
    """Create a run and claim it at once, so that no other worker sees it waiting.

    Raises NoGpu when fewer of `gpus` are free than it wants.
    """
    with writing() as c:
        run_id = insert_run(c, config, None, revision)
        row_and_gpus = _take(c, run_id, owner, lease_seconds, gpus)
        if row_and_gpus is None:
            num_processes = config.grpo.num_processes
            free = len(_free(c, gpus))
            raise NoGpu(
                f"grpo.num_processes {num_processes} needs {num_processes} free GPUs; "
                f"of the {len(gpus)} here {free} are free. Wait for the "
                "runs that have them, or submit it to the queue, where it waits by itself"
            )
    claimed = _claimed(run_id, *row_and_gpus)
    assert claimed is not None, "a config that was just written can be read"
    return claimed


def _free(c: Connection, gpus: Sequence[str]) -> list[str]:
    leased = (
        set(c.execute(select(gpu_lease.c.uuid).where(gpu_lease.c.uuid.in_(gpus))).scalars())
        if gpus
        else set()
    )
    return [uuid for uuid in gpus if uuid not in leased]


def _count_free(gpus: Sequence[str]) -> int:
    with reading() as c:
        return len(_free(c, gpus))


def _take(
    c: Connection, run_id: int, owner: str, lease_seconds: float, gpus: Sequence[str]
) -> tuple[Row[Any, Any, Any, Any], tuple[str, ...]] | None:
    """Move the run to STARTING and lease its GPUs; None when that is not possible.

    Returns a row of CLAIM_COLUMNS and the uuids of the GPUs.
    """
    now_seconds = time.time()
    free = _free(c, gpus)
    num_processes = c.execute(select(run.c.num_processes).where(run.c.id == run_id)).scalar() or 1
    if gpus and len(free) < num_processes:
        return None
    moved = move(
        c,
        run_id,
        Status.STARTING,
        owner,
        lease_owner=owner,
        lease_until=now_seconds + lease_seconds,
        worker=owner,
        started_at=func.coalesce(run.c.started_at, now_seconds),
        finished_at=None,
        error_kind=None,
        error_message=None,
    )
    if not moved:
        return None
    leased = tuple(free[:num_processes])
    if leased:
        c.execute(insert(gpu_lease), [{"uuid": uuid, "run_id": run_id} for uuid in leased])
    c.execute(update(run).where(run.c.id == run_id).values(attempt=run.c.attempt + 1))
    return c.execute(select(*CLAIM_COLUMNS).where(run.c.id == run_id)).one(), leased


def _claimed(run_id: int, row: Row[Any, Any, Any, Any], leased: tuple[str, ...]) -> Claim | None:
    try:
        return _claim_of(run_id, row, leased)
    except ConfigError as error:  # stored by another version: no worker of this one can train it
        finish(
            run_id,
            row.attempt,
            Status.FAILED,
            "ConfigError",
            f"this version cannot read the run's config: {error}",
        )
        return None


def _claim_of(run_id: int, row: Row[Any, Any, Any, Any], leased: tuple[str, ...] = ()) -> Claim:
    """The claim that a row of CLAIM_COLUMNS describes.

    Raises ConfigError when its config was stored by another version.
    """
    threads = threads_of(row.environment)
    return Claim(run_id, row.attempt, parse(RunConfig, row.config), row.checkpoint_step, leased, threads)


def threads_of(environment: Mapping[str, Any] | None) -> int | None:
    """The number of CPU threads in a run's environment; None when there is no valid number.

    The environment of an imported run may hold anything.
    """
    threads = (environment or {}).get("threads")
    return threads if type(threads) is int and threads > 0 else None


def load_claim(run_id: int, attempt: int) -> Claim:
    """The claim as the training child sees it; Fenced when a newer attempt exists."""
    with reading() as c:
        row = c.execute(select(*CLAIM_COLUMNS).where(run.c.id == run_id)).first()
    if row is None:
        raise NotFound(f"there is no run {run_id}")
    if row.attempt != attempt:
        raise Fenced(f"run {run_id} is at attempt {row.attempt}; this process belongs to attempt {attempt}")
    return _claim_of(run_id, row)


def mark_running(run_id: int, attempt: int) -> bool:
    """Move the run to RUNNING: the model is loaded and the first step begins."""
    with writing() as c:
        return move(c, run_id, Status.RUNNING, attempt=attempt)


def beat(
    run_id: int, attempt: int, lease_seconds: float, spent: float = 0.0, log_tail: str | None = None
) -> bool:
    """Renew the lease; True when a stop was requested.

    Raises Fenced when this attempt no longer holds the run. `spent`: seconds of training since the last beat,
    on a monotonic clock. `log_tail`: None leaves the stored text as it is.
    """
    with writing() as c:
        conditions = (run.c.id == run_id, run.c.attempt == attempt, run.c.status.in_(CLAIMED))
        values = {
            "lease_until": time.time() + lease_seconds,
            "trained_seconds": run.c.trained_seconds + spent,
        }
        if c.execute(update(run).where(*conditions).values(**values, **_said(log_tail))).rowcount != 1:
            raise Fenced(f"run {run_id} is no longer held by attempt {attempt}")
        row = c.execute(
            select(run.c.stop_requested, run.c.trained_seconds, run.c.time_limit).where(run.c.id == run_id)
        ).one()
        if row.time_limit is not None and row.trained_seconds >= row.time_limit and not row.stop_requested:
            c.execute(update(run).where(run.c.id == run_id).values(stop_requested=True))
            add_event(
                c, run_id, "time_limit", f"{row.time_limit:.0f} s of training are over", at_step(run_id)
            )
            return True
        return bool(row.stop_requested)


def finish(
    run_id: int,
    attempt: int,
    to: Status,
    kind: str | None = None,
    message: str | None = None,
    log_tail: str | None = None,
) -> bool:
    """Move the run to DONE, FAILED or STOPPED; only the attempt that holds it can, and only once."""
    with writing() as c:
        return move(
            c,
            run_id,
            to,
            message or "",
            attempt,
            error_kind=kind,
            error_message=clean(message),
            **_said(log_tail),
        )


def release(run_id: int, attempt: int, why: str, log_tail: str | None = None) -> bool:
    """Give a claimed run back to the queue, at its old place.

    It resumes from its checkpoint, on this worker or another one.
    """
    with writing() as c:
        return move(c, run_id, Status.QUEUED, why, attempt, among=CLAIMED, **NO_LEASE, **_said(log_tail))


def _said(log_tail: str | None) -> dict[str, Any]:
    """The column value for a log tail; an earlier attempt's log stays until there is a newer one."""
    return {"log_tail": log_tail} if log_tail else {}


def leases() -> list[Lease]:
    """The leases that are currently held, by run."""
    with reading() as c:
        query = (
            select(run.c.id, run.c.attempt, run.c.lease_until)
            .where(run.c.status.in_(CLAIMED))
            .order_by(run.c.id)
        )
        return [Lease(*row) for row in c.execute(query)]


def reap(lease: Lease) -> bool:
    """Mark a run whose holder is gone as LOST and put it back in the queue.

    It becomes STOPPED instead when a stop was requested, and FAILED after MOST_LOSSES losses in a row.
    Returns False when the lease has been renewed or given back since it was read.
    """
    with writing() as c:
        conditions = (
            run.c.id == lease.run_id,
            run.c.attempt == lease.attempt,
            run.c.lease_until == lease.until,
        )
        query = select(run.c.stop_requested, run.c.worker).where(*conditions, run.c.status.in_(CLAIMED))
        # A run that is renewing its lease right now is not lost.
        row = c.execute(query.with_for_update(skip_locked=True)).first()
        if row is None:
            return False
        move(c, lease.run_id, Status.LOST, f"no sign of {row.worker}", **NO_LEASE)
        if row.stop_requested:
            return move(c, lease.run_id, Status.STOPPED)
        if _lost_in_a_row(c, lease.run_id) < MOST_LOSSES:
            return move(c, lease.run_id, Status.QUEUED)
        message = (
            f"lost {MOST_LOSSES} times without a new checkpoint, each time with its worker; "
            "see the workers' logs"
        )
        return move(c, lease.run_id, Status.FAILED, message, error_kind="Lost", error_message=message)


def _lost_in_a_row(c: Connection, run_id: int) -> int:
    """How often the run was lost since its last checkpoint, or since it last ended, if that is later."""
    good = ("checkpoint", *(s.value for s in Status if s.finished))
    resets = (run_event.c.run_id == run_id, run_event.c.kind.in_(good))
    since = select(func.coalesce(func.max(run_event.c.id), 0)).where(*resets).scalar_subquery()
    lost = (run_event.c.run_id == run_id, run_event.c.kind == Status.LOST.value, run_event.c.id > since)
    return int(c.execute(select(func.count()).select_from(run_event).where(*lost)).scalar_one())
