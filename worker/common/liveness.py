"""A training's signs of life: it touches its log. Light.

worker.supervise.watchdog tells a long wait from a hang by these touches.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

TOUCH_SECONDS = 1.0  # between two touches
_touched = [0.0]


def touch(*_: object) -> None:
    """Give a sign of life: touch the file that this process writes standard error to."""
    now_seconds = time.monotonic()
    if now_seconds - _touched[0] >= TOUCH_SECONDS:
        _touched[0] = now_seconds
        with suppress(OSError, ValueError):  # standard error is closed, or is not a file
            os.utime(sys.stderr.fileno())


@contextmanager
def waiting() -> Iterator[None]:
    """Gives signs of life during a long call that has its own time limit, such as sending a checkpoint."""
    finished = threading.Event()

    def sign() -> None:
        while not finished.wait(10 * TOUCH_SECONDS):
            touch()

    thread = threading.Thread(target=sign, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
