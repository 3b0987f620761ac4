"""Sends steps to the database; while it is away, keeps them in a file and sends them later, in order.

The file lies in the run's folder and holds one JSON line per entry, each on the disk before the training goes
on; a line that a kill cut short is a step that was never taken. Before an entry is sent again, the database
is checked for it. Light: the supervisor loads it.
"""

import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from core.common.errors import StoreUnavailable
from core.config.run import JournalConfig
from core.store.steps import records
from core.store.steps.records import EvaluationRow, ItemRow, SampleRow, ScoreRow, StepRecord

T = TypeVar("T")
GiveUp = Callable[[], bool]
FIRST_WAIT = 0.2  # seconds
LONGEST_WAIT = 5.0  # seconds
LOOK = 0.1  # seconds between two looks at `give_up()`
CAUGHT_UP = "caught up"  # the kind of a run's event
log = logging.getLogger("showdown.journal")


def patiently(call: Callable[[], T], give_up: GiveUp) -> T:
    """The result of `call`, retried while the database is away; raises StoreUnavailable once `give_up()`."""
    wait = FIRST_WAIT
    while True:
        try:
            return call()
        except StoreUnavailable as error:
            if give_up():
                raise
            log.warning("%s; tried again in %.1f s", error, wait)
        until = time.monotonic() + wait
        while time.monotonic() < until and not give_up():
            time.sleep(LOOK)
        wait = min(2 * wait, LONGEST_WAIT)


def take_over(folder: Path, attempt: int) -> None:
    """Make the previous attempt's journal this attempt's.

    Removes older journals: another machine has trained the run since.
    """
    previous = folder / f"journal-{attempt - 1}.jsonl"
    if previous.exists():
        previous.replace(folder / f"journal-{attempt}.jsonl")
    for stale in folder.glob("journal-*.jsonl"):
        if stale.name != f"journal-{attempt}.jsonl":
            stale.unlink()


def record_of(values: dict[str, Any]) -> StepRecord:
    """The StepRecord in the JSON of a journal entry."""
    samples = [
        SampleRow(**{**s, "scores": tuple(ScoreRow(*x) for x in s["scores"])}) for s in values["samples"]
    ]
    evaluation = values["evaluation"]
    row = evaluation and EvaluationRow(
        **{**evaluation, "items": tuple(ItemRow(**i) for i in evaluation["items"])}
    )
    return StepRecord(**{**values, "samples": samples, "evaluation": row})


class Journal:
    """Writes one attempt's steps and checkpoints to the database, in order.

    `announced` is the newest checkpoint that the database knows.
    """

    def __init__(self, folder: Path, run_id: int, attempt: int, announced: int | None = None) -> None:
        self.path = folder / f"journal-{attempt}.jsonl"
        self.run_id = run_id
        self.attempt = attempt
        self.announced = announced
        self.limits = JournalConfig()
        # bytes of the file that were sent, lines that were not, lines that were
        self._sent = self._kept = self._caught_up = 0
        self._try_at = 0.0

    @property
    def waiting(self) -> bool:
        """Whether the file holds entries that the database may lack."""
        return self.path.exists()

    def write_step(self, record: StepRecord, stop: GiveUp) -> None:
        """Store a step, or keep it in the file. Waits while the journal is full, until `stop()`."""
        if self._later() or not self._try(lambda: records.write_step(self.run_id, self.attempt, record)):
            self._keep({"step": asdict(record)}, stop)

    def write_checkpoint(self, step: int, stop: GiveUp) -> None:
        """Announce a checkpoint, after every entry before it."""
        if self._later() or not self._try(lambda: records.write_checkpoint(self.run_id, self.attempt, step)):
            self._keep({"checkpoint": step}, stop)
        else:
            self.announced = step

    def flush(self) -> None:
        """Send the entries in the file, in order.

        Raises StoreUnavailable when the database goes away; entries already sent are not sent again.
        """
        if not self.waiting:
            return
        with self.path.open("rb") as file:
            file.seek(self._sent)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._send(json.loads(line))
                self._sent += len(line)
                self._kept, self._caught_up = max(0, self._kept - 1), self._caught_up + 1
        if self._caught_up:
            message = f"{self._caught_up} steps and checkpoints that were kept while the database was away"
            records.write_event(self.run_id, self.attempt, CAUGHT_UP, message)
        self.path.unlink()
        self._sent = self._kept = self._caught_up = 0

    def _send(self, entry: dict[str, Any]) -> None:
        if "step" in entry:
            records.write_step(self.run_id, self.attempt, record_of(entry["step"]), again=True)
        else:
            records.write_checkpoint(self.run_id, self.attempt, entry["checkpoint"])
            self.announced = entry["checkpoint"]

    def _later(self) -> bool:
        """Whether entries in the file cannot be sent now, so that later ones must be kept too."""
        return self.waiting and (time.monotonic() < self._try_at or not self._try(self.flush))

    def _try(self, call: Callable[[], None]) -> bool:
        began = time.monotonic()
        try:
            call()
        except StoreUnavailable as error:
            log.warning("%s", error)
            now_seconds = time.monotonic()
            # a locked file answers late: spend at most half of the time on asking it
            self._try_at = now_seconds + (now_seconds - began)
            return False
        return True

    def _full(self) -> bool:
        size = self.path.stat().st_size - self._sent if self.waiting else 0
        return self._kept >= self.limits.max_steps or size >= self.limits.max_megabytes * 2**20

    def _keep(self, entry: dict[str, Any], stop: GiveUp) -> None:
        if self._full():
            log.warning("the journal is full: the training waits for the database")
            try:
                patiently(self.flush, stop)
            except StoreUnavailable:
                pass  # asked to stop: the last step is kept beyond the limit, and none follows
            else:
                if self._try(lambda: self._send(entry)):
                    return
        self._append(entry)

    def _append(self, entry: dict[str, Any]) -> None:
        """Append one line, on the disk when this returns; leaves nothing behind when it cannot be written."""
        line = json.dumps(entry, separators=(",", ":"), default=lambda x: x.item()).encode() + b"\n"
        new = not self.waiting
        with self.path.open("ab", buffering=0) as file:
            end = file.tell()
            try:
                if file.write(line) != len(line):
                    raise OSError(28, "No space left on device", str(self.path))
                os.fsync(file.fileno())
            except OSError:
                file.truncate(end)
                raise
        if new:
            _sync_folder(self.path.parent)
        self._kept += 1


def _sync_folder(folder: Path) -> None:
    """Sync a folder, so that a new file's name is on the disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
