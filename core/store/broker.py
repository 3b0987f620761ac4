"""The Celery client: sends a run's id to the workers.

Tasks are sent by name, so this side needs no worker code. A message carries the run id and nothing else.
"""

import re
from functools import lru_cache
from urllib.parse import urlsplit

from celery import Celery
from kombu.exceptions import OperationalError
from kombu.utils.url import parse_url
from redis.exceptions import RedisError

from core.common.errors import BrokerError, SetupError
from core.common.settings import settings
from core.common.urls import said_of, shown

TRAIN = "train_run"
QUEUE = "train"
# A broker that accepts connections but never answers counts as away: it is frozen, its machine fell silent,
# or it lacks the TLS of the URL. Without a bound, a page, the reaper or a worker that reports the end of a
# run would wait for it forever.
PATIENCE = {"socket_timeout": 5.0, "socket_connect_timeout": 5.0, "socket_keepalive": True}
# Redis transport: how long a message that a dead worker holds stays hidden, and how often that is checked.
# Correctness does not depend on them, because the database decides who runs:
# docs/decisions/0003-database-decides.md.
TRANSPORT = {"visibility_timeout": 3600, "unacked_restore_interval": 10, "unacked_restore_throttle": 1}
# The broker is not there, refuses us (a password, TLS), or is not a Redis.
AWAY = (OperationalError, RedisError, OSError)
SERVERS = ("redis", "rediss")
SOCKET = "redis+socket"
FAIL_FAST = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}


@lru_cache(maxsize=1)
def client() -> Celery:
    """The Celery application, on the broker of this process's settings.

    Raises SetupError like `check`.
    """
    check()
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
        broker_connection_max_retries=None,  # forever: with Celery's 100, a worker gives up after 46 minutes
        broker_transport_options={**TRANSPORT, **PATIENCE},
    )
    return app


def enqueue(run_id: int) -> None:
    """Wake a worker for a run whose row is committed.

    Raises BrokerError when the broker does not answer.
    """
    try:
        client().send_task(TRAIN, args=[run_id], queue=QUEUE, retry_policy=FAIL_FAST)
    except AWAY as error:
        raise BrokerError(
            f"{_away(error)}; run {run_id} stays queued and is sent as soon as it does"
        ) from error


def check() -> None:
    """Raise SetupError when SHOWDOWN_BROKER_URL is not the URL of a Redis.

    Otherwise Celery would connect to another broker, or fail later.
    """
    if settings().broker_url and not _names_a_redis(settings().broker_url):
        raise SetupError(
            "SHOWDOWN_BROKER_URL is not the URL of a Redis; give redis://:password@host:6379/0, "
            "rediss:// for one with TLS, or redis+socket:///path, or unset it for the private broker"
        )


def _names_a_redis(url: str) -> bool:
    scheme = url.partition("://")[0]
    if re.search(r"[\s\x00-\x1f]", url):
        return False
    try:
        parts = urlsplit(url)
        if scheme == SOCKET:
            return not parts.netloc and len(parts.path) > 1
        if scheme not in SERVERS or parts.port == 0:
            return False
        parse_url(url)  # Celery's own parser, which rejects TLS options that it does not know
    except (ValueError, KeyError, TypeError):
        return False
    return bool(parts.hostname) and bool(re.fullmatch(r"/?\d*", parts.path))


def _away(error: Exception) -> str:
    """The message for a broker that is away, without its password, which a library's error may quote."""
    name = "SHOWDOWN_BROKER_URL: " if settings().broker_url else ""
    url = settings().broker
    return f"{name}the broker at {shown(url)} does not answer ({said_of(url, error)})"


def waiting() -> int:
    """How many messages no worker has taken yet."""
    try:
        with client().connection_for_read() as connection:
            connection.ensure_connection(**FAIL_FAST)  # otherwise kombu tries for six seconds
            return int(connection.default_channel.client.llen(QUEUE))
    except AWAY as error:
        raise BrokerError(_away(error)) from error
