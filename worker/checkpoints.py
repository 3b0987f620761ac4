"""Checkpoint folders of this machine: whole or not there, and what they keep beside the trainer's files.

Called by worker.train, worker.trainer, worker.recorder and worker.keeper, which says which are kept.
"""

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from itertools import count
from pathlib import Path

from core.engine import RewardEngine
from core.errors import DiskFull
from worker.judge import Counts, Judge
from worker.shared import difference, digest

FULL = (errno.ENOSPC, errno.EDQUOT)
HASHES = "hashes.json"
SAYINGS = ("No space left", "quota exceeded")
NEARLY_FULL = 2**20  # bytes: torch says "file write failed" and keeps the reason to itself
WHOLE = ("trainer_state.json", "reward_engine.json")  # the last the trainer writes, and the last we do


def path(folder: Path, step: int) -> Path:
    """The folder of a step's checkpoint."""
    return folder / f"checkpoint-{step}"


def engine_file(checkpoint: Path) -> Path:
    """Where a checkpoint keeps what the reward engine remembers."""
    return checkpoint / "reward_engine.json"


def judges_file(checkpoint: Path) -> Path:
    """Where a checkpoint keeps what the judges have done: a budget is a run's, not a process's."""
    return checkpoint / "judges.json"


def restore_judges(judges: Mapping[str, Judge], checkpoint: Path) -> None:
    """Let judges go on counting where a checkpoint left them. What a killed attempt asked after it is not counted."""
    file = judges_file(checkpoint)
    kept = json.loads(file.read_text(encoding="utf-8")) if judges and file.is_file() else {}
    for key, counts in kept.items():
        if key in judges:
            judges[key].counts = Counts(**counts)


def complete(checkpoint: Path, engine: RewardEngine, judges: Mapping[str, Judge]) -> None:
    """Write what the trainer does not know of; after this the checkpoint is whole."""
    with saving(checkpoint):
        if judges:
            judges_file(checkpoint).write_text(
                json.dumps({key: asdict(asked.counts) for key, asked in judges.items()}), encoding="utf-8"
            )
        seal(checkpoint, engine.state())


def seal(checkpoint: Path, engine_state: object) -> None:
    """Write the engine's state, and before it takes its name the hashes of all files."""
    part = checkpoint / "reward_engine.part"
    part.write_text(json.dumps(engine_state), encoding="utf-8")
    files = {p.relative_to(checkpoint).as_posix(): p for p in checkpoint.rglob("*") if p.is_file() and p.name != HASHES}
    files[engine_file(checkpoint).name] = files.pop(part.name)
    (checkpoint / HASHES).write_text(json.dumps({name: digest(files[name]) for name in sorted(files)}), encoding="utf-8")
    part.replace(engine_file(checkpoint))


def whole(folder: Path, step: int | None) -> Path | None:
    """The checkpoint of `step`, if it lies complete in the run's folder."""
    if step is None:
        return None
    found = path(folder, step)
    return found if all((found / name).is_file() for name in WHOLE) else None


def damage(checkpoint: Path) -> str:
    """What of a whole checkpoint is not as it was written; empty where all is. One of before there were hashes is not known."""
    file = checkpoint / HASHES
    if not file.exists():
        return ""
    try:
        return difference(checkpoint, json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        return f"{HASHES} cannot be read: {type(error).__name__}"


def set_aside(checkpoint: Path) -> Path:
    """Keep a damaged checkpoint where nothing goes on from it; returns where."""
    for n in count(1):
        aside = checkpoint.with_name(f"damaged-{checkpoint.name}" + (f".{n}" if n > 1 else ""))
        if not aside.exists():
            break
    return checkpoint.rename(aside)


def forget_after(folder: Path, step: int) -> None:
    """Remove checkpoints after `step`: they were never announced, and are made again. -1 removes all."""
    for at in steps(folder):
        if at > step:
            shutil.rmtree(path(folder, at))


def rotate(folder: Path, kept: set[int]) -> None:
    """Remove all but these."""
    for at in set(steps(folder)) - kept:
        shutil.rmtree(path(folder, at), ignore_errors=True)


def steps(folder: Path) -> list[int]:
    """Of which steps there are folders, the newest last."""
    names = [p.name.removeprefix("checkpoint-") for p in folder.glob("checkpoint-*")]
    return sorted(int(name) for name in names if name.isdigit())


@contextmanager
def saving(target: Path) -> Iterator[None]:
    """A full disk is DiskFull, and what was written of `target` is removed: the checkpoint before stays the newest."""
    try:
        yield
    except Exception as error:
        free = shutil.disk_usage(target.parent).free
        full = isinstance(error, OSError) and error.errno in FULL
        if not full and not any(x in str(error) for x in SAYINGS) and free > NEARLY_FULL:
            raise
        shutil.rmtree(target, ignore_errors=True)
        raise DiskFull(
            f"{target.name} could not be written: the disk of {os.fspath(target.parent)} is full ({free:,} bytes were free); "
            "make room and queue the run again, it goes on from the checkpoint before"
        ) from error
