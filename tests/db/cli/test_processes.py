"""Processes that are kept alive together: what becomes of the others where one does not stay up."""

import sys
from pathlib import Path

import pytest

from cli import processes
from cli.processes import RESTARTS, Group
from core import health
from core.errors import SetupError
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
