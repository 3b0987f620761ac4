"""Renews the lease of a living training, and records the time spent and the end of the child's log.

One transaction for all three. Light.
"""

import time
from pathlib import Path

from core.common import logs
from core.common.log_cause import excerpt
from core.common.settings import settings
from core.store.runs import claims
from core.store.runs.claims import Claim

LOG_SECONDS = 2.0  # between two uploads of the end of the log
BYTES = 4 * logs.TAIL  # a character takes up to four
CHAIN_BYTES = 2**20  # where the first cause of a failure is looked for


def read_end(path: Path, size: int) -> str:
    """The last `size` bytes of a log as text; empty when there is no log."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - size))
            return logs.clean(file.read())
    except OSError:
        return ""


def last_words(path: Path) -> str:
    """The end of an ended training's log, preceded by the first cause of its failure if that lies earlier."""
    return excerpt(read_end(path, CHAIN_BYTES), logs.TAIL)


class Pulse:
    """The heartbeat of one claim. The next beat makes up for one that did not reach the database."""

    def __init__(self, claim: Claim, log: Path) -> None:
        self.claim = claim
        self.log = log
        self._beaten_at = time.monotonic()
        self._told = ""
        self._size = -1
        self._look_at = 0.0

    def beat(self) -> bool:
        """Beat once; True when a stop was requested. Raises Fenced and StoreUnavailable like claims.beat."""
        now_seconds = time.monotonic()
        size, text = self._look() if now_seconds >= self._look_at else (self._size, self._told)
        new = None if text == self._told else text
        stop_asked = claims.beat(
            self.claim.run_id,
            self.claim.attempt,
            settings().lease_seconds,
            now_seconds - self._beaten_at,
            new,
        )
        self._beaten_at = now_seconds
        if size != self._size:
            self._told = text
            self._size = size
            self._look_at = now_seconds + LOG_SECONDS
        return stop_asked

    def _look(self) -> tuple[int, str]:
        """The log's size and end; reads the log only when its size has changed."""
        try:
            size = self.log.stat().st_size
        except OSError:
            return self._size, self._told
        return (size, logs.tail(read_end(self.log, BYTES))) if size != self._size else (size, self._told)
