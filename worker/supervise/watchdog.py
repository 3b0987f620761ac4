"""Detects and ends a training that hangs without dying. Light.

A sign of life is anything the child writes to its log, or a touch of the log: worker.training.train touches
it at every forward of the model and wherever it checks whether to stop. So a long generation or evaluation is
not mistaken for a hang, nor is waiting for the database.
"""

import os
import signal
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from core.common.log_cause import first_cause
from core.common.settings import settings
from worker.supervise.heartbeat import last_words
from worker.supervise.process_group import Process

DUMP_SECONDS = 5.0  # for a hung process to write its stacks


class Signs:
    """Watches one log for signs of life.

    Any change is a sign, whatever the clocks say; the time between two is measured on this process's clock.
    """

    def __init__(self, log: Path) -> None:
        self.log = log
        self._last, self._since = self._state(), time.monotonic()

    def missing(self) -> bool:
        """Whether there was no sign of life for longer than the settings allow."""
        state = self._state()
        now_seconds = time.monotonic()
        if state != self._last:
            self._last = state
            self._since = now_seconds
        return now_seconds - self._since > settings().stall_seconds

    def _state(self) -> tuple[int, int] | None:
        try:
            status = self.log.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size


def end(processes: Iterable[Process]) -> None:
    """Kill hung processes and the processes they started, once they have written their stacks if they can."""
    hung = list(processes)
    for process in hung:
        process.send_signal(signal.SIGABRT)  # Python's faulthandler answers, whatever the process waits for
    until = time.monotonic() + DUMP_SECONDS
    for process in hung:
        with suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, until - time.monotonic()))
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def why(log: Path) -> str:
    """The error message of a run that hung."""
    cause = first_cause(last_words(log), signaled=True)
    location = f" It hung at {cause.where}." if cause and cause.where else ""
    return (
        f"the training hung: no line in its log and no forward of the model for "
        f"{settings().stall_seconds:g} s (SHOWDOWN_STALL_SECONDS), so it was ended.{location} "
        "Resume goes on from the last checkpoint"
    )
