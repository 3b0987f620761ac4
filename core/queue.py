"""The Celery client: sends a run's id to the workers. Called by app.actions, the CLI and the reaper.

Tasks are sent by name, so that this side needs no worker code. The message carries the run id and nothing else.
"""

from functools import lru_cache

from celery import Celery
from kombu.exceptions import OperationalError

from core.errors import BrokerError
from core.settings import settings
from core.urls import shown

TRAIN = "train_run"
QUEUE = "train"
# A broker that takes connections and never answers (frozen, or its machine fell silent) is away: without a bound a page, the
# reaper or a worker that reports the end of a run would wait for it without end.
PATIENCE = {"socket_timeout": 5.0, "socket_connect_timeout": 5.0, "socket_keepalive": True}
# Redis transport: how long a message held by a dead worker stays hidden, and how often that is looked at. Correctness
# does not depend on them (the database decides who runs); see docs/decisions/0003-database-decides.md.
TRANSPORT = {"visibility_timeout": 3600, "unacked_restore_interval": 10, "unacked_restore_throttle": 1}
FAIL_FAST = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}


@lru_cache(maxsize=1)
def client() -> Celery:
    """The Celery application, on the broker of this process's settings."""
    app = Celery("showdown", broker=settings().broker)
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        task_default_queue=QUEUE,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,  # for ever: with Celery's 100, a worker gives up after 46 minutes
        broker_transport_options={**TRANSPORT, **PATIENCE},
    )
    return app


def enqueue(run_id: int) -> None:
    """Wake a worker for a run whose row is committed. BrokerError when the broker does not answer."""
    try:
        client().send_task(TRAIN, args=[run_id], queue=QUEUE, retry_policy=FAIL_FAST)
    except OperationalError as error:
        raise BrokerError(f"{_away()} ({error}); run {run_id} stays queued and is sent as soon as it does") from error


def _away() -> str:
    return f"the broker at {shown(settings().broker)} does not answer"  # without its password


def waiting() -> int:
    """Messages no worker has taken yet."""
    try:
        with client().connection_for_read() as connection:
            connection.ensure_connection(**FAIL_FAST)  # else kombu tries for six seconds
            return int(connection.default_channel.client.llen(QUEUE))
    except (OperationalError, *client().connection_for_read().recoverable_connection_errors) as error:
        raise BrokerError(f"{_away()}: {error}") from error
