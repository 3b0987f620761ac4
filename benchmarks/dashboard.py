"""A dashboard to load, and runs that grow under it: what benchmarks.live and benchmarks.viewers share."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from core.store.bulk_insert import insert_rows
from core.store.schema import point, run
from core.store.session import writing
from core.store.steps import metric_ids
from tests.conftest import free_port
from tests.support.grow import grow, growing, metrics

TICKS = os.sysconf("SC_CLK_TCK")


def processor_of(pids: Sequence[int]) -> float:
    """Processor seconds these processes have used, user and system."""
    used = 0
    for pid in pids:
        try:
            words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            used += int(words[11]) + int(words[12])
        except OSError:
            continue  # it has ended
    return used / TICKS


class Server:
    """`showdown app` over a data directory, in a process of its own."""

    def __init__(self, home: Path) -> None:
        self._home, self._port = home, free_port()
        self.url = f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> "Server":
        env = os.environ | {"SHOWDOWN_HOME": str(self._home), "SHOWDOWN_PORT": str(self._port)}
        self._log = (self._home / "app.log").open("wb")
        command = [sys.executable, "-m", "cli", "app"]
        self._process = subprocess.Popen(
            command, env=env, stdout=self._log, stderr=self._log, start_new_session=True
        )
        while "URL: " not in (self._home / "app.log").read_text():
            assert self._process.poll() is None, (self._home / "app.log").read_text()
            time.sleep(0.1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(30)
        self._log.close()

    @property
    def pids(self) -> list[int]:
        """The command and its children: Streamlit's server is one of them."""
        found = [self._process.pid]
        for pid in found:
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                found += [int(child) for child in children.read_text().split()]
        return found

    def processor(self) -> float:
        return processor_of(self.pids)

    def megabytes(self) -> float:
        """Resident memory of the largest of its processes."""
        sizes = []
        for pid in self.pids:
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    sizes.append(int(line.split()[1]) / 1024)
        return max(sizes)


def growing_runs(count: int, steps: int, max_steps: int) -> list[int]:
    """So many running runs with so many steps each, as one experiment of three arms."""
    seeds = list(range(-(-count // 3)))
    ids = growing(["hard", "continuous", "hybrid"][: min(count, 3)], seeds, max_steps)[:count]
    names = metric_ids.register([*metrics(1), "eval/accuracy", "eval/kl"])
    for k, run_id in enumerate(ids):
        rows = [
            (run_id, names[n], step, v) for step in range(1, steps + 1) for n, v in metrics(step, k).items()
        ]
        rows += [
            (run_id, names["eval/accuracy"], step, min(1.0, step / steps)) for step in range(0, steps + 1, 10)
        ]
        with writing() as c:
            insert_rows(c, point, ("run_id", "metric_id", "step", "value"), rows)
            c.execute(run.update().where(run.c.id == run_id).values(step=steps))
    return ids


@contextmanager
def keep_growing(
    ids: Sequence[int], first: int, every: float = 1.0, wrote: dict[int, float] | None = None
) -> Iterator[None]:
    """Another step of each run every so many seconds, until the block ends. `wrote`: step -> when it was
    committed (the first run's, time.time)."""

    def write(step: int) -> None:
        for k, run_id in enumerate(ids):
            grow(run_id, step, step, k)
            if k == 0 and wrote is not None:
                wrote[step] = time.time()

    with repeatedly(write, first, every):
        yield


@contextmanager
def repeatedly(write: Callable[[int], None], first: int, every: float = 1.0) -> Iterator[None]:
    """Call `write` with first, first + 1, ... in a thread, one every so many seconds, until the block ends."""
    ended = threading.Event()

    def go() -> None:
        step, begin = first, time.monotonic()
        while not ended.wait(max(0.0, begin + every * (step - first + 1) - time.monotonic())):
            write(step)
            step += 1

    writer = threading.Thread(target=go)
    writer.start()
    try:
        yield
    finally:
        ended.set()
        writer.join()
