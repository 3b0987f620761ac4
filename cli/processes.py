"""A few child processes kept alive together and ended together. Called by cli.up; knows nothing of what they do.

Each has a log file and a session of its own, so that Ctrl-C reaches only us and we end them in order.
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from core.errors import SetupError

RESTARTS, RESTART_WINDOW = 5, 60.0  # more restarts than this within so many seconds: something is broken, give up
PR_SET_PDEATHSIG = 1


@dataclass
class Process:
    """One child: its name, its command, how long it may take to end."""

    name: str
    command: list[str]
    grace_seconds: float
    log_file: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    popen: subprocess.Popen[bytes] | None = None
    restarted_at: list[float] = field(default_factory=list)

    def start(self) -> None:
        with self.log_file.open("ab") as log:
            self.popen = subprocess.Popen(
                self.command,
                env=os.environ | dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=partial(_die_with, os.getpid()) if sys.platform == "linux" else None,
            )

    def end(self) -> None:
        if self.popen is None or self.popen.poll() is not None:
            return
        self.popen.terminate()
        try:
            self.popen.wait(self.grace_seconds)
        except subprocess.TimeoutExpired:
            os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen.wait()


def _die_with(parent: int) -> None:
    """Linux: a child of a killed `showdown up` gets SIGTERM, so that nothing is left behind."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it was killed before we asked
        os._exit(1)


class Group:
    """Processes in the order of their start; ended in reverse."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.processes: list[Process] = []
        logs.mkdir(parents=True, exist_ok=True)

    def start(
        self, name: str, command: list[str], grace_seconds: float = 10.0, environment: Mapping[str, str] | None = None
    ) -> None:
        process = Process(name, command, grace_seconds, self.logs / f"{name}.log", environment or {})
        process.start()
        self.processes.append(process)

    def keep_alive(self, say: Callable[[str], None]) -> None:
        """Start again what has ended by itself; SetupError when it does not stay up."""
        for process in self.processes:
            if process.popen is None or process.popen.poll() is None:
                continue
            now = time.monotonic()
            process.restarted_at = [t for t in process.restarted_at if now - t < RESTART_WINDOW] + [now]
            code = process.popen.returncode
            if len(process.restarted_at) > RESTARTS:
                raise SetupError(f"{process.name} keeps ending (code {code}); its last words are in {process.log_file}")
            say(f"{process.name} ended (code {code}), starting it again; log: {process.log_file}")
            process.start()

    def end(self) -> None:
        for process in reversed(self.processes):
            process.end()
