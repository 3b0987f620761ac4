"""The processes of a data directory by the part they play, and signals that reach exactly the process that
was looked at."""

import os
import signal
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

TRAINING, FORKSERVER, WORKER, REAPER, DASHBOARD, BROKER, UP = (
    "training", "forkserver", "worker", "reaper", "dashboard", "broker", "showdown up",
)  # fmt: skip
MODULES = {
    b"worker.training.train": TRAINING, b"worker.supervise.forkserver": FORKSERVER,
    b"worker.supervise.celery_app": WORKER, b"worker.supervise.reaper": REAPER,
    b"streamlit": DASHBOARD,
}  # fmt: skip
SERVERS = ("valkey-server", "redis-server")


@dataclass(frozen=True)
class Process:
    """One process. `run_id`: of a training."""

    pid: int
    run_id: int | None = None

    def handle(self) -> int | None:
        """A descriptor that means this process, whoever has its number later; None where it has ended."""
        try:
            return os.pidfd_open(self.pid)
        except ProcessLookupError:
            return None


def tell(handle: int, number: signal.Signals) -> bool:
    """Signal the process behind a descriptor; False where it has ended."""
    try:
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    return True


def parts_of(home: Path) -> dict[str, list[Process]]:
    """Part -> its processes that live now, in the order of their numbers."""
    living = defaultdict(list)
    for folder in sorted(Path("/proc").glob("[0-9]*"), key=lambda p: int(p.name)):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if (part := _part(words)) and _belongs(folder, home):
                run_id = int(words[words.index(b"worker.training.train") + 1]) if part == TRAINING else None
                living[part].append(Process(int(folder.name), run_id))
        except OSError:
            continue
    return dict(living)


def _part(words: list[bytes]) -> str | None:
    if os.path.basename(words[0].split(b" ")[0]).decode(errors="replace") in SERVERS:
        return BROKER
    if words[1:4] == [b"-m", b"cli", b"up"]:
        return UP
    return next((part for module, part in MODULES.items() if module in words[:4]), None)


def _belongs(folder: Path, home: Path) -> bool:
    """It was started for this data directory. A broker's environment is overwritten by its title; it works
    in the directory."""
    named = f"SHOWDOWN_HOME={home}".encode() in (folder / "environ").read_bytes().split(b"\0")
    return named or Path(os.readlink(folder / "cwd")).is_relative_to(home)
