"""Starts training processes by forking one that has imported the training stack already. Linux only; light.

The supervising process keeps one such process (worker.forkserver) and asks it for forks. A fork becomes a child of the
supervising process itself, with the exit codes of any child. Nothing depends on it: a process that cannot be forked is
started anew, and takes longer. Why so: docs/decisions/0033-warm-training-processes.md.
"""

import atexit
import ctypes
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import BinaryIO

from worker import gpus
from worker.children import PLACE, Process, start_new
from worker.forkserver import GO, READY, THREADS

# Read after the fork, or by nothing that is imported before it. Any other variable may have been read at an import.
READ_LATE = (*PLACE, THREADS, *gpus.VARIABLES, "NO_PROXY", "no_proxy")
READ_LATE_PREFIXES = ("SHOWDOWN_", "AWS_", "PYTEST_")
FORK_SECONDS = 10.0  # for the answer to a request, which usually takes 0.03
LOOK_SECONDS = 0.02  # between two looks whether a fork has ended
TITLE_ROOM = " " * 80  # where a fork shows its own command
PR_SET_CHILD_SUBREAPER, PR_GET_CHILD_SUBREAPER = 36, 37
log = logging.getLogger("showdown.warm")
_adopting = threading.Lock()


class Fork:
    """A forked child of this process, with the part of subprocess.Popen's interface that worker.children uses."""

    def __init__(self, pid: int, stdin: socket.socket) -> None:
        self.pid = pid
        self.stdin = stdin
        self.returncode: int | None = None
        self._waiting = threading.Lock()

    def poll(self) -> int | None:
        """Its exit code, negative for a signal; None while it lives."""
        with self._waiting:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code; subprocess.TimeoutExpired when it still lives after `timeout` seconds."""
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
            time.sleep(min(remaining, LOOK_SECONDS))
        return code

    def send_signal(self, number: int) -> None:
        """Signal it, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)


class Forkserver:
    """One worker.forkserver process, started with an environment. It ends when this object's socket is closed."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.identity = identity(environment)
        self.ready = False
        self._threads = environment.get(THREADS)
        self._settling = threading.Lock()
        self._output = tempfile.TemporaryFile()
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(FORK_SECONDS)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "worker.forkserver", TITLE_ROOM],
                env=dict(environment),
                stdin=theirs.fileno(),
                stdout=self._output,
                stderr=self._output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def serves(self, environment: Mapping[str, str]) -> bool:
        """A fork given this environment is what a process started with it would be."""
        threads = environment.get(THREADS)
        return self.identity == identity(environment) and (threads == self._threads or (threads or "").isdigit())

    def settled(self, seconds: float) -> bool:
        """True once it can fork, or has ended; waits at most so long."""
        with self._settling:
            if not self.ready and select.select([self._control], [], [], seconds)[0]:
                self.ready = self._control.recv(len(READY)) == READY
                if not self.ready:  # it has ended, or is about to
                    self._process.kill()
                    self._process.wait()
        return self.ready or self.dead()

    def dead(self) -> bool:
        """It has ended."""
        return self._process.poll() is not None

    def output(self) -> str:
        """The last line it has written."""
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no output"

    def fork(self, command: Sequence[str], environment: Mapping[str, str], log_file: BinaryIO) -> Fork:
        """Start `python -m *command` in a fork. OSError or ValueError when there is no answer."""
        stdin, theirs = socket.socketpair()
        try:
            request = {"command": [*command], "environment": dict(environment), "supervisor": os.getpid()}
            with theirs, adopting():
                socket.send_fds(self._control, [json.dumps(request).encode()], [theirs.fileno(), log_file.fileno()])
                theirs.close()
                stdin.settimeout(FORK_SECONDS)
                pid = int(stdin.recv(32))
            stdin.settimeout(None)
            stdin.sendall(GO)
            log.info("process %d is forked from %d", pid, self.pid)
        except BaseException:
            stdin.close()  # a fork that has not been told to go ends
            raise
        return Fork(pid, stdin)

    def end(self) -> None:
        """Kill it. Its forks go on."""
        self._process.kill()
        self._process.wait()
        self._control.close()
        self._output.close()


def identity(environment: Mapping[str, str]) -> tuple[object, ...]:
    """Equal for environments under which the imports are the same, as far as anybody can tell."""
    early = {k: v for k, v in environment.items() if k not in READ_LATE and not k.startswith(READ_LATE_PREFIXES)}
    return os.readlink("/proc/self/cwd"), sorted(early.items())


@contextmanager
def adopting() -> Iterator[None]:
    """Meanwhile a process below this one whose parent ends becomes a child of this one. In one thread at a time.

    Only meanwhile: else this process would have to wait for whatever a training leaves behind.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    before = ctypes.c_int()
    with _adopting:
        if libc.prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(before), 0, 0, 0) or libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
            raise OSError(ctypes.get_errno(), "cannot adopt processes")
        try:
            yield
        finally:
            libc.prctl(PR_SET_CHILD_SUBREAPER, before.value, 0, 0, 0)


class WarmStart:
    """Starts processes from a forkserver where there is one that is ready, and anew where there is none.

    Its forkserver is started by `prepare`, replaced when it has ended or when the environment has changed, and ends with
    this process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: Forkserver | None = None
        self._unusable: tuple[object, ...] | None = None  # an environment in which no forkserver came to be
        atexit.register(self.end)

    def prepare(self, environment: Mapping[str, str]) -> None:
        """Begin to start a forkserver for this environment, unless one is there. Costs nothing then."""
        if sys.platform != "linux":
            return
        with self._lock:
            try:
                if self._server is not None and (self._server.dead() or not self._server.serves(environment)):
                    self._drop(self._server)
                if self._server is None and self._unusable != identity(environment):
                    self._server = Forkserver(environment)
            except OSError as error:
                log.warning("no forkserver: %s; trainings start without one", error)

    def settled(self, seconds: float) -> bool:
        """True once nothing is to be waited for: a forkserver is ready, or there will be none. Waits at most so long."""
        with self._lock:
            server = self._server
        try:
            return server is None or server.settled(seconds)
        except (OSError, ValueError):  # another thread has ended it
            return True

    def __call__(self, command: Sequence[str], environment: Mapping[str, str], log_file: BinaryIO) -> Process:
        """Start `python -m MODULE ...`, forked if possible, else anew. OSError as subprocess.Popen."""
        with self._lock:
            server = self._server
        if server is not None and server.ready:
            try:
                if server.serves(environment):
                    return server.fork(command[2:], environment, log_file)
            except (OSError, ValueError) as error:
                log.warning("the forkserver does not answer (%s); it is replaced", error or type(error).__name__)
                with self._lock:
                    self._drop(server)
        return start_new(command, environment, log_file)

    def end(self) -> None:
        """End the forkserver. What it has forked goes on."""
        with self._lock:
            if self._server is not None:
                self._server.end()
            self._server = None

    def _drop(self, server: Forkserver) -> None:
        """Forget a forkserver that is not of use, and whether to try again in its environment. Holds the lock."""
        if self._server is not server:
            return
        if server.dead() and not server.ready:
            log.warning("the forkserver has ended: %s; trainings start without one", server.output())
            self._unusable = server.identity
        server.end()
        self._server = None
