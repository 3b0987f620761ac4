"""A journal that writes steps in its own thread, so that the training does not wait for the database.

Steps keep their order. At most `ROOM` of them wait; beyond that the training waits. A checkpoint is announced
after everything before it, and leaving the block writes all that remains. An error in the thread (another
attempt holds the run, a bug) is raised in the training at its next call. A kill -9 loses the waiting steps,
all of which come after the announced checkpoint, so a resumed run makes them again.
"""

import logging
from queue import Queue
from threading import Thread
from types import TracebackType
from typing import Self

from core.store.steps.records import StepRecord
from worker.state.journal import GiveUp, Journal

ROOM = 4  # steps: enough to bridge a slow commit, few enough to lose
log = logging.getLogger("showdown.outbox")


class Outbox(Journal):
    """A `Journal` that writes steps in the background; use it in a `with` block.

    Call it from one thread, and do not change a record after handing it over.
    """

    def __enter__(self) -> Self:
        self._steps: Queue[tuple[StepRecord, GiveUp] | None] = Queue(ROOM)
        self._error: BaseException | None = None
        self._leaving = False
        self._thread = Thread(target=self._write, name="outbox", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _at: TracebackType | None
    ) -> None:
        """Wait until every step is in the database, or in the file if the database is away."""
        self._leaving = True
        self._steps.put(None)
        self._thread.join()
        if error is None:
            self._raise()
        elif self._error is not None and self._error is not error:
            log.warning(
                "what was handed over is not written either: %s: %s", type(self._error).__name__, self._error
            )

    def write_step(self, record: StepRecord, stop: GiveUp) -> None:
        """Hand a step to the thread; waits while `ROOM` steps are waiting already."""
        self._raise()
        self._steps.put((record, stop))

    def write_checkpoint(self, step: int, stop: GiveUp) -> None:
        """Announce a checkpoint after everything before it is written."""
        self._steps.join()
        self._raise()
        super().write_checkpoint(step, stop)

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error

    def _store(self, record: StepRecord, stop: GiveUp) -> None:
        super().write_step(record, lambda: self._leaving or stop())

    def _write(self) -> None:
        while (handed := self._steps.get()) is not None:
            record, stop = handed
            try:
                if self._error is None:  # after a step that failed, nothing may be stored
                    self._store(record, stop)
            except BaseException as error:
                self._error = error
            finally:
                self._steps.task_done()
