"""What a supervisor tells the database while a training lives: the lease, the time spent, and the end of the child's log.

One transaction for all three. Called by worker.supervisor. Light.
"""

import time
from pathlib import Path

from core import logs
from core.cause import excerpt
from core.settings import settings
from core.store import claims
from core.store.claims import Claim

LOG_SECONDS = 2.0  # between two ends of the log
BYTES = 4 * logs.TAIL  # a character may be four of them
CHAIN_BYTES = 2**20  # where the first cause of a failure is looked for


def read_end(path: Path, size: int) -> str:
    """The last `size` bytes of a log as text; empty when there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - size))
            return logs.clean(file.read())
    except OSError:
        return ""


def last_words(path: Path) -> str:
    """The end of the log of a training that has ended, after its first cause where that lies before the end."""
    return excerpt(read_end(path, CHAIN_BYTES), logs.TAIL)


class Pulse:
    """Beats for one claim. A beat that the database did not hear is made up for by the next."""

    def __init__(self, claim: Claim, log: Path) -> None:
        self.claim, self.log = claim, log
        self._beaten_at = time.monotonic()
        self._told, self._size, self._look_at = "", -1, 0.0

    def beat(self) -> bool:
        """True when a stop was asked for. Fenced and StoreUnavailable as claims.beat."""
        now = time.monotonic()
        size, text = self._look() if now >= self._look_at else (self._size, self._told)
        new = None if text == self._told else text
        asked = claims.beat(self.claim.run_id, self.claim.attempt, settings().lease_seconds, now - self._beaten_at, new)
        self._beaten_at = now
        if size != self._size:
            self._told, self._size, self._look_at = text, size, now + LOG_SECONDS
        return asked

    def _look(self) -> tuple[int, str]:
        """The log's size and end; read only where the size has changed."""
        try:
            size = self.log.stat().st_size
        except OSError:
            return self._size, self._told
        return (size, logs.tail(read_end(self.log, BYTES))) if size != self._size else (size, self._told)
