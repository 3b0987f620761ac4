"""The reaper: `python -m worker.reaper`. Puts lost runs back in the queue and sends messages that got lost.

One small process beside the workers; any number may run, every step is a compare-and-set or a harmless repeat.
"""

import logging
import signal
import threading
import time

from core.errors import BrokerError, StoreUnavailable
from core.queue import enqueue, waiting
from core.settings import settings
from core.silence import Silence
from core.store import claims, moves, workers

SILENT_SECONDS = 3600.0  # a worker nobody has heard of for an hour was killed
log = logging.getLogger("showdown.reaper")


def sweep(silence: Silence) -> None:
    """One round.

    Messages are sent again only when none waits: no flood, and nothing is stuck for longer than a round.
    """
    for lease, seconds in silence.look(claims.leases()).items():
        if seconds >= settings().lease_seconds and claims.reap(lease):
            log.warning("run %d was lost and waits again", lease.run_id)
    workers.forget_silent(time.time() - SILENT_SECONDS)
    queued = moves.queued()
    if queued and waiting() == 0:
        for run_id in queued:
            enqueue(run_id)


def main() -> None:
    """Sweep until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    silence = Silence(2 * settings().reap_seconds)
    while not stop.is_set():
        try:
            sweep(silence)
        except (StoreUnavailable, BrokerError) as error:
            log.warning("%s", error)
        stop.wait(settings().reap_seconds)


if __name__ == "__main__":
    main()
