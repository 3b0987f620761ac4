"""Which workers are gone: leases that have not been renewed for long. Called by worker.reaper and cli.run.

No two clocks are ever compared (docs/decisions/0014-silence-not-clocks.md): whoever looks counts, by its own monotonic
clock, for how long it has itself seen a lease unchanged.
"""

import time
from collections.abc import Iterable

from core.store.claims import Lease


class Silence:
    """What one process has seen of the leases. `longest_look`: a gap between two looks counts no more than this many
    seconds: while this process was paused or the database was away, nobody could be heard."""

    def __init__(self, longest_look: float) -> None:
        self.longest_look = longest_look
        self._silent: dict[Lease, float] = {}
        self._looked_at = time.monotonic()

    def look(self, leases: Iterable[Lease]) -> dict[Lease, float]:
        """Seconds for which each lease has not been renewed."""
        now = time.monotonic()
        gap, self._looked_at = min(now - self._looked_at, self.longest_look), now
        self._silent = {x: self._silent[x] + gap if x in self._silent else 0.0 for x in leases}
        return dict(self._silent)
