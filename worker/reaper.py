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
from core.store import runs, workers

SILENT_SECONDS = 3600.0  # a worker nobody has heard of for an hour was killed
log = logging.getLogger("showdown.reaper")


def sweep(reap: bool = True) -> None:
    """One round; without `reap` no run is taken for lost.

    Messages are sent again only when none waits: no flood, and nothing is stuck for longer than a round.
    """
    for run_id in runs.reap_lost() if reap else []:
        log.warning("run %d was lost and waits again", run_id)
    workers.forget_silent(time.time() - SILENT_SECONDS)
    queued = runs.queued()
    if queued and waiting() == 0:
        for run_id in queued:
            enqueue(run_id)


def main() -> None:
    """Sweep until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    away_until = 0.0
    while not stop.is_set():
        try:
            # After the database was away, leases have ended that nobody could renew: their holders get time to do so.
            sweep(reap=time.monotonic() > away_until)
        except StoreUnavailable as error:
            away_until = time.monotonic() + settings().lease_seconds
            log.warning("%s", error)
        except BrokerError as error:
            log.warning("%s", error)
        stop.wait(settings().reap_seconds)


if __name__ == "__main__":
    main()
