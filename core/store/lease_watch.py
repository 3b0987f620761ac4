"""Measures how long leases have gone without renewal, to tell which workers are gone.

It never compares two clocks (docs/decisions/0014-silence-not-clocks.md): an observer counts, on its own
monotonic clock, how long it has itself seen a lease unchanged.
"""

import time
from collections.abc import Iterable

from core.store.runs.claims import Lease


class Silence:
    """One process's record of how long each lease has been unchanged.

    A gap between two looks counts for at most `longest_look` seconds: while this process was paused or the
    database was away, it could not see renewals.
    """

    def __init__(self, longest_look: float) -> None:
        self.longest_look = longest_look
        self._silent: dict[Lease, float] = {}
        self._looked_at = time.monotonic()

    def look(self, leases: Iterable[Lease]) -> dict[Lease, float]:
        """Seconds for which each lease has not been renewed."""
        now_seconds = time.monotonic()
        gap = min(now_seconds - self._looked_at, self.longest_look)
        self._looked_at = now_seconds
        self._silent = {x: self._silent[x] + gap if x in self._silent else 0.0 for x in leases}
        return dict(self._silent)
