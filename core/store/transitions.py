"""Moves runs between states and records their history.

Every move is a compare-and-set: it names the states (and the attempt) from which it may happen, and returns
False when another process was faster.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, CursorResult, ScalarSelect, delete, insert, select, update

from core.config.run import RunConfig
from core.store.schema import gpu_lease, run, run_event
from core.store.session import reading
from core.store.status import Status, sources

NO_LEASE: dict[str, Any] = {"lease_owner": None, "lease_until": None}


T = TypeVar("T", str, str | None)


def clean(text: T) -> T:
    """Make a text storable in both databases.

    A NUL becomes U+2400, its visible symbol, and half a surrogate pair becomes a question mark.
    """
    return text.replace("\x00", "\u2400").encode(errors="replace").decode() if text else text


def at_step(run_id: int) -> ScalarSelect[int]:
    """The step that the run has reached, for events recorded outside the training."""
    return select(run.c.step).where(run.c.id == run_id).scalar_subquery()


def add_event(
    c: Connection,
    run_id: int,
    kind: str,
    detail: str = "",
    step: int | ScalarSelect[int] | None = None,
    by: str = "",
) -> None:
    """Add one line to the run's history.

    `by`: the user who caused it; "" when no user did, or when nobody signs in.
    """
    values = {
        "run_id": run_id,
        "at": time.time(),
        "step": step,
        "kind": kind,
        "detail": clean(detail),
        "by": clean(by),
    }
    c.execute(insert(run_event).values(values))


def move(
    c: Connection,
    run_id: int,
    to: Status,
    detail: str = "",
    attempt: int | None = None,
    among: Iterable[Status] = tuple(Status),
    by: str = "",
    **values: Any,
) -> bool:
    """Change the status if the transition is legal, and record the event; False when it is not.

    The run must be in one of the states `among` and, if `attempt` is given, held by that attempt. `by`: the
    user who wants it; "" when no user does.
    """
    conditions = [run.c.id == run_id, run.c.status.in_([s for s in sources(to) if s in among])]
    if attempt is not None:
        conditions.append(run.c.attempt == attempt)
    if to.finished:
        values = {"finished_at": time.time(), **NO_LEASE, **values}
    moved = c.execute(update(run).where(*conditions).values(status=to.value, **values)).rowcount == 1
    if moved and not to.claimed:
        c.execute(delete(gpu_lease).where(gpu_lease.c.run_id == run_id))
    if moved:
        step = at_step(run_id) if to.finished or to == Status.LOST else None
        add_event(c, run_id, to.value, detail, step, by)
    return moved


def new_id(made: CursorResult[Any]) -> int:
    """The id of the row that was just inserted."""
    key = made.inserted_primary_key
    assert key is not None
    return int(key[0])


def insert_run(
    c: Connection,
    config: RunConfig,
    experiment_id: int | None,
    revision: str,
    swept: Mapping[str, Any] | None = None,
    by: str = "",
) -> int:
    """Insert a queued run; returns its id.

    `swept`: the settings in which it differs from others of its arm. `by`: the user who submits it.
    """
    now_seconds = time.time()
    result = c.execute(
        insert(run).values(
            experiment_id=experiment_id,
            arm=config.name,
            seed=config.seed,
            structure=config.mix.structure,
            config=config.resolved(),
            config_hash=config.hash(),
            swept=dict(swept) if swept else None,
            revision=revision,
            status=Status.QUEUED.value,
            max_steps=config.grpo.max_steps,
            num_processes=config.grpo.num_processes,
            created_at=now_seconds,
            queued_at=now_seconds,
        )
    )
    run_id = new_id(result)
    add_event(c, run_id, Status.QUEUED.value, by=by)
    return run_id


def in_order() -> tuple[ColumnElement[Any], ...]:
    """The order in which runs are taken: highest priority first, then the longest waiting."""
    return (run.c.priority.desc(), run.c.queued_at, run.c.id)


def waiting() -> dict[int, int]:
    """Queued runs and how many processes each one wants, in the order in which they are taken."""
    query = (
        select(run.c.id, run.c.num_processes).where(run.c.status == Status.QUEUED.value).order_by(*in_order())
    )
    with reading() as c:
        return {row.id: row.num_processes for row in c.execute(query)}


def queued() -> list[int]:
    """The ids of the queued runs, in the order in which they are taken."""
    return list(waiting())
