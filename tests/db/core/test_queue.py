"""Sending and counting messages where the broker is there and says nothing."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cli.server import embedded_broker as private
from core.common.errors import BrokerError
from core.store import broker
from tests.conftest import forget_settings, free_port, wait_for


@pytest.fixture(params=["socket", "tcp"])
def server(
    request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[subprocess.Popen[bytes]]:
    """A broker that answers, as on a laptop and as in a deployment; whoever asks it waits half a second
    for a word."""
    monkeypatch.setitem(broker.PATIENCE, "socket_timeout", 0.5)
    command = private.command()
    if request.param == "tcp":
        port = free_port()
        command[command.index("--port") + 1] = str(port)
        monkeypatch.setenv("SHOWDOWN_BROKER_URL", f"redis://127.0.0.1:{port}/0")
        forget_settings()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    private.wait()
    yield process
    process.kill()
    process.wait()


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "ask", [pytest.param(lambda: broker.enqueue(2), id="send"), pytest.param(broker.waiting, id="count")]
)
@pytest.mark.parametrize(
    "known", [pytest.param(True, id="on-an-old-connection"), pytest.param(False, id="on-a-new-connection")]
)
def test_a_broker_that_stands_still_is_away_and_comes_back(
    server: subprocess.Popen[bytes], ask: Callable[[], object], known: bool
) -> None:
    """It takes connections, for the system does that, and never says a word."""
    if known:
        broker.enqueue(1)
        assert broker.waiting() == 1
    os.kill(server.pid, signal.SIGSTOP)
    with pytest.raises(BrokerError, match="does not answer"):
        ask()
    os.kill(server.pid, signal.SIGCONT)

    def answers() -> bool:
        try:
            ask()
        except BrokerError:
            return False
        return True

    wait_for("it to answer", answers)
