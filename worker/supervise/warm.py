"""Starts training processes by forking one that has already imported the training stack. Linux only; light.

The supervising process keeps one such process (worker.supervise.forkserver) and asks it for forks. A fork
becomes a child of the supervising process itself, with the exit codes of any child. This is optional: a
process that cannot be forked is started anew, which takes longer.
docs/decisions/0033-warm-training-processes.md gives the reasons.
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

from worker.common import gpus
from worker.supervise.forkserver import GO, READY, THREADS
from worker.supervise.process_group import PLACE, Process, start_new

# Variables that are read after the fork, or by nothing that is imported before it. Any other variable may
# have been read by an import.
READ_LATE = (*PLACE, THREADS, *gpus.VARIABLES, "NO_PROXY", "no_proxy")
READ_LATE_PREFIXES = ("SHOWDOWN_", "AWS_", "PYTEST_")
FORK_SECONDS = 10.0  # for the answer to a request, which usually takes 0.03
LOOK_SECONDS = 0.02  # between two looks at whether a fork has ended
TITLE_ROOM = " " * 80  # where a fork shows its own command
PR_SET_CHILD_SUBREAPER = 36
PR_GET_CHILD_SUBREAPER = 37
log = logging.getLogger("showdown.warm")
_adopting = threading.Lock()


class Fork:
    """A forked child of this process, which stands in for a subprocess.Popen.

    Has the part of its interface that worker.supervise.process_group uses.
    """

    def __init__(self, pid: int, stdin: socket.socket) -> None:
        self.pid = pid
        self.stdin = stdin
        self.returncode: int | None = None
        self._waiting = threading.Lock()

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while the process lives."""
        with self._waiting:
            if self.returncode is None:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
                if pid:
                    self.returncode = os.waitstatus_to_exitcode(status)
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code; subprocess.TimeoutExpired when the process still lives after `timeout` seconds."""
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise subprocess.TimeoutExpired(f"process {self.pid}", timeout or 0.0)
            time.sleep(min(remaining, LOOK_SECONDS))
        return code

    def send_signal(self, number: int) -> None:
        """Send a signal, unless the process has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM, unless the process has ended."""
        self.send_signal(signal.SIGTERM)


class Forkserver:
    """One worker.supervise.forkserver process, started with an environment.

    It ends when this object's socket is closed.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.identity = identity(environment)
        self.ready = False
        self._threads = environment.get(THREADS)
        self._settling = threading.Lock()
        self._output = tempfile.TemporaryFile()
        self._control, server_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control.settimeout(FORK_SECONDS)
        with server_end:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "worker.supervise.forkserver", TITLE_ROOM],
                env=dict(environment),
                stdin=server_end.fileno(),
                stdout=self._output,
                stderr=self._output,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def serves(self, environment: Mapping[str, str]) -> bool:
        """Whether a fork with this environment equals a new process started with it."""
        threads = environment.get(THREADS)
        return self.identity == identity(environment) and (
            threads == self._threads or (threads or "").isdigit()
        )

    def settled(self, seconds: float) -> bool:
        """True once it can fork, or has ended; waits at most `seconds`."""
        with self._settling:
            if not self.ready and select.select([self._control], [], [], seconds)[0]:
                self.ready = self._control.recv(len(READY)) == READY
                if not self.ready:  # it has ended, or is about to
                    self._process.kill()
                    self._process.wait()
        return self.ready or self.dead()

    def dead(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def output(self) -> str:
        """The last line that the process has written."""
        self._output.seek(0)
        lines = self._output.read().decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else "no output"

    def fork(self, command: Sequence[str], environment: Mapping[str, str], log_file: BinaryIO) -> Fork:
        """Start `python -m *command` in a fork. Raises OSError or ValueError when there is no answer."""
        stdin, child_end = socket.socketpair()
        try:
            request = {"command": [*command], "environment": dict(environment), "supervisor": os.getpid()}
            with child_end, adopting():
                socket.send_fds(
                    self._control, [json.dumps(request).encode()], [child_end.fileno(), log_file.fileno()]
                )
                child_end.close()
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
        """Kill the process; its forks go on."""
        self._process.kill()
        self._process.wait()
        self._control.close()
        self._output.close()


def identity(environment: Mapping[str, str]) -> tuple[object, ...]:
    """A value that is equal for environments under which the imports are the same, as far as known."""
    early = {
        k: v for k, v in environment.items() if k not in READ_LATE and not k.startswith(READ_LATE_PREFIXES)
    }
    return os.readlink("/proc/self/cwd"), sorted(early.items())


@contextmanager
def adopting() -> Iterator[None]:
    """A block in which orphaned descendants become children of this process; in one thread at a time.

    Not permanent, or this process would have to wait for every process that a training leaves running.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    previous = ctypes.c_int()
    with _adopting:
        if libc.prctl(PR_GET_CHILD_SUBREAPER, ctypes.byref(previous), 0, 0, 0) or libc.prctl(
            PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0
        ):
            raise OSError(ctypes.get_errno(), "cannot adopt processes")
        try:
            yield
        finally:
            libc.prctl(PR_SET_CHILD_SUBREAPER, previous.value, 0, 0, 0)


class WarmStart:
    """Starts processes from a forkserver if one is ready, and anew otherwise.

    `prepare` starts the forkserver and replaces it when it has ended or the environment has changed. It ends
    with this process.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._server: Forkserver | None = None
        # identity of an environment in which no forkserver could be started
        self._unusable: tuple[object, ...] | None = None
        atexit.register(self.end)

    def prepare(self, environment: Mapping[str, str]) -> None:
        """Start a forkserver for this environment in the background; costs nothing when there is one."""
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
        """True once a forkserver is ready, or there will be none; waits at most `seconds`."""
        with self._lock:
            server = self._server
        try:
            return server is None or server.settled(seconds)
        except (OSError, ValueError):  # another thread has ended it
            return True

    def __call__(self, command: Sequence[str], environment: Mapping[str, str], log_file: BinaryIO) -> Process:
        """Start `python -m MODULE ...`, forked if possible, else anew. Raises OSError like Popen."""
        with self._lock:
            server = self._server
        if server is not None and server.ready:
            try:
                if server.serves(environment):
                    return server.fork(command[2:], environment, log_file)
            except (OSError, ValueError) as error:
                log.warning(
                    "the forkserver does not answer (%s); it is replaced", error or type(error).__name__
                )
                with self._lock:
                    self._drop(server)
        return start_new(command, environment, log_file)

    def end(self) -> None:
        """End the forkserver; its forks go on."""
        with self._lock:
            if self._server is not None:
                self._server.end()
            self._server = None

    def _drop(self, server: Forkserver) -> None:
        """End and forget a useless forkserver, and note if its environment is unusable. Needs the lock."""
        if self._server is not server:
            return
        if server.dead() and not server.ready:
            log.warning("the forkserver has ended: %s; trainings start without one", server.output())
            self._unusable = server.identity
        server.end()
        self._server = None
