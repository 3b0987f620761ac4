"""The way of a step to the database, also while that is away: kept in a file of the run's folder, then sent in order.

Called by worker.recorder (each step and checkpoint), worker.train (what an earlier attempt kept) and worker.supervisor
(what a child left behind). The file holds one JSON line an entry, each on the disk before the training goes on; a line
that a kill cut short is a step that was never taken. What may have been sent before is looked for before it is sent
again. Light: the supervisor loads it.
"""

import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from core.config import JournalConfig
from core.errors import StoreUnavailable
from core.store import records
from core.store.records import EvaluationRow, ItemRow, SampleRow, ScoreRow, StepRecord

T = TypeVar("T")
GiveUp = Callable[[], bool]
FIRST_WAIT, LONGEST_WAIT, LOOK = 0.2, 5.0, 0.1  # seconds
CAUGHT_UP = "caught up"  # the kind of a run's event
log = logging.getLogger("showdown.journal")


def patiently(call: Callable[[], T], give_up: GiveUp) -> T:
    """What `call` returns, tried again while the database is away; StoreUnavailable once `give_up()`."""
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
    """What the attempt before kept becomes this one's. Older journals are removed: another machine has gone on since."""
    before = folder / f"journal-{attempt - 1}.jsonl"
    if before.exists():
        before.replace(folder / f"journal-{attempt}.jsonl")
    for stale in folder.glob("journal-*.jsonl"):
        if stale.name != f"journal-{attempt}.jsonl":
            stale.unlink()


def record_of(values: dict[str, Any]) -> StepRecord:
    """A step from its JSON."""
    samples = [SampleRow(**{**s, "scores": tuple(ScoreRow(*x) for x in s["scores"])}) for s in values["samples"]]
    found = values["evaluation"]
    row = found and EvaluationRow(**{**found, "items": tuple(ItemRow(**i) for i in found["items"])})
    return StepRecord(**{**values, "samples": samples, "evaluation": row})


class Journal:
    """What one attempt has to say to the database, in order. `announced`: the newest checkpoint the database knows."""

    def __init__(self, folder: Path, run_id: int, attempt: int, announced: int | None = None) -> None:
        self.path = folder / f"journal-{attempt}.jsonl"
        self.run_id, self.attempt, self.announced = run_id, attempt, announced
        self.limits = JournalConfig()
        self._sent = self._kept = self._caught_up = 0  # bytes of the file that were sent; lines that were not, and that were
        self._try_at = 0.0

    @property
    def waiting(self) -> bool:
        """Something is kept that the database may not have."""
        return self.path.exists()

    def write_step(self, record: StepRecord, stop: GiveUp) -> None:
        """Store a step, or keep it. Waits where the journal is full, until there is room or `stop()`."""
        if self._later() or not self._try(lambda: records.write_step(self.run_id, self.attempt, record)):
            self._keep({"step": asdict(record)}, stop)

    def write_checkpoint(self, step: int, stop: GiveUp) -> None:
        """Announce a checkpoint, after everything before it."""
        if self._later() or not self._try(lambda: records.write_checkpoint(self.run_id, self.attempt, step)):
            self._keep({"checkpoint": step}, stop)
        else:
            self.announced = step

    def flush(self) -> None:
        """Send what is kept, in order. StoreUnavailable when the database goes away; what was sent is not sent again."""
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
            said = f"{self._caught_up} steps and checkpoints that were kept while the database was away"
            records.write_event(self.run_id, self.attempt, CAUGHT_UP, said)
        self.path.unlink()
        self._sent = self._kept = self._caught_up = 0

    def _send(self, entry: dict[str, Any]) -> None:
        if "step" in entry:
            records.write_step(self.run_id, self.attempt, record_of(entry["step"]), again=True)
        else:
            records.write_checkpoint(self.run_id, self.attempt, entry["checkpoint"])
            self.announced = entry["checkpoint"]

    def _later(self) -> bool:
        """What is kept could not be sent now, so that what follows must be kept too."""
        return self.waiting and (time.monotonic() < self._try_at or not self._try(self.flush))

    def _try(self, call: Callable[[], None]) -> bool:
        began = time.monotonic()
        try:
            call()
        except StoreUnavailable as error:
            log.warning("%s", error)
            now = time.monotonic()
            self._try_at = now + (now - began)  # a locked file answers late: at most half of the time is spent asking it
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
                pass  # asked to stop: the last step is kept beyond the bound, and none follows
            else:
                if self._try(lambda: self._send(entry)):
                    return
        self._append(entry)

    def _append(self, entry: dict[str, Any]) -> None:
        """One line, on the disk when this returns; nothing of it when it could not be written."""
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
    """A new file's name is on the disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
