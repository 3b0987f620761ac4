"""Keeps a few child processes alive together, and ends them together.

Must not know what they do. Each has a log file and a session of its own, so that Ctrl-C reaches only us and
we end them in order.
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

from core.common.errors import SetupError
from core.store.health import failing_file

# more than RESTARTS restarts within RESTART_WINDOW seconds: something is broken
RESTARTS = 5
RESTART_WINDOW = 60.0
REST_SECONDS = 60.0  # until a broken process is tried again, where the others can do without it
# a process that lives and has not answered for so long is of no use: it hangs, or lost its socket
SILENT_SECONDS = 15.0
PR_SET_PDEATHSIG = 1


@dataclass
class Process:
    """One child: its name, its command, and how long it may take to end.

    `vital`: without it the others are of no use. `answers`: whether it does its work, where that can be
    asked; it is then started only once no process of somebody else's does it.
    """

    name: str
    command: list[str]
    grace_seconds: float
    log_file: Path
    vital: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    answers: Callable[[], bool] | None = None
    popen: subprocess.Popen[bytes] | None = None
    restarted_at: list[float] = field(default_factory=list)
    failing: bool = False
    rests_until: float = 0.0
    heard_at: float = 0.0

    def start(self) -> None:
        self.heard_at = time.monotonic()
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

    def silent(self) -> bool:
        """Whether it has not answered for SILENT_SECONDS; asked only while it lives."""
        now_seconds = time.monotonic()
        if self.answers is None or self.answers():
            self.heard_at = now_seconds
        return now_seconds - self.heard_at > SILENT_SECONDS

    def kill(self) -> None:
        assert self.popen
        os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()

    def end(self) -> None:
        if self.popen is None or self.popen.poll() is not None:
            return
        self.popen.terminate()
        try:
            self.popen.wait(self.grace_seconds)
        except subprocess.TimeoutExpired:
            self.kill()


def _die_with(parent: int) -> None:
    """On Linux, have this child get SIGTERM when `showdown up` is killed, so that none is left running."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # the parent was killed before we asked
        os._exit(1)


class Group:
    """Processes in the order of their start; ended in reverse."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.processes: list[Process] = []
        logs.mkdir(parents=True, exist_ok=True)

    def start(
        self, name: str, command: list[str], grace_seconds: float = 10.0, *,
        environment: Mapping[str, str] | None = None, vital: bool = False,
        answers: Callable[[], bool] | None = None,
    ) -> None:  # fmt: skip
        """Add a process and start it; it logs to a file of its own.

        With `answers`, a process that somebody else left here is used for as long as it answers.
        """
        process = Process(
            name, command, grace_seconds, self.logs / f"{name}.log", vital, environment or {}, answers
        )
        failing_file(name).unlink(missing_ok=True)
        if answers is None or not answers():
            process.start()
        self.processes.append(process)

    def keep_alive(self, say: Callable[[str], None]) -> None:
        """Restart what has ended by itself.

        A process that does not stay up is tried now and then; SetupError when it is vital.
        """
        for process in self.processes:
            now_seconds = time.monotonic()
            if process.popen is None:
                if process.answers is not None and not process.answers():
                    say(
                        f"the {process.name} of an earlier instance has ended, starting one; "
                        f"log: {process.log_file}"
                    )
                    process.start()
            elif process.popen.poll() is None:
                if process.silent():
                    say(
                        f"{process.name} has not answered for {SILENT_SECONDS:.0f} s and is ended; "
                        f"log: {process.log_file}"
                    )
                    process.kill()
                if process.failing and now_seconds - process.restarted_at[-1] > RESTART_WINDOW:
                    process.failing = False
                    failing_file(process.name).unlink(missing_ok=True)
            elif now_seconds >= process.rests_until:
                self._again(process, now_seconds, say)

    def _again(self, process: Process, now: float, say: Callable[[str], None]) -> None:
        assert process.popen
        code = process.popen.returncode
        process.restarted_at = [t for t in process.restarted_at if now - t < RESTART_WINDOW] + [now]
        if process.failing:
            process.rests_until = now + REST_SECONDS
        elif len(process.restarted_at) > RESTARTS:
            message = f"{process.name} keeps ending (code {code}); its last words are in {process.log_file}"
            if process.vital:
                raise SetupError(message)
            process.failing = True
            process.rests_until = now + REST_SECONDS
            failing_file(process.name).write_text(message, encoding="utf-8")
            say(f"{message}; the others go on, and it is tried again every {REST_SECONDS:.0f} s")
        else:
            say(f"{process.name} ended (code {code}), starting it again; log: {process.log_file}")
        process.start()

    def end(self) -> None:
        for process in reversed(self.processes):
            process.end()
