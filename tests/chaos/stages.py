"""The two set-ups that are blown at: `showdown up` with SQLite, and the services of docker-compose.yml with
PostgreSQL.

Who starts an ended process again is as in real life: `showdown up` its children, a person `showdown up`,
Docker its services.
"""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.chaos.parts import (
    BROKER,
    DASHBOARD,
    FORKSERVER,
    REAPER,
    TRAINING,
    UP,
    WORKER,
    Process,
    parts_of,
    tell,
)
from tests.chaos.storm import CRASH, DATABASE, END, EVERYTHING, KILL, LOCK, ONE, STAND, Undo
from tests.conftest import forget_settings, free_port, home_of, wait_for
from tests.support.topology import Topology, topology_of

# As an operator would choose them for a machine on which everything is killed every few seconds. What stands
# still or is locked may do so for longer than a lease, than a write waits for a lock, and than a training is
# given to stop.
LEASE_SECONDS = 6.0
SETTINGS = {
    "SHOWDOWN_LEASE_SECONDS": str(LEASE_SECONDS),
    "SHOWDOWN_REAP_SECONDS": "0.5",
    "SHOWDOWN_BUSY_SECONDS": "3",
    "SHOWDOWN_STOP_GRACE_SECONDS": "8",
    "SHOWDOWN_SLOTS": "2",
    "OMP_NUM_THREADS": "1",  # the number decides the last bits; the reference has it too (docs/decisions/0034)
}
SIGNALLED = dict.fromkeys((TRAINING, FORKSERVER, WORKER, REAPER, DASHBOARD, BROKER), (KILL, END, STAND))
HOLD = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], 60, isolation_level=None); c.execute('BEGIN EXCLUSIVE'); input()"
AGAIN_SECONDS = 0.5  # until an ended process is started again by whoever does that


class Laptop:
    """`showdown up` with its embedded broker and SQLite."""

    name = "sqlite"
    victims = {**SIGNALLED, UP: (KILL, END, STAND), DATABASE: (LOCK,), EVERYTHING: (KILL,)}

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, free_port()
        self.ends: Counter[str] = Counter()
        self._up: subprocess.Popen[bytes] | None = None
        self._again_at = 0.0

    def processes(self) -> dict[str, list[Process]]:
        return parts_of(self.home)

    def keep_alive(self) -> None:
        """What a person does: start `showdown up` again once it has ended."""
        now = time.monotonic()
        if self._up is not None and self._up.poll() is not None:
            self.ends[f"showdown up ended with code {self._up.returncode}"] += 1
            self._up, self._again_at = None, now + AGAIN_SECONDS
        if self._up is None and now >= self._again_at:
            environment = {**os.environ, "SHOWDOWN_PORT": str(self.port)}
            with (self.home / "up.log").open("ab") as log:
                command = [sys.executable, "-m", "cli", "up"]
                self._up = subprocess.Popen(
                    command, stdout=log, stderr=log, env=environment, start_new_session=True
                )

    def strike(self, action: str, turn: float) -> Undo | None:
        """Hold the lock that writers need, from another process. A crash of the machine leaves the file as
        it is."""
        if action != LOCK:
            return None
        holder = subprocess.Popen(
            [sys.executable, "-c", HOLD, str(self.home / "showdown.db")], stdin=subprocess.PIPE
        )

        def release() -> None:
            holder.kill()
            holder.communicate()

        return release

    def healthy(self) -> bool:
        return answers(self.port)

    def end(self) -> None:
        if self._up is not None:
            self._up.terminate()
            self._up.wait(120)

    def logs(self) -> list[Path]:
        return [self.home / "up.log", *sorted((self.home / "logs").glob("*.log"))]


class Compose:
    """The services of docker-compose.yml with PostgreSQL and Redis; restarted as Docker would."""

    name = "postgresql"
    victims = {**SIGNALLED, DATABASE: (CRASH, STAND, ONE), EVERYTHING: (KILL,)}

    def __init__(self, topology: Topology, workers: int) -> None:
        self.topology, self.home = topology, topology.home
        self.wanted = {"redis": 1, "reaper": 1, "app": 1, "worker-cpu": workers}
        self.ends: Counter[str] = Counter()
        self._down = False
        self._running: dict[str, list[subprocess.Popen[bytes]]] = {service: [] for service in self.wanted}
        self._running["redis"].append(topology.running("redis"))
        self._again_at = dict.fromkeys(self.wanted, 0.0)

    def processes(self) -> dict[str, list[Process]]:
        return parts_of(self.home)

    def keep_alive(self) -> None:
        """`restart: unless-stopped`."""
        now = time.monotonic()
        for service, processes in self._running.items():
            for process in [p for p in processes if p.poll() is not None]:
                processes.remove(process)
                self.ends[f"{service} ended with code {process.returncode}"] += 1
                self._again_at[service] = now + AGAIN_SECONDS
            if len(processes) < self.wanted[service] and now >= self._again_at[service]:
                processes.append(self.topology.start(service))

    def strike(self, action: str, turn: float) -> Undo | None:
        """Stop the server at once and start it later, freeze its backends, or kill one of them."""
        if self._down:
            return None
        if action == CRASH:
            self.topology.postgres.kill()
            self._down = True
            return self._start
        handles = [h for pid in self._backends() if (h := Process(pid).handle()) is not None]
        if not handles:
            return None
        if action == ONE:
            tell(handles[int(turn * len(handles))], signal.SIGKILL)
        else:
            for handle in handles:
                tell(handle, signal.SIGSTOP)

        def go_on() -> None:
            for handle in handles:
                tell(handle, signal.SIGCONT)
                os.close(handle)

        return go_on

    def _start(self) -> None:
        self.topology.postgres.start()
        self._down = False

    def _backends(self) -> list[int]:
        """Those that serve a connection of ours."""
        postmaster = (Path(self.topology.postgres.data) / "postmaster.pid").read_text().split()[0]
        backends = []
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
                if parent == postmaster and b"showdown showdown" in (folder / "cmdline").read_bytes():
                    backends.append(int(folder.name))
        return sorted(backends)

    def healthy(self) -> bool:
        return answers(self.topology.app_port)

    def end(self) -> None:
        self.topology.end()

    def logs(self) -> list[Path]:
        return [*sorted(self.home.glob("*.log")), self.topology.postgres.folder / "log"]


def answers(port: int) -> bool:
    """The dashboard does."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextmanager
def laptop(home: Path, _secrets: Path, _workers: int) -> Iterator[Laptop]:
    with home_of(home) as patch:
        set_here(patch)
        made = Laptop(home)
        try:
            yield made
        finally:
            end_all(home)


@contextmanager
def compose(home: Path, secrets: Path, workers: int) -> Iterator[Compose]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", SETTINGS["OMP_NUM_THREADS"])
        with topology_of(home, secrets, SETTINGS) as topology:
            set_here(patch)
            try:
                yield Compose(topology, workers)
            finally:
                end_all(home)


STAGES = {"sqlite": laptop, "postgresql": compose}


def set_here(patch: pytest.MonkeyPatch) -> None:
    """This process has the settings, too."""
    for name, value in SETTINGS.items():
        patch.setenv(name, value)
    forget_settings()


def end_all(home: Path) -> None:
    """Whatever a failed test has left: nothing of it goes on."""

    def none_lives() -> bool:
        living = [p for processes in parts_of(home).values() for p in processes]
        for process in living:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        return not living

    wait_for("every process to end", none_lives)
