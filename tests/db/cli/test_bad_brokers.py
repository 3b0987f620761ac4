"""A broker that cannot be used: commands name SHOWDOWN_BROKER_URL, what is wrong and no password; queued
runs stay queued."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import main
from cli.server import embedded_broker as private
from core.common.errors import BrokerError
from core.store import broker
from core.store.runs import queries
from tests.conftest import forget_settings, free_port, wait_for

NONE = "SHOWDOWN_BROKER_URL is not the URL of a Redis; give redis://"


@pytest.mark.parametrize(
    "url", ["redis://", "foo://me:hush@host", "redis://:hush@host:notaport", " ", "amqp://me:hush@host//"]
)
def test_no_command_begins_with_what_is_no_broker(
    url: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a row is written: a run that nobody can be woken for would wait in silence."""
    monkeypatch.setenv("SHOWDOWN_BROKER_URL", url)
    forget_settings()
    for command in (
        "submit first-showdown",
        "ls",
        "worker",
        "worker --reaper",
        "app",
        "up",
        "demo",
        "run --resume 1",
        "stop 1",
    ):
        made = CliRunner().invoke(main, command.split())
        assert (made.exit_code, made.stdout) == (1, ""), (command, made.output, made.exception)
        assert made.stderr.startswith(f"showdown: {NONE}") and made.stderr.count("\n") == 1, (
            command,
            made.stderr,
        )
        assert "hush" not in made.stderr
    assert not (home / "showdown.db").exists()


@pytest.fixture
def guarded(home: Path) -> Iterator[int]:
    """The port of a Valkey that wants a password."""
    port = free_port()
    command = [
        private.server(),
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--requirepass",
        "right",
        "--save",
        "",
    ]
    server = subprocess.Popen(
        [*command, "--dir", str(home)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def answers() -> bool:
        with closing(socket.socket()) as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    wait_for("the guarded broker answers", answers, 10)
    yield port
    server.kill()
    server.wait()


@pytest.fixture
def talker() -> Iterator[int]:
    """The port of a server that is no Redis."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def talk() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=talk, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def said_by(url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What is said where runs are queued while the broker is away; both doors say the same of it."""
    monkeypatch.setenv("SHOWDOWN_BROKER_URL", url)
    forget_settings()
    made = CliRunner().invoke(main, ["submit", "first-showdown"])
    assert made.exit_code == 0 and made.stdout.startswith("queued runs "), (made.output, made.exception)
    assert [run.status for run in queries.run_list()] == ["queued"] * 3
    assert (
        made.stderr.startswith("showdown: SHOWDOWN_BROKER_URL: the broker at ")
        and made.stderr.count("\n") == 1
    ), made.stderr
    with pytest.raises(BrokerError, match="^SHOWDOWN_BROKER_URL: the broker at ") as asked:
        broker.waiting()
    assert "hush" not in made.stderr and "hush" not in str(asked.value)
    return made.stderr


def test_a_wrong_password_is_named_and_not_said(guarded: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "password" in said_by(f"redis://:hush@127.0.0.1:{guarded}/0", monkeypatch)


def test_a_missing_password_is_named(guarded: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Authentication required" in said_by(f"redis://127.0.0.1:{guarded}/0", monkeypatch)


def test_tls_to_one_without_is_given_up(guarded: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Timeout" in said_by(f"rediss://:hush@127.0.0.1:{guarded}/0?ssl_cert_reqs=none", monkeypatch)


def test_a_database_that_is_not_there_is_named(guarded: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "DB index is out of range" in said_by(f"redis://:right@127.0.0.1:{guarded}/99", monkeypatch)


def test_a_port_where_nobody_listens_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "Connection refused" in said_by(f"redis://:hush@127.0.0.1:{free_port()}/0", monkeypatch)


def test_another_kind_of_server_is_named(talker: int, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "does not answer (" in said_by(f"redis://:hush@127.0.0.1:{talker}/0", monkeypatch)


def test_the_right_password_is_taken(guarded: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOWDOWN_BROKER_URL", f"redis://:right@127.0.0.1:{guarded}/0")
    forget_settings()
    assert CliRunner().invoke(main, ["submit", "first-showdown"]).stderr == ""
    assert broker.waiting() == 3
