"""Checkpoint manager: what to resume from, what to keep, when to record one in the database.

A checkpoint is announced to the database once any machine that may take the run can get it. There is one
Keeper per attempt. Without SHOWDOWN_CHECKPOINTS a checkpoint lies only in the run's folder. With it, only the
attempt that holds the run touches the shared place, and a training never ends because the place is away
(docs/decisions/0011-shared-checkpoints.md). Light.
"""

import json
import logging
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from core.common.errors import PlaceUnavailable, StoreUnavailable
from core.common.settings import settings
from core.config.run import CheckpointConfig
from core.metrics.series import best_step
from core.store.runs import claims, queries
from core.store.steps import evaluations, records
from worker.state import checkpoints
from worker.state.journal import Journal, patiently
from worker.state.remote import Shared, is_same

# kinds of a run's events
LOST = "checkpoint lost"
DAMAGED = "checkpoint damaged"
NOT_SHARED = "not shared"
SHARED_AGAIN = "shared again"
log = logging.getLogger("showdown.keeper")


class Keeper:
    """The checkpoints of one attempt.

    `accuracies` maps step -> eval/accuracy; the evaluating code fills it.
    """

    def __init__(self, folder: Path, journal: Journal, stop: Callable[[], bool]) -> None:
        """Raises SetupError when the configured shared place cannot be used."""
        self.folder = folder
        self.journal = journal
        self.stop = stop
        self.run_id = journal.run_id
        self.attempt = journal.attempt
        self.shared = Shared(self.run_id) if settings().checkpoints else None
        self.config = CheckpointConfig()
        self.accuracies: dict[int, float] = {}
        self._said = False  # whether an event has recorded that the place is away

    def start(self, claim: claims.Claim) -> tuple[Path | None, int]:
        """The checkpoint to resume from and its step; None and -1 to begin anew.

        Removes the checkpoints after it. Waits when only the shared place can have it and is away: beginning
        anew would cost every step since.
        """
        self.config = claim.config.checkpoint
        for part in self.folder.glob("fetching-*"):
            shutil.rmtree(part)
        late = self._late()
        begin = late if late is not None else self._announced(claim.checkpoint_step)
        if begin is None and claim.checkpoint_step is not None:
            folders = f"{self.folder}" + (
                f" nor in {self.shared.folder}" if self.shared else "; SHOWDOWN_CHECKPOINTS is not set"
            )
            self._say(
                LOST, f"that of step {claim.checkpoint_step} lies not in {folders}: the run begins anew"
            )
        if begin is not None:
            begin = self._undamaged(begin)
        start_step = -1 if begin is None else begin
        checkpoints.forget_after(self.folder, start_step)
        if self.shared:
            self._try(lambda: self._forget_there(start_step))
        accuracies = patiently(lambda: evaluations.accuracies(self.run_id), self.stop)
        self.accuracies = {step: value for step, value in accuracies.items() if step <= start_step}
        return (None if begin is None else checkpoints.path(self.folder, begin)), start_step

    def saved(self, step: int) -> None:
        """Share and announce a checkpoint that is complete here, and remove those no longer needed."""
        if self.shared is None or self._share(step):
            self.journal.write_checkpoint(step, self.stop)
        checkpoints.rotate(self.folder, self._kept(checkpoints.steps(self.folder)))
        if self.shared and not self._late_file.exists():
            self._try(lambda: self._rotate_there(step))

    def share_adapter(self, step: int) -> None:
        """Send the adapter of a run that is trained to its end to the shared place."""
        if self.shared:
            self._try(lambda: self.shared.send(self.folder / "adapter", "adapter", step))

    # --- what to resume from

    @property
    def _late_file(self) -> Path:
        """Names the newest checkpoint that could not be shared, and the attempt that made it."""
        return self.folder / "not_shared.json"

    def _late(self) -> int | None:
        """The step of a checkpoint that is newer than the announced one; None when there is none.

        It was left here by the previous attempt: it does not count if another machine has trained since.
        """
        if not self._late_file.exists():
            return None
        late = json.loads(self._late_file.read_text(encoding="utf-8"))
        step = int(late["step"])
        stored = patiently(lambda: queries.run_detail(self.run_id).row.step, self.stop)
        own = late["attempt"] in (self.attempt - 1, self.attempt)
        if not own or stored < step or checkpoints.whole(self.folder, step) is None:
            self._late_file.unlink()
            return None
        if self.shared is None or self._share(step):
            self._late_file.unlink(missing_ok=True)
            self.journal.write_checkpoint(step, self.stop)
        return step

    def _announced(self, step: int | None) -> int | None:
        """The step, once its announced checkpoint is in this folder; None when it is nowhere to be found."""
        local = checkpoints.whole(self.folder, step)
        if step is None or self.shared is None:
            return None if local is None else step
        name = checkpoints.path(self.folder, step).name
        try:
            listing = self.shared.files(name)
            if local and (listing is None or is_same(local, listing)):
                return step  # not shared: it is older than the setting
        except PlaceUnavailable as error:
            log.warning("%s", error)
            if local:
                return step
            self._say(NOT_SHARED, f"waits for the checkpoint of step {step}: {error}")
        return step if patiently(lambda: self._fetch(name), self.stop) else None

    def _undamaged(self, step: int) -> int | None:
        """The step of the newest undamaged checkpoint up to `step`; None when there is none.

        Damaged ones are set aside, each with an event of the run.
        """
        candidates = [
            s
            for s in reversed(checkpoints.steps(self.folder))
            if s <= step and checkpoints.whole(self.folder, s)
        ]
        damaged: dict[int, str] = {}
        for candidate in candidates:
            reason = checkpoints.damage(checkpoints.path(self.folder, candidate))
            if not reason:
                break
            damaged[candidate] = reason
        sound = next((s for s in candidates if s not in damaged), None)
        goes_on = "the run begins anew" if sound is None else f"the run goes on from step {sound}"
        if damaged and sound is not None:
            # first: a process killed now must not look for the damaged one when it comes back
            self.journal.write_checkpoint(sound, self.stop)
        for candidate, reason in damaged.items():
            aside = checkpoints.set_aside(checkpoints.path(self.folder, candidate))
            self._say(
                DAMAGED, f"that of step {candidate} is damaged ({reason}) and kept as {aside.name}: {goes_on}"
            )
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

    # --- what to keep

    def _kept(self, there: Iterable[int]) -> set[int]:
        """The steps to keep: the newest of these, the best of them, and the one that the database names."""
        sorted_steps = sorted(there)
        return {*sorted_steps[-self.config.keep :], *self._best(sorted_steps)} | {
            s for s in sorted_steps if s == self.journal.announced
        }

    def _best(self, there: Iterable[int]) -> set[int]:
        best = best_step({step: self.accuracies[step] for step in there if step in self.accuracies})
        return set() if best is None or not self.config.best else {best}

    def _rotate_there(self, step: int) -> None:
        """Remove checkpoints from the shared place by the rules of this folder.

        Also sends the best one, if it could not be sent while the place was away.
        """
        assert self.shared is not None
        local_steps = set(checkpoints.steps(self.folder))
        complete, partial_or_complete = self.shared.steps()
        shared_steps = {s for s in complete if s <= step}
        for missing in self._best(local_steps | shared_steps) - shared_steps:
            self.shared.send(checkpoints.path(self.folder, missing), f"checkpoint-{missing}", missing)
            shared_steps.add(missing)
        for stale in partial_or_complete - self._kept(shared_steps):
            self.shared.remove(f"checkpoint-{stale}")

    # --- sending to the shared place

    def _share(self, step: int) -> bool:
        """Send a checkpoint; False when that fails, and then it is recorded as one only this machine has."""
        # first: a process killed while sending must find it again
        part = self._late_file.with_suffix(".part")
        part.write_text(json.dumps({"attempt": self.attempt, "step": step}), encoding="utf-8")
        part.replace(self._late_file)
        if not self._try(
            lambda: self.shared.send(checkpoints.path(self.folder, step), f"checkpoint-{step}", step)
        ):
            return False
        self._late_file.unlink()
        return True

    def _try(self, call: Callable[[], Any]) -> bool:
        """Whether the call worked; never ends the training because the shared place is away.

        An event records that the place is away once, until it answers again.
        """
        if self._said and self.stop():
            return False  # a place that hangs would use up the time for stopping
        try:
            claims.load_claim(self.run_id, self.attempt)  # Fenced: the files there are a newer attempt's
            call()
        except PlaceUnavailable as error:
            log.warning("%s; the training goes on", error)
            if not self._said:
                self._say(
                    NOT_SHARED,
                    f"{error}; the training goes on, its newest checkpoints lie in {self.folder} alone",
                )
            self._said = True
            return False
        except StoreUnavailable as error:
            log.warning(
                "%s; so nothing is put into the shared place, where a newer attempt may be at work", error
            )
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
