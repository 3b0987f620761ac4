"""Which checkpoint a run goes on from, which are kept, and when one is announced to the database: once any machine that
may take the run can have it. One Keeper an attempt.

Called by worker.train (start and end) and worker.recorder (each checkpoint and evaluation). Without SHOWDOWN_CHECKPOINTS a
checkpoint lies in the run's folder alone. With it, only the attempt that holds the run touches the shared place, and a
training never ends because the place is away (docs/decisions/0011-shared-checkpoints.md). Light.
"""

import json
import logging
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from core.config import CheckpointConfig
from core.errors import PlaceUnavailable, StoreUnavailable
from core.metrics.series import best_step
from core.settings import settings
from core.store import claims, evaluations, queries, records
from worker import checkpoints
from worker.journal import Journal, patiently
from worker.shared import Shared, is_same

LOST, DAMAGED, NOT_SHARED, SHARED_AGAIN = (
    "checkpoint lost",
    "checkpoint damaged",
    "not shared",
    "shared again",
)  # kinds of a run's events
log = logging.getLogger("showdown.keeper")


class Keeper:
    """The checkpoints of one attempt. `accuracies`: step -> eval/accuracy, filled by whoever evaluates."""

    def __init__(self, folder: Path, journal: Journal, stop: Callable[[], bool]) -> None:
        """SetupError where the shared place cannot be one."""
        self.folder, self.journal, self.stop = folder, journal, stop
        self.run_id, self.attempt = journal.run_id, journal.attempt
        self.shared = Shared(self.run_id) if settings().checkpoints else None
        self.config = CheckpointConfig()
        self.accuracies: dict[int, float] = {}
        self._said = False  # that the place is away

    def start(self, claim: claims.Claim) -> tuple[Path | None, int]:
        """The checkpoint to go on from and its step; None and -1 to begin anew. What lies after it is forgotten.

        Waits where only the shared place can have it and is away: to begin anew would cost every step since.
        """
        self.config = claim.config.checkpoint
        for part in self.folder.glob("fetching-*"):
            shutil.rmtree(part)
        late = self._late()
        begin = late if late is not None else self._announced(claim.checkpoint_step)
        if begin is None and claim.checkpoint_step is not None:
            where = f"{self.folder}" + (f" nor in {self.shared.folder}" if self.shared else "; SHOWDOWN_CHECKPOINTS is not set")
            self._say(LOST, f"that of step {claim.checkpoint_step} lies not in {where}: the run begins anew")
        if begin is not None:
            begin = self._undamaged(begin)
        at = -1 if begin is None else begin
        checkpoints.forget_after(self.folder, at)
        if self.shared:
            self._try(lambda: self._forget_there(at))
        known = patiently(lambda: evaluations.accuracies(self.run_id), self.stop)
        self.accuracies = {step: value for step, value in known.items() if step <= at}
        return (None if begin is None else checkpoints.path(self.folder, begin)), at

    def saved(self, step: int) -> None:
        """A checkpoint is whole on this machine: share it, announce it, and remove those that need not be kept."""
        if self.shared is None or self._share(step):
            self.journal.write_checkpoint(step, self.stop)
        checkpoints.rotate(self.folder, self._kept(checkpoints.steps(self.folder)))
        if self.shared and not self._late_file.exists():
            self._try(lambda: self._rotate_there(step))

    def share_adapter(self, step: int) -> None:
        """The adapter of a run that is trained to its end."""
        if self.shared:
            self._try(lambda: self.shared.send(self.folder / "adapter", "adapter", step))

    # --- where to go on from

    @property
    def _late_file(self) -> Path:
        """Names the newest checkpoint that could not be shared, and the attempt that made it."""
        return self.folder / "not_shared.json"

    def _late(self) -> int | None:
        """A checkpoint newer than the announced one, left here by the attempt before: no other machine has trained since."""
        if not self._late_file.exists():
            return None
        found = json.loads(self._late_file.read_text(encoding="utf-8"))
        step = int(found["step"])
        stored = patiently(lambda: queries.run_detail(self.run_id).row.step, self.stop)
        own = found["attempt"] in (self.attempt - 1, self.attempt)
        if not own or stored < step or checkpoints.whole(self.folder, step) is None:
            self._late_file.unlink()
            return None
        if self.shared is None or self._share(step):
            self._late_file.unlink(missing_ok=True)
            self.journal.write_checkpoint(step, self.stop)
        return step

    def _announced(self, step: int | None) -> int | None:
        """The step, once its checkpoint lies here as it was announced; None when it lies nowhere."""
        here = checkpoints.whole(self.folder, step)
        if step is None or self.shared is None:
            return None if here is None else step
        name = checkpoints.path(self.folder, step).name
        try:
            said = self.shared.files(name)
            if here and (said is None or is_same(here, said)):
                return step  # not shared: it is older than the setting
        except PlaceUnavailable as error:
            log.warning("%s", error)
            if here:
                return step
            self._say(NOT_SHARED, f"waits for the checkpoint of step {step}: {error}")
        return step if patiently(lambda: self._fetch(name), self.stop) else None

    def _undamaged(self, step: int) -> int | None:
        """The step, or that of the newest checkpoint before it which is as it was written; None where there is none.

        Those that are not are kept aside, and said.
        """
        there = [s for s in reversed(checkpoints.steps(self.folder)) if s <= step and checkpoints.whole(self.folder, s)]
        damaged: dict[int, str] = {}
        for at in there:
            why = checkpoints.damage(checkpoints.path(self.folder, at))
            if not why:
                break
            damaged[at] = why
        sound = next((s for s in there if s not in damaged), None)
        goes_on = "the run begins anew" if sound is None else f"the run goes on from step {sound}"
        if damaged and sound is not None:
            self.journal.write_checkpoint(sound, self.stop)  # first: who is killed now must not look for the damaged one
        for at, why in damaged.items():
            aside = checkpoints.set_aside(checkpoints.path(self.folder, at))
            self._say(DAMAGED, f"that of step {at} is damaged ({why}) and kept as {aside.name}: {goes_on}")
        return sound

    def _fetch(self, name: str) -> bool:
        assert self.shared is not None
        with checkpoints.saving(self.folder / name):
            return self.shared.fetch(name, self.folder / name)

    def _forget_there(self, at: int) -> None:
        assert self.shared is not None
        for step in self.shared.steps()[1]:
            if step > at:
                self.shared.remove(f"checkpoint-{step}")
        if at < 0:
            self.shared.remove("adapter")

    # --- what is kept

    def _kept(self, there: Iterable[int]) -> set[int]:
        """The newest of these steps, the best of them, and the one that the database names."""
        found = sorted(there)
        return {*found[-self.config.keep :], *self._best(found)} | {s for s in found if s == self.journal.announced}

    def _best(self, there: Iterable[int]) -> set[int]:
        best = best_step({step: self.accuracies[step] for step in there if step in self.accuracies})
        return set() if best is None or not self.config.best else {best}

    def _rotate_there(self, step: int) -> None:
        """As here. The best, where it could not be sent while the place was away, is sent now."""
        assert self.shared is not None
        here, (whole, any_) = set(checkpoints.steps(self.folder)), self.shared.steps()
        known = {s for s in whole if s <= step}
        for missing in self._best(here | known) - known:
            self.shared.send(checkpoints.path(self.folder, missing), f"checkpoint-{missing}", missing)
            known.add(missing)
        for gone in any_ - self._kept(known):
            self.shared.remove(f"checkpoint-{gone}")

    # --- the way there

    def _share(self, step: int) -> bool:
        """Send a checkpoint. False: it could not be, and is remembered as one that only this machine has."""
        part = self._late_file.with_suffix(".part")  # before: who is killed while sending must find it again
        part.write_text(json.dumps({"attempt": self.attempt, "step": step}), encoding="utf-8")
        part.replace(self._late_file)
        if not self._try(lambda: self.shared.send(checkpoints.path(self.folder, step), f"checkpoint-{step}", step)):
            return False
        self._late_file.unlink()
        return True

    def _try(self, call: Callable[[], Any]) -> bool:
        """Whether it worked. That the place is away is said once until it answers again; the training goes on."""
        if self._said and self.stop():
            return False  # a place that hangs would take the time that is left for stopping
        try:
            claims.load_claim(self.run_id, self.attempt)  # Fenced: what lies there now is a newer attempt's
            call()
        except PlaceUnavailable as error:
            log.warning("%s; the training goes on", error)
            if not self._said:
                self._say(NOT_SHARED, f"{error}; the training goes on, its newest checkpoints lie in {self.folder} alone")
            self._said = True
            return False
        except StoreUnavailable as error:
            log.warning("%s; so nothing is put into the shared place, where a newer attempt may be at work", error)
            return False
        if self._said:
            self._say(SHARED_AGAIN, "the shared place answers again")
        self._said = False
        return True

    def _say(self, kind: str, detail: str) -> None:
        log.warning("%s: %s", kind, detail)
        try:
            records.write_event(self.run_id, self.attempt, kind, detail)
        except StoreUnavailable as error:
            log.warning("%s", error)
