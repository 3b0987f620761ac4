"""The Celery worker: `python -m worker.supervise.celery_app`.

Light: the training stack is loaded by the child it starts. Runs one thread per slot, so that the shutdown
signal reaches the supervising code in the same process: a run can write its checkpoint and go back to the
queue before the worker ends.
"""

import logging
import os
import socket
import threading
from typing import Any

from celery import signals

from core.store import workers
from core.store.broker import QUEUE, TRAIN, client
from worker.common import gpus
from worker.supervise import supervisor

BEAT_SECONDS = 5.0
NAME = f"{socket.gethostname()}-{os.getpid()}"
app = client()
app.conf.worker_consumer = "worker.supervise.consumer:Consumer"


@app.task(name=TRAIN)  # type: ignore[untyped-decorator]
def train_run(run_id: int) -> None:
    """Train the run that has waited longest, usually the one in the message.

    When another worker has taken that one, this trains the next, if any.
    """
    logging.getLogger("showdown.worker").info("woken for run %d", run_id)
    supervisor.supervise(NAME)


@signals.worker_ready.connect  # type: ignore[untyped-decorator]
def _start_heartbeat(**_: Any) -> None:
    threading.Thread(target=_heartbeat, daemon=True).start()


def _heartbeat() -> None:
    while not supervisor.SHUTDOWN.is_set():
        try:
            supervisor.warm_up()  # again, in case it has been killed meanwhile
            workers.beat(NAME, socket.gethostname(), os.getpid(), gpus.slots(), gpus.read())
        except Exception as error:  # of any kind: a worker without a heartbeat counts as gone
            logging.getLogger("showdown.worker").warning("no heartbeat: %s: %s", type(error).__name__, error)
        supervisor.SHUTDOWN.wait(BEAT_SECONDS)


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _bring_runs_home(**_: Any) -> None:
    supervisor.SHUTDOWN.set()


@signals.worker_shutdown.connect  # type: ignore[untyped-decorator]
def _sign_off(**_: Any) -> None:
    workers.gone(NAME)


def main() -> None:
    """Run the Celery worker until it is told to stop."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    slots = str(gpus.slots())
    app.worker_main(
        ["worker", "-P", "threads", "-c", slots, "-Q", QUEUE, "-n", f"showdown-{os.getpid()}@%h"]
        + ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    )


if __name__ == "__main__":
    main()
