"""A journal whose steps are written by a thread of its own, so that no step of the training waits for the database.

Called by worker.train; worker.recorder writes to it as to any journal. Order is kept, and at most `ROOM` steps wait: beyond
that the training does. A checkpoint is announced after everything before it, and leaving the block writes all that is
left. What the thread met (another attempt holds the run, a bug) is raised in the training at its next call. A kill -9
loses the steps that wait, all of them after the announced checkpoint: a resumed run makes them again.
"""

import logging
from queue import Queue
from threading import Thread
from types import TracebackType
from typing import Self

from core.store.records import StepRecord
from worker.journal import GiveUp, Journal

ROOM = 4  # steps: enough to bridge a slow commit, few enough to lose
log = logging.getLogger("showdown.outbox")


class Outbox(Journal):
    """Used in a `with` block. Called from one thread; a record that was handed over must not be changed any more."""

    def __enter__(self) -> Self:
        self._steps: Queue[tuple[StepRecord, GiveUp] | None] = Queue(ROOM)
        self._error: BaseException | None = None
        self._leaving = False
        self._thread = Thread(target=self._write, name="outbox", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, error: BaseException | None, _at: TracebackType | None) -> None:
        """Wait until everything is stored, or kept in the file while the database is away: not until it is back."""
        self._leaving = True
        self._steps.put(None)
        self._thread.join()
        if error is None:
            self._raise()
        elif self._error is not None and self._error is not error:
            log.warning("what was handed over is not written either: %s: %s", type(self._error).__name__, self._error)

    def write_step(self, record: StepRecord, stop: GiveUp) -> None:
        """Hand a step over."""
        self._raise()
        self._steps.put((record, stop))

    def write_checkpoint(self, step: int, stop: GiveUp) -> None:
        """Announce a checkpoint, after everything before it."""
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
                if self._error is None:  # nothing may be stored after a step that was not
                    self._store(record, stop)
            except BaseException as error:
                self._error = error
            finally:
                self._steps.task_done()
