"""The workers: their heartbeats, their GPUs and the runs they hold."""

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from sqlalchemy import delete, insert, select, update

from core.config.sweep import run_name
from core.store import transitions
from core.store.schema import gpu, gpu_lease, run, worker
from core.store.session import reading, writing
from core.store.status import Status

MOST_BYTES = 1e15  # of a GPU's memory
MOST_COUNT = 2**31  # of anything that is counted
MOST_SECONDS = 1e11  # of a time


@dataclass(frozen=True)
class Gpu:
    """One GPU of a worker. Memory in bytes; utilisation in [0, 1], None where the driver does not say."""

    index: int
    name: str
    memory_bytes: float
    memory_used: float
    utilisation: float | None
    uuid: str = ""


@dataclass(frozen=True)
class Held:
    """A run that a worker holds."""

    id: int
    arm: str
    seed: int
    swept: dict[str, Any] | None
    structure: str
    status: Status
    step: int
    max_steps: int
    num_processes: int

    @property
    def name(self) -> str:
        """The run's name, such as "hybrid, beta 0.04, seed 1"."""
        return run_name(self.arm, self.swept, self.seed)


@dataclass(frozen=True)
class Machine:
    """A worker with everything the Workers page shows."""

    name: str
    host: str
    pid: int
    slots: int
    started_at: float
    seen_at: float
    gpus: tuple[Gpu, ...]
    runs: tuple[Held, ...]
    leased: Mapping[str, int]
    """uuid of a GPU -> the run that has it, whichever worker trains that run."""
    unread_gpus: int = 0
    """How many rows of its GPUs are left out because their values cannot belong to a GPU."""


def _within(value: Any, most: float, least: float = 0.0) -> bool:
    """Whether a value is a number from `least` to `most`; never true for NaN.

    SQLite stores texts in columns of numbers, and both databases store infinity.
    """
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most


def _gpu(values: Sequence[Any]) -> Gpu | None:
    """The GPU of a row; None when its values cannot belong to a GPU.

    An impossible utilisation alone becomes None.
    """
    card = Gpu(*values)
    sizes = _within(card.memory_bytes, MOST_BYTES, 1.0) and _within(card.memory_used, MOST_BYTES)
    texts = isinstance(card.name, str) and isinstance(card.uuid, str)
    if not (sizes and texts and isinstance(card.index, int) and _within(card.index, MOST_COUNT)):
        return None
    return card if _within(card.utilisation, 1.0) else replace(card, utilisation=None)


def _is_worker(row: Any) -> bool:
    counts = (row.pid, row.slots)
    times = (row.started_at, row.seen_at)
    numbers = all(isinstance(n, int) and _within(n, MOST_COUNT) for n in counts) and all(
        _within(t, MOST_SECONDS) for t in times
    )
    return numbers and isinstance(row.name, str) and isinstance(row.host, str)


def beat(name: str, host: str, pid: int, slots: int, gpus: Sequence[Gpu] = ()) -> None:
    """Record that a worker is alive, and the state of its GPUs."""
    now_seconds = time.time()
    with writing() as c:
        updated = c.execute(update(worker).where(worker.c.name == name).values(seen_at=now_seconds)).rowcount
        if not updated:
            c.execute(
                insert(worker).values(
                    name=name, host=host, pid=pid, slots=slots, started_at=now_seconds, seen_at=now_seconds
                )
            )
        c.execute(delete(gpu).where(gpu.c.worker == name))
        if gpus:
            c.execute(insert(gpu), [{"worker": name, **asdict(g)} for g in gpus])


def gone(name: str) -> None:
    """Remove a worker that has shut down."""
    with writing() as c:
        c.execute(delete(worker).where(worker.c.name == name))


def forget_silent(seen_before: float) -> None:
    """Remove workers whose last heartbeat is too old: they were killed and will not sign off."""
    with writing() as c:
        c.execute(delete(worker).where(worker.c.seen_at < seen_before))


def machines(seen_after: float) -> list[Machine]:
    """Workers with a heartbeat after `seen_after`, by name, with their GPUs and runs."""
    with reading() as c:
        rows = c.execute(select(worker).where(worker.c.seen_at > seen_after).order_by(worker.c.name)).all()
        workers = [w for w in rows if _is_worker(w)]
        columns = [gpu.c[f.name] for f in fields(Gpu)]
        cards = defaultdict(list)
        unread = Counter[str]()
        for owner, *values in c.execute(select(gpu.c.worker, *columns).order_by(gpu.c.worker, gpu.c.index)):
            if card := _gpu(values):
                cards[owner].append(card)
            else:
                unread[owner] += 1
        claimed = [s.value for s in Status if s.claimed]
        names = tuple(f.name for f in fields(Held))
        held_runs = c.execute(
            select(run.c.worker, *(run.c[n] for n in names))
            .where(run.c.status.in_(claimed))
            .order_by(run.c.id)
        ).all()
        leased = {row.uuid: row.run_id for row in c.execute(select(gpu_lease))}
    return [
        Machine(
            w.name, w.host, w.pid, w.slots, w.started_at, w.seen_at,
            tuple(cards[w.name]),
            tuple(
                Held(
                    **{
                        **{n: getattr(h, n) for n in names},
                        "status": Status(h.status),
                        "swept": _swept(h.swept),
                    }
                )
                for h in held_runs
                if h.worker == w.name
                and all(isinstance(n, int) for n in (h.seed, h.step, h.max_steps, h.num_processes))
            ),
            {g.uuid: leased[g.uuid] for g in cards[w.name] if g.uuid in leased},
            unread[w.name],
        )
        for w in workers
    ]  # fmt: skip


def _swept(value: Any) -> dict[str, Any] | None:
    return value if isinstance(value, dict) else None


def waiting() -> list[int]:
    """How many processes each waiting run wants, in the order in which runs are taken."""
    return list(transitions.waiting().values())
