"""The Celery worker: `python -m worker.celery_app`. Light: the training stack is loaded by the child it starts.

Threads, one a slot: the shutdown signal reaches the supervising code in the same process, so a run can be brought to
its checkpoint and given back before the worker ends.
"""

import logging
import os
import socket
import threading
from typing import Any

from celery import signals

from core.queue import QUEUE, TRAIN, client
from core.store import workers
from worker import gpus, supervisor

BEAT_SECONDS = 5.0
NAME = f"{socket.gethostname()}-{os.getpid()}"
app = client()
app.conf.worker_consumer = "worker.consumer:Consumer"


@app.task(name=TRAIN)  # type: ignore[untyped-decorator]
def train_run(run_id: int) -> None:
    """Woken for a run: train the one that has waited longest, usually that one, unless somebody was faster."""
    logging.getLogger("showdown.worker").info("woken for run %d", run_id)
    supervisor.supervise(NAME)


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def _start_heartbeat(**_: Any) -> None:
    threading.Thread(target=_heartbeat, daemon=True).start()


def _heartbeat() -> None:
    while not supervisor.SHUTDOWN.is_set():
        try:
            supervisor.warm_up()  # again, where it has been killed meanwhile
            workers.beat(NAME, socket.gethostname(), os.getpid(), gpus.slots(), gpus.read())
        except Exception as error:  # whatever it is: a worker without a heartbeat counts as gone
            logging.getLogger("showdown.worker").warning("no heartbeat: %s: %s", type(error).__name__, error)
        supervisor.SHUTDOWN.wait(BEAT_SECONDS)


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _bring_runs_home(**_: Any) -> None:
    supervisor.SHUTDOWN.set()


@signals.worker_shutdown.connect  # type: ignore[untyped-decorator]
def _sign_off(**_: Any) -> None:
    workers.gone(NAME)


def main() -> None:
    """Take runs until told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    slots = str(gpus.slots())
    app.worker_main(
        ["worker", "-P", "threads", "-c", slots, "-Q", QUEUE, "-n", f"showdown-{os.getpid()}@%h"]
        + ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    )


if __name__ == "__main__":
    main()
