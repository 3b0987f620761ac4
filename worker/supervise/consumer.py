"""A Celery consumer that drops unreadable messages with a warning. Installed by worker.supervise.celery_app.

Celery's own consumer ends the worker over some of them and waits for ever over others, and a message that is
not acknowledged comes back to the next worker. A message contains nothing that the database does not: it
wakes a worker, which trains the run that has waited longest (docs/decisions/0003-database-decides.md). So
only the run's id is taken from a message; everything else is replaced by what we would send.
"""

import json
import logging
import uuid
from collections.abc import Callable
from typing import Any

from celery.worker import consumer

from core.store.broker import TRAIN

UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, RecursionError)
EMBED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
log = logging.getLogger("showdown.worker")


class Consumer(consumer.Consumer):  # type: ignore[misc]  # Celery has no types
    """Celery's consumer, which goes on after an unreadable message."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A malformed envelope has left the queue by the time it is examined: connect again and take the next.
        self.connection_errors = (*self.connection_errors, *UNREADABLE)

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Callable[[Any], None]:
        """The function that Celery calls with each message."""
        handle = super().create_task_handler(*args, **kwargs)

        def received(message: Any) -> None:
            try:
                run_id = _run_of(message)
            except Exception as error:  # each serializer has its own
                log.warning("dropped a message that cannot be read: %s", type(error).__name__)
                message.ack_log_error(log, self.connection_errors)
                return
            _fill(message, run_id)
            handle(message)

        return received


def _run_of(message: Any) -> int:
    """The id of the run in a message. Any other message raises ValueError or a serializer's error."""
    args, kwargs, _ = message.payload
    if message.headers["task"] != TRAIN or kwargs or len(args) != 1:
        raise ValueError("it is no message of ours")
    (run_id,) = args
    if not isinstance(run_id, int) or not 0 < run_id < 2**63:
        raise ValueError("it names no run")
    return run_id


def _fill(message: Any, run_id: int) -> None:
    """Overwrite everything but the run's id with what we would send."""
    message.body = json.dumps([[run_id], {}, EMBED])
    message.content_type = "application/json"
    message.content_encoding = "utf-8"
    message.headers = {
        "lang": "py", "task": TRAIN, "id": str(uuid.uuid4()), "argsrepr": repr([run_id]), "kwargsrepr": "{}",
        "retries": 0, "timelimit": [None, None], "eta": None, "expires": None,
    }  # fmt: skip
