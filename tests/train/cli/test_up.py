"""`showdown up` as a person starts it: what stands in its way is said, Ctrl-C ends all of it, a second
start goes on."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from core.common.errors import StoreUnavailable
from core.common.settings import settings
from core.store.runs import queries
from core.store.status import Status
from tests.conftest import forget_settings, free_port, wait_for
from tests.support.children import left_over


def start(*words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "cli", *words]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def ends(process: subprocess.Popen[str]) -> tuple[int, str]:
    output, _ = process.communicate(timeout=180)
    return process.returncode, output


def up_here() -> Result:
    """In this process: for what is refused before anything starts."""
    return CliRunner().invoke(main, ["up"])


@pytest.fixture
def port(home: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    chosen = free_port()
    monkeypatch.setenv("SHOWDOWN_PORT", str(chosen))
    forget_settings()
    return chosen


def test_a_taken_port_is_named_with_the_way_out(home: Path, port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        refused = up_here()
    assert refused.exit_code == 1 and f"port {port} on 127.0.0.1 is taken" in refused.output
    assert f"SHOWDOWN_PORT={port + 1}" in refused.output
    assert left_over(home) == []


def test_a_directory_that_cannot_be_written_is_named(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("SHOWDOWN_HOME", str(tmp_path / "file" / "home"))
    forget_settings()
    refused = up_here()
    assert (
        refused.exit_code == 1
        and "cannot be written to" in refused.output
        and "set SHOWDOWN_HOME" in refused.output
    )
    assert "Traceback" not in refused.output


def test_a_very_long_data_directory_still_has_a_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOWDOWN_HOME", str(tmp_path / ("x" * 120)))
    forget_settings()
    assert len(str(settings().broker_socket)) < 100
    forget_settings()


def test_the_demo_starts_after_a_killed_instance_stops_and_goes_on(home: Path, port: int) -> None:
    killed = start("up")
    wait_for("the broker and worker", lambda: (home / "logs" / "reaper.log").is_file())
    killed.kill()
    ends(killed)
    wait_for("nothing left over", lambda: left_over(home) == [])
    first = start("demo")
    try:
        wait_for("the first step", lambda: _step() >= 1)
        wait_for("the dashboard", lambda: _healthy(port))
        refused = up_here()
        assert refused.exit_code == 1 and f"another Showdown (process {first.pid})" in refused.output
        os.killpg(first.pid, signal.SIGINT)  # as a terminal does for Ctrl-C
        code, output = ends(first)
    finally:
        first.kill()
    assert code == 0, output
    assert f"http://localhost:{port}" in output and "queued the experiment “First showdown”: 3 runs" in output
    wait_for("nothing left over", lambda: left_over(home) == [])
    rows = queries.run_list()
    assert [r.arm for r in rows[::-1]] == ["hard", "continuous", "hybrid"]
    assert rows[-1].status == Status.QUEUED and rows[-1].checkpoint_step == rows[-1].step > 0
    stopped_at = rows[-1].step
    second = start("demo")
    try:
        wait_for("a step after the checkpoint", lambda: _step() > stopped_at)
        second.send_signal(signal.SIGTERM)
        code, output = ends(second)
    finally:
        second.kill()
    assert code == 0 and "queued the experiment" not in output  # once a data directory
    assert queries.run_list()[-1].attempt == 2
    kinds = [e.kind for e in queries.events(1)]
    assert "resumed" in kinds and "failed" not in kinds


def _healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def _step() -> int:
    """Newest step of the oldest run; 0 while the database is still being made."""
    try:
        rows = queries.run_list()
    except StoreUnavailable:
        return 0
    return rows[-1].step if rows else 0
