"""What may be a broker's URL: Celery reads one that is wrong as that of another server, or fails at it later."""

from pathlib import Path

import pytest

from core.common.errors import SetupError
from core.store import broker
from tests.conftest import forget_settings

GOOD = [
    "redis://broker", "redis://broker:6379", "redis://broker:6379/", "redis://:pass%2Fword@broker:6379/2", "redis://[::1]:6379/0",
    "rediss://broker/0?ssl_cert_reqs=required", "rediss://broker", "redis+socket:///run/redis.sock",
    "redis+socket:///run/redis.sock?virtual_host=1", "redis://broker/0?health_check_interval=5",
]  # fmt: skip
BAD = {
    "no host, for which localhost would be asked": "redis://",
    "another scheme": "foo://user:hush@broker",
    "a scheme in capitals": "REDIS://broker",
    "another kind of broker": "amqp://user:hush@broker//",
    "a broker that needs more settings": "sentinel://:hush@broker:26379/0",
    "one process's memory": "memory://",
    "a port that is no number": "redis://:hush@broker:notaport/0",
    "a port that is too large": "redis://:hush@broker:99999/0",
    "port 0": "redis://:hush@broker:0/0",
    "a database that is no number": "redis://:hush@broker:6379/abc",
    "half an IPv6 address": "redis://:hush@[::1/0",
    "a setting of TLS that nobody knows": "rediss://:hush@broker/0?ssl_cert_reqs=banana",
    "a setting that Celery gives twice": "redis://broker/0?password=hush",
    "a slash in a password": "redis://:hu/sh@broker:6379/0",
    "two brokers": "redis://:hush@one/0;redis://:hush@two/0",
    "no scheme": "broker:6379",
    "spaces alone": "   ",
    "a space inside": "redis://bro ker:6379/0",
    "the end of a line": "redis://broker:6379/0\n",
    "a socket without a path": "redis+socket://",
    "a socket's path that begins with a host": "redis+socket://run/redis.sock",
}


@pytest.mark.parametrize("url", GOOD)
def test_the_url_of_a_redis_is_one(url: str, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOWDOWN_BROKER_URL", url)
    forget_settings()
    broker.check()


@pytest.mark.parametrize("url", BAD.values(), ids=list(BAD))
def test_what_is_no_url_of_a_redis_is_refused_and_not_quoted(
    url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOWDOWN_BROKER_URL", url)
    forget_settings()
    for asked in (broker.check, broker.client, broker.waiting, lambda: broker.enqueue(1)):
        with pytest.raises(
            SetupError, match="^SHOWDOWN_BROKER_URL is not the URL of a Redis; give redis://"
        ) as refused:
            asked()
        assert "hush" not in str(refused.value) and "hu/sh" not in str(refused.value)
