"""The reaper: `python -m worker.supervise.reaper`. Requeues lost runs and resends lost messages.

One small process next to the workers. Any number of them may run: every step is a compare-and-set or a
harmless repeat.
"""

import logging
import signal
import threading
import time

from core.common.errors import BrokerError, StoreUnavailable
from core.common.settings import settings
from core.store import transitions, workers
from core.store.broker import enqueue, waiting
from core.store.lease_watch import Silence
from core.store.runs import claims

SILENT_SECONDS = 3600.0  # a worker without a heartbeat for an hour was killed
log = logging.getLogger("showdown.reaper")


def sweep(silence: Silence) -> None:
    """Do one round: requeue lost runs, forget silent workers, resend messages.

    Messages are sent again only when none is waiting: this avoids a flood, and nothing is stuck for longer
    than a round.
    """
    for lease, seconds in silence.look(claims.leases()).items():
        if seconds >= settings().lease_seconds and claims.reap(lease):
            log.warning("run %d was lost and waits again", lease.run_id)
    workers.forget_silent(time.time() - SILENT_SECONDS)
    queued = transitions.queued()
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
