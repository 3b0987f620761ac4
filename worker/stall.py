"""Does a training still live? A child that hangs without dying gives no sign; this side sees that. Light.

A sign is anything the child writes to its log, and a touch of it: worker.train touches it at every forward of the model
and wherever it looks whether it should stop. So a long generation or evaluation is told from a hang, and so is waiting for
the database. Called by worker.supervisor (Signs, end, why), worker.train (touch) and worker.shared (touch, waiting).
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.cause import first_cause
from core.settings import settings
from worker.children import Process
from worker.pulse import last_words

TOUCH_SECONDS = 1.0  # between two touches
DUMP_SECONDS = 5.0  # for the stacks of a hung process to be written
_touched = [0.0]


def touch(*_: object) -> None:
    """A sign of life of this process, on the file that its standard error goes to."""
    now = time.monotonic()
    if now - _touched[0] >= TOUCH_SECONDS:
        _touched[0] = now
        with suppress(OSError, ValueError):  # a closed one, or one without a file
            os.utime(sys.stderr.fileno())


@contextmanager
def waiting() -> Iterator[None]:
    """Signs of life while one call takes long that has its own bound, such as sending a checkpoint."""
    over = threading.Event()

    def sign() -> None:
        while not over.wait(10 * TOUCH_SECONDS):
            touch()

    thread = threading.Thread(target=sign, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class Signs:
    """Watches one log. Any change is a sign, whatever the clocks say; the time between two is this process's own."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self._last, self._since = self._state(), time.monotonic()

    def missing(self) -> bool:
        """None for longer than the settings allow."""
        state, now = self._state(), time.monotonic()
        if state != self._last:
            self._last, self._since = state, now
        return now - self._since > settings().stall_seconds

    def _state(self) -> tuple[int, int] | None:
        try:
            found = self.log.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size


def end(processes: Iterable[Process]) -> None:
    """Kill hung processes and what they started; first they are made to write their stacks, if they still can."""
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
    """The reason of a run that hung, for people."""
    found = first_cause(last_words(log), signaled=True)
    at = f" It hung at {found.where}." if found and found.where else ""
    return (
        f"the training hung: no line in its log and no forward of the model for "
        f"{settings().stall_seconds:g} s (SHOWDOWN_STALL_SECONDS), so it was ended.{at} Resume goes on from the last checkpoint"
    )
