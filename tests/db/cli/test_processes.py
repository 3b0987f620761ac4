"""Processes that are kept alive together: what becomes of the others where one does not stay up."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.server import embedded_broker, processes
from cli.server.processes import RESTARTS, Group
from cli.server.up import start_broker
from core.common.errors import SetupError
from core.common.settings import settings
from core.store import health
from tests.conftest import wait_for

LIVES = [sys.executable, "-c", "import time; time.sleep(600)"]
ENDS = [sys.executable, "-c", ""]


def kept_until(group: Group, said: list[str], words: str) -> None:
    def found() -> bool:
        group.keep_alive(said.append)
        return any(words in text for text in said)

    wait_for(words, found)


def test_a_worker_that_keeps_ending_leaves_the_dashboard_and_is_tried_again(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "REST_SECONDS", 0.5)
    group, said = Group(home / "logs"), list[str]()
    try:
        group.start("app", LIVES, vital=True)
        group.start("worker", ENDS)
        app, worker = group.processes
        kept_until(group, said, "worker keeps ending")
        assert len(said) == RESTARTS + 1, "each restart is said, then that it rests"
        (words,) = health.failing()
        assert "worker keeps ending (code 0)" in words and "worker.log" in words
        tries = {worker.popen and worker.popen.pid}

        def tried_again() -> bool:
            group.keep_alive(said.append)
            tries.add(worker.popen and worker.popen.pid)
            return len(tries) > 3

        wait_for("the next tries", tried_again)
        assert len(said) == RESTARTS + 1, "nothing more is said"
        assert app.popen and app.popen.poll() is None
        worker.command = LIVES
        monkeypatch.setattr(processes, "RESTART_WINDOW", 0.5)

        def stays() -> bool:
            group.keep_alive(said.append)
            return not health.failing()

        wait_for("it to stay up", stays)
    finally:
        group.end()


def test_without_what_is_vital_there_is_nothing_to_go_on(home: Path) -> None:
    group = Group(home / "logs")
    try:
        group.start("app", ENDS, vital=True)
        with pytest.raises(SetupError, match="app keeps ending"):
            kept_until(group, [], "never said")
    finally:
        group.end()


def test_what_was_written_of_an_earlier_instance_is_not_said_of_this_one(home: Path) -> None:
    group = Group(home / "logs")
    health.failing_file("worker").write_text("worker keeps ending")
    try:
        group.start("worker", LIVES)
        assert health.failing() == []
    finally:
        group.end()


def left(command: list[str]) -> subprocess.Popen[bytes]:
    """The broker of an instance that was killed: a moment later it ends, too."""
    orphan = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    embedded_broker.wait()
    return orphan


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "happens",
    [
        pytest.param(lambda server: server.terminate(), id="it-ends"),
        pytest.param(lambda server: server.send_signal(signal.SIGSTOP), id="it-stands-still"),
        pytest.param(lambda server: settings().broker_socket.unlink(), id="its-socket-is-gone"),
    ],
)
@pytest.mark.parametrize(
    "ours", [pytest.param(True, id="ours"), pytest.param(False, id="of-an-instance-that-was-killed")]
)
def test_a_broker_that_does_not_answer_any_more_is_replaced(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    ours: bool,
    happens: Callable[[subprocess.Popen[bytes]], None],
) -> None:
    """Also one that another ends: a frozen one that was told to end takes the name of the socket with it,
    a moment later."""
    monkeypatch.setattr(processes, "SILENT_SECONDS", 1.0)
    orphan = None if ours else left(embedded_broker.command())
    group, said = Group(home / "logs"), list[str]()

    def kept_and_answers() -> bool:
        group.keep_alive(said.append)
        return embedded_broker.answers()

    try:
        start_broker(group, said.append)
        (process,) = group.processes
        assert (process.popen is None) is not ours
        server = orphan or process.popen
        assert server
        happens(server)
        wait_for("it not to answer", lambda: not embedded_broker.answers())
        wait_for("one that answers", kept_and_answers)
        assert process.popen and process.popen is not server and said
        if orphan is not None:
            orphan.terminate()
            orphan.send_signal(signal.SIGCONT)
            orphan.wait()
            wait_for("one that answers, whatever the other took with it", kept_and_answers)
    finally:
        group.end()
        if orphan is not None:
            orphan.kill()
            orphan.wait()


@pytest.mark.timeout(60)
def test_a_broker_that_stands_still_is_asked_for_a_second(home: Path) -> None:
    server = left(embedded_broker.command())
    try:
        server.send_signal(signal.SIGSTOP)
        assert not embedded_broker.answers()
    finally:
        server.kill()
        server.wait()
