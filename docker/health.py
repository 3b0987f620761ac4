"""Is this container well? `python health.py app|worker|reaper` exits 0, or with a sentence.

It asks what a user of the part would notice, not whether a process exists: Docker starts an ended one
again by itself. A part imports only what it asks with, as a check is a new process every time.
"""

import socket
import sys
import time
import urllib.request

from core.common.settings import settings

HEARD_SECONDS = 30.0  # a worker says every 5 s that it lives


def app() -> None:
    """The dashboard answers."""
    # a proxy does not know this container
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    direct.open(f"http://127.0.0.1:{settings().port}/_stcore/health", timeout=5).close()


def worker() -> None:
    """A worker of this container has lately written its heartbeat."""
    from core.store import workers

    if socket.gethostname() not in {w.host for w in workers.machines(time.time() - HEARD_SECONDS)}:
        raise OSError(f"no worker of {socket.gethostname()} has been heard of for {HEARD_SECONDS:.0f} s")


def reaper() -> None:
    """What the reaper asks every few seconds is answered. It has no heartbeat of its own."""
    from core.store import broker, transitions

    transitions.queued()
    broker.waiting()


PARTS = {"app": app, "worker": worker, "reaper": reaper}


def main() -> None:
    """Check the part that is named."""
    try:
        PARTS[sys.argv[1]]()
    except Exception as error:
        sys.exit(f"{sys.argv[1]}: {error}")


if __name__ == "__main__":
    main()
