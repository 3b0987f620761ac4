"""The processes of one run: started together, told together, ended together. Called by worker.supervisor, and by
worker.train for its exit codes. Light.

Each has a rank and finds the others as torch.distributed and accelerate do, through RANK, WORLD_SIZE, MASTER_ADDR and
MASTER_PORT. `accelerate launch` sets the same; it is not used because it keeps the ranks' exit codes to itself, and kills
them 30 s after a SIGTERM, checkpoint or not.
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

ALONE_SECONDS = 10.0  # a rank whose partner has died sees a closed connection at once, or never
# Not a worker's own, which some launcher of its machine may have set.
PLACE = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
STOPPED, OUT_OF_MEMORY, GUARDED = 3, 4, 5  # exit codes of a rank; worker.train says what they mean
TELLING = (OUT_OF_MEMORY, GUARDED, STOPPED)  # of codes seen together, the first says why: a signal, these, then any other


class Closable(Protocol):
    def close(self) -> None: ...


class Process(Protocol):
    """What is asked of a process: a subprocess.Popen, or a fork of worker.warm."""

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
    """Start a process in a session of its own, writing to a log. OSError as subprocess.Popen."""
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,  # closes when this process dies: the sign to write a checkpoint and end
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
    """What each of n ranks finds the others by; nothing where there is one."""
    if n == 1:
        return [{}]
    meet = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "WORLD_SIZE": str(n), "LOCAL_WORLD_SIZE": str(n)}
    return [{**meet, "RANK": str(i), "LOCAL_RANK": str(i)} for i in range(n)]


class Children:
    """n processes of one command, rank 0 first. Each is a process group of its own."""

    def __init__(
        self, command: Sequence[str], n: int, environment: Mapping[str, str], log: Path, start: Start = start_new
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
        """The exit code of the whole, once every rank has ended. Ranks that one left behind are killed after a while."""
        codes = [rank.poll() for rank in self.ranks]
        failed = [code for code in codes if code]
        if failed and self._failed_at is None:
            self._failed_at, self._code = time.monotonic(), min(failed, key=_how_telling)
        if None not in codes:
            return self._code or 0
        if self._failed_at is not None and time.monotonic() - self._failed_at > ALONE_SECONDS:
            self.kill()
        return None

    def wait(self, seconds: float) -> int | None:
        """Like `poll`, after at most so long."""
        with suppress(subprocess.TimeoutExpired):
            self.ranks[0].wait(seconds)
        return self.poll()

    def terminate(self) -> None:
        """Ask every rank to write a checkpoint and end."""
        for rank in self.ranks:
            rank.terminate()

    def kill(self) -> None:
        """End every rank and whatever it has started, now."""
        for rank in self.ranks:
            with suppress(ProcessLookupError):
                os.killpg(rank.pid, signal.SIGKILL)

    def end(self, grace: float) -> None:
        """Nothing of them outlives this call."""
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
