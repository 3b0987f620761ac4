"""Training processes of a run: start one, wait for a step, find its processes, make one stand still."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from core.common.settings import settings
from core.store.runs import lifecycle, queries
from tests.conftest import wait_for
from worker.supervise import supervisor


def started(config: Any) -> tuple[int, threading.Thread]:
    """A run in training, supervised by a thread."""
    run_id = lifecycle.create_run(config)
    thread = threading.Thread(target=supervisor.supervise, args=("test",))
    thread.start()
    return run_id, thread


def at_step(run_id: int, step: int) -> None:
    wait_for(f"step {step}", lambda: queries.run_detail(run_id).row.step >= step)


@contextmanager
def standing(run_id: int) -> Iterator[int]:
    """The training stands still, so that what is done meanwhile comes before its next step; its process id.

    It holds no lock of an SQLite database. A server's it may hold: do nothing there but end the server.
    """
    (child,) = children_of(run_id)
    os.kill(child, signal.SIGSTOP)
    try:
        while is_writing():
            os.kill(child, signal.SIGCONT)
            os.kill(child, signal.SIGSTOP)
        yield child
    finally:
        os.kill(child, signal.SIGCONT)


def is_writing() -> bool:
    """Somebody holds the lock of an SQLite database."""
    if not settings().database.startswith("sqlite"):
        return False
    with closing(sqlite3.connect(settings().home / "showdown.db", timeout=1.0)) as lock:
        try:
            lock.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False


def is_told(child: int) -> bool:
    """A SIGTERM waits for a process that stands still."""
    waits = re.findall(r"^S\w+Pnd:\s*(\w+)", Path(f"/proc/{child}/status").read_text(), re.MULTILINE)
    return any(int(mask, 16) >> (signal.SIGTERM - 1) & 1 for mask in waits)


def children_of(run_id: int) -> list[int]:
    """Process ids of trainings of a run of this data directory, which write to its log."""
    train_log = str(settings().run_folder(run_id).resolve() / "train.log")
    trainings = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            log_file = os.readlink(folder / "fd" / "2")
        except OSError:
            continue
        run = words[words.index(b"worker.training.train") + 1] if b"worker.training.train" in words else b""
        if run == str(run_id).encode() and log_file == train_log:
            trainings.append(int(folder.name))
    return trainings


def left_over(home: Path) -> list[str]:
    """Command lines of processes that still work on a data directory."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if str(home).encode() in (folder / "environ").read_bytes() and int(folder.name) != os.getpid():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


MODULES = {"worker": "worker.supervise.celery_app", "reaper": "worker.supervise.reaper"}


def start(module: str, log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", MODULES[module]], stdout=file, stderr=file, start_new_session=True
        )
