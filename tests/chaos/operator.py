"""What a person does meanwhile: queue runs, and press Resume on those that failed because their training was
killed.

A thread of its own: a frozen broker or database holds it up, and not the storm that will let it go on.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress

from core.common.errors import BrokerError, StoreUnavailable
from core.config.run import RunConfig
from core.store import broker
from core.store.runs import claims, lifecycle, queries
from core.store.runs.queries import RunRow
from core.store.status import Status

LOOK_SECONDS = 0.5
LIMIT = 100_000  # rows of a list


class Operator(threading.Thread):
    """`made`: configs in the order in which they are queued, so that at most `at_once` runs have not
    ended; None: no more."""

    def __init__(self, made: Iterator[RunConfig], at_once: int, killed: Callable[[int], int]) -> None:
        super().__init__(name="operator", daemon=True)
        self.made, self.at_once, self.killed = made, at_once, killed
        self.resumed: Counter[tuple[int, str]] = Counter()
        self.error: BaseException | None = None
        self.rows: list[RunRow] = []
        self.trained = 0  # how often a run was seen further than before
        self._no_more, self._leave = threading.Event(), threading.Event()

    def run(self) -> None:
        while not self._leave.wait(LOOK_SECONDS):
            try:
                self._look()
            except (StoreUnavailable, BrokerError):
                continue
            except BaseException as error:
                self.error = error
                return

    def no_more(self) -> None:
        """Queue no further run."""
        self._no_more.set()

    def done(self) -> bool:
        """Every run that was queued is DONE; raises what went wrong."""
        if self.error is not None:
            raise self.error
        return (
            self._no_more.is_set() and bool(self.rows) and all(row.status == Status.DONE for row in self.rows)
        )

    def leave(self) -> None:
        self._leave.set()
        self.join(60)

    def _look(self) -> None:
        rows = queries.run_list(limit=LIMIT)
        for row in rows:
            if row.status in (Status.FAILED, Status.STOPPED):
                self._resume(row)
        before = {row.id: row.step for row in self.rows}
        self.trained += sum(row.step > before.get(row.id, 0) for row in rows)
        going_on = sum(row.status != Status.DONE for row in rows)
        self.rows = rows
        if going_on < self.at_once and not self._no_more.is_set() and (config := next(self.made, None)):
            self._queue(lifecycle.create_run(config))

    def _resume(self, row: RunRow) -> None:
        """AssertionError where nobody would have expected the run to fail.

        A training that got SIGKILL may have filled the memory, and one that was lost five times without a
        checkpoint may end its worker each time: both are left to a person (docs/deploy.md, "What may
        fail").
        """
        kind = str(row.error_kind)
        allowed = {"SIGKILL": self.killed(row.id), "Lost": row.attempt // claims.MOST_LOSSES}.get(kind, 0)
        assert self.resumed[row.id, kind] < allowed, f"run {row.id} is {row.status}: {row.error_message}"
        if lifecycle.requeue(row.id):
            self.resumed[row.id, kind] += 1
            self._queue(row.id)

    def _queue(self, run_id: int) -> None:
        with suppress(BrokerError):  # the reaper sends it later
            broker.enqueue(run_id)
