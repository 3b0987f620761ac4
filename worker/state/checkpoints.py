"""Checkpoint folders on this machine: whole or absent, and the files they keep beside the trainer's."""

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from core.common.errors import DiskFull
from core.rewards.engine import RewardEngine
from worker.state.remote import difference, digest

FULL = (errno.ENOSPC, errno.EDQUOT)
HASHES = "hashes.json"
SAYINGS = ("No space left", "quota exceeded")
NEARLY_FULL = 2**20  # bytes; torch says "file write failed" without the reason
WHOLE = ("trainer_state.json", "reward_engine.json")  # the last file the trainer writes, and the last we do


def path(folder: Path, step: int) -> Path:
    """The folder of a step's checkpoint."""
    return folder / f"checkpoint-{step}"


def engine_file(checkpoint: Path) -> Path:
    """The file of a checkpoint that holds the reward engine's state."""
    return checkpoint / "reward_engine.json"


def judges_file(checkpoint: Path) -> Path:
    """The file of a checkpoint that holds the judges' counts: a budget is a run's, not a process's."""
    return checkpoint / "judges.json"


def judge_counts(checkpoint: Path) -> dict[str, dict[str, int]]:
    """Term -> its judge's counts when the checkpoint was written; empty where there was no judge."""
    file = judges_file(checkpoint)
    return dict(json.loads(file.read_text(encoding="utf-8"))) if file.is_file() else {}


def complete(checkpoint: Path, engine: RewardEngine, counts: Mapping[str, Mapping[str, int]]) -> None:
    """Write the files that the trainer does not know of; after this the checkpoint is whole.

    `counts` has the form that `judge_counts` returns.
    """
    with saving(checkpoint):
        if counts:
            judges_file(checkpoint).write_text(
                json.dumps({key: dict(of_one) for key, of_one in counts.items()}), encoding="utf-8"
            )
        seal(checkpoint, engine.state())


def seal(checkpoint: Path, engine_state: object) -> None:
    """Write the hashes of all files and the engine's state, which takes its final name last."""
    part = checkpoint / "reward_engine.part"
    part.write_text(json.dumps(engine_state), encoding="utf-8")
    files = {
        p.relative_to(checkpoint).as_posix(): p
        for p in checkpoint.rglob("*")
        if p.is_file() and p.name != HASHES
    }
    files[engine_file(checkpoint).name] = files.pop(part.name)
    (checkpoint / HASHES).write_text(
        json.dumps({name: digest(files[name]) for name in sorted(files)}), encoding="utf-8"
    )
    part.replace(engine_file(checkpoint))


def whole(folder: Path, step: int | None) -> Path | None:
    """The checkpoint of `step`, if it is complete in the run's folder; else None."""
    if step is None:
        return None
    checkpoint = path(folder, step)
    return checkpoint if all((checkpoint / name).is_file() for name in WHOLE) else None


def damage(checkpoint: Path) -> str:
    """Describes the first file of a whole checkpoint that is not as it was written; empty if all are.

    Also empty for a checkpoint from before there were hashes, which cannot be checked.
    """
    file = checkpoint / HASHES
    if not file.exists():
        return ""
    try:
        return difference(checkpoint, json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        return f"{HASHES} cannot be read: {type(error).__name__}"


def set_aside(checkpoint: Path) -> Path:
    """Rename a damaged checkpoint so that nothing resumes from it; returns the new path."""
    for n in count(1):
        aside = checkpoint.with_name(f"damaged-{checkpoint.name}" + (f".{n}" if n > 1 else ""))
        if not aside.exists():
            break
    return checkpoint.rename(aside)


def forget_after(folder: Path, step: int) -> None:
    """Remove checkpoints after `step`: they were never announced and will be made again. -1 removes all."""
    for candidate in steps(folder):
        if candidate > step:
            shutil.rmtree(path(folder, candidate))


def rotate(folder: Path, kept: set[int]) -> None:
    """Remove the checkpoints of all steps but these."""
    for step in set(steps(folder)) - kept:
        shutil.rmtree(path(folder, step), ignore_errors=True)


def steps(folder: Path) -> list[int]:
    """The steps that have a checkpoint folder, the newest last."""
    names = [p.name.removeprefix("checkpoint-") for p in folder.glob("checkpoint-*")]
    return sorted(int(name) for name in names if name.isdigit())


@contextmanager
def saving(target: Path) -> Iterator[None]:
    """Turns a full disk into DiskFull and removes the unfinished `target`.

    So the checkpoint before it stays the newest.
    """
    try:
        yield
    except Exception as error:
        free = shutil.disk_usage(target.parent).free
        full = isinstance(error, OSError) and error.errno in FULL
        if not full and not any(x in str(error) for x in SAYINGS) and free > NEARLY_FULL:
            raise
        shutil.rmtree(target, ignore_errors=True)
        raise DiskFull(
            f"{target.name} could not be written: the disk of {os.fspath(target.parent)} is full "
            f"({free:,} bytes were free); make room and queue the run again, "
            "it goes on from the checkpoint before"
        ) from error
