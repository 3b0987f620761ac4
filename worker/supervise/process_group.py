"""The processes of one run, started, signaled and ended together. Light.

Each has a rank and finds the others as torch.distributed and accelerate do, through RANK, WORLD_SIZE,
MASTER_ADDR and MASTER_PORT. `accelerate launch` sets the same variables, but is not used because it does not
report the ranks' exit codes, and kills the ranks 30 s after a SIGTERM, checkpoint or not.
"""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from worker.common.exit_codes import GUARDED, OUT_OF_MEMORY, STOPPED

ALONE_SECONDS = 10.0  # a rank notices a dead partner at once (closed connection) or never
# Set for each rank; never inherited from the worker, where some launcher may have set them.
PLACE = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
# the order in which one of several exit codes explains the end: a signal, these, any other
TELLING = (OUT_OF_MEMORY, GUARDED, STOPPED)


class Closable(Protocol):
    def close(self) -> None: ...


class Process(Protocol):
    """The interface of a started process: a subprocess.Popen, or a fork of worker.supervise.warm."""

    @property
    def pid(self) -> int: ...

    @property
    def stdin(self) -> Closable | None: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...

    def send_signal(self, number: int, /) -> None: ...

    def terminate(self) -> None: ...


Start = Callable[[Sequence[str], Mapping[str, str], BinaryIO], Process]


def start_new(command: Sequence[str], environment: Mapping[str, str], log_file: BinaryIO) -> Process:
    """Start a process in its own session, writing to a log. Raises OSError like subprocess.Popen."""
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,  # closes when this process dies: the signal to write a checkpoint and end
        stdout=log_file,
        stderr=log_file,
        start_new_session=True,
        env=environment,
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _places(n: int) -> list[dict[str, str]]:
    """The variables by which each of n ranks finds the others; empty for a single rank."""
    if n == 1:
        return [{}]
    meet = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(_free_port()),
        "WORLD_SIZE": str(n),
        "LOCAL_WORLD_SIZE": str(n),
    }
    return [{**meet, "RANK": str(i), "LOCAL_RANK": str(i)} for i in range(n)]


class Children:
    """n processes of one command, rank 0 first. Each has its own process group."""

    def __init__(
        self,
        command: Sequence[str],
        n: int,
        environment: Mapping[str, str],
        log: Path,
        start: Start = start_new,
    ) -> None:
        self._failed_at: float | None = None
        self._code: int | None = None
        self.ranks: list[Process] = []
        with log.open("ab") as file:
            try:
                for place in _places(n):
                    own = {**{k: v for k, v in environment.items() if k not in PLACE}, **place}
                    self.ranks.append(start(command, own, file))
            except BaseException:
                self.end(0.0)
                raise

    def poll(self) -> int | None:
        """The exit code of the run, once every rank has ended; None before.

        When one rank has failed, the others are killed after ALONE_SECONDS.
        """
        codes = [rank.poll() for rank in self.ranks]
        failed = [code for code in codes if code]
        if failed and self._failed_at is None:
            self._failed_at = time.monotonic()
            self._code = min(failed, key=_how_telling)
        if None not in codes:
            return self._code or 0
        if self._failed_at is not None and time.monotonic() - self._failed_at > ALONE_SECONDS:
            self.kill()
        return None

    def wait(self, seconds: float) -> int | None:
        """Wait at most `seconds` for rank 0 to end, then `poll`."""
        with suppress(subprocess.TimeoutExpired):
            self.ranks[0].wait(seconds)
        return self.poll()

    def terminate(self) -> None:
        """Ask every rank to write a checkpoint and end."""
        for rank in self.ranks:
            rank.terminate()

    def kill(self) -> None:
        """Kill every rank and all processes it has started, now."""
        for rank in self.ranks:
            with suppress(ProcessLookupError):
                os.killpg(rank.pid, signal.SIGKILL)

    def end(self, grace: float) -> None:
        """End all ranks; none of their processes outlives this call.

        Ranks get `grace` seconds to write a checkpoint.
        """
        if any(rank.poll() is None for rank in self.ranks):
            self.terminate()
            until = time.monotonic() + grace
            for rank in self.ranks:
                with suppress(subprocess.TimeoutExpired):
                    rank.wait(max(0.0, until - time.monotonic()))
        self.kill()
        for rank in self.ranks:
            rank.wait()
            if rank.stdin:
                rank.stdin.close()


def _how_telling(code: int) -> int:
    return -1 if code < 0 else TELLING.index(code) if code in TELLING else len(TELLING)
