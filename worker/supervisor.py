"""Supervises one run: claim, start the training child, renew the lease, pass on stops, say how it ended.

Called by the Celery task (worker.celery_app). Light: never imports torch. The child lives in a process group of its
own and writes its own log file; this side alone turns its exit code into a status.
"""

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from core import logs
from core.config import RunConfig
from core.errors import Fenced, ShowdownError, StoreUnavailable
from core.launch import packages_used
from core.settings import settings
from core.store import claims, records
from core.store.claims import Claim
from core.store.states import Status
from worker import gpus, stall
from worker.children import GUARDED, OUT_OF_MEMORY, STOPPED, Children, start_new
from worker.imports import EXTRAS
from worker.journal import Journal, patiently, take_over
from worker.memory import advice, fitted, smaller
from worker.pulse import Pulse, last_words
from worker.warm import WarmStart

POLL_SECONDS = 0.5
WARM_SECONDS = 120.0  # for the training stack to be imported; a training of its own would take as long for it
# glibc gives big freed tensors back to the system and faults them in again: a third of a CPU step. Ignored elsewhere.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}
# OpenMP threads that wait by spinning starve each other when two trainings share the cores: on two cores a step took
# 2.6 s beside another training, and 1.4 s with this bound; alone it takes 0.6 s either way (docs/tiny-model.md).
WAIT_BRIEFLY = {"GOMP_SPINCOUNT": "1000"}
SAY_MORE = {"PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}  # a child that dies of a signal writes its stacks first
CHILD_ENV = {**KEEP_MEMORY, **WAIT_BRIEFLY, **SAY_MORE, "TOKENIZERS_PARALLELISM": "false"}

SHUTDOWN = threading.Event()  # set when this worker is asked to end: every run goes to its checkpoint and back to the queue
WARM = WarmStart()
log = logging.getLogger("showdown.supervisor")


def supervise(owner: str) -> Status | None:
    """Train the run that has waited longest to its end. Returns the state it was left in, None when none waited.

    A worker that is ending takes none: a message that it had fetched already would have it start the run that it has just
    given back, only to give it back again, an attempt later.
    """
    if SHUTDOWN.is_set():
        log.info("no run taken: this worker is ending")
        return None
    try:
        claim = patiently(lambda: claims.claim_next(owner, settings().lease_seconds, gpus.uuids()), SHUTDOWN.is_set)
    except StoreUnavailable as error:
        log.warning("no run taken: %s", error)
        return None
    if claim is None:
        log.info("no run waits for this machine")
        return None
    return train_claimed(claim)


def warm_up() -> None:
    """Have the training stack imported for the trainings to come, in the background. Costs nothing once it is."""
    if settings().warm:
        WARM.prepare(_environment(1))


def train_claimed(claim: Claim, warm: bool = True) -> Status | None:
    """Train a claimed run to its end. None when another worker took it away, or this one ended with the database away.

    `warm` is for a process that trains several runs; the setting of that name turns it off.
    """
    run_id, attempt, folder = claim.run_id, claim.attempt, settings().run_folder(claim.run_id)
    log.info("run %d: attempt %d", run_id, attempt)
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            take_over(folder, attempt)
            code, watched = _child(claim, folder, warm)
            while code == OUT_OF_MEMORY and (said := smaller(claim.config, folder)):
                log.warning("run %d: %s", run_id, said)
                event = partial(records.write_event, run_id, attempt, "smaller batch", said)
                patiently(event, _no_patience())
                code, watched = _child(claim, folder, warm)
        except OSError as error:
            return _finish(claim, Status.FAILED, type(error).__name__, f"the training could not be started: {error}")
        return _conclude(claim, code, watched, folder)
    except Fenced as error:
        log.warning("%s; its training is ended", error)
    except StoreUnavailable as error:
        log.warning("run %d: its end could not be said, the reaper will find it: %s", run_id, error)
    except Exception as error:  # a bug here: said on the run, or the reaper would have it tried for ever
        log.exception("run %d", run_id)
        return _finish(claim, Status.FAILED, type(error).__name__, f"its worker failed: {type(error).__name__}: {error}")
    return None


def _no_patience() -> Callable[[], bool]:
    """True once this worker is asked to end and the grace time is over: until then the database may come back."""
    until: list[float] = []

    def over() -> bool:
        if SHUTDOWN.is_set() and not until:
            until.append(time.monotonic() + settings().stop_grace_seconds)
        return bool(until) and time.monotonic() > until[0]

    return over


def _child(claim: Claim, folder: Path, warm: bool) -> tuple[int, "Watched"]:
    """One training from its start to its end, in as many processes as it wants."""
    (folder / "error.json").unlink(missing_ok=True)
    warm = warm and settings().warm and _can_be_forked(claim.config)
    if warm:
        _wait_for_imports(claim, folder)
    child = _start(claim, folder, warm)
    try:
        code, watched = _watch(claim, child, folder / "train.log")
    except Fenced:
        child.end(0.0)  # another attempt may have its GPU already, and no checkpoint of this one counts any more
        raise
    finally:
        child.end(settings().stop_grace_seconds)
    return code, watched


def _can_be_forked(config: RunConfig) -> bool:
    """It needs none of the extras that a forkserver hides."""
    return EXTRAS.isdisjoint(package for _, package, _ in packages_used(config))


def _wait_for_imports(claim: Claim, folder: Path) -> None:
    """Until trainings can be forked, or nobody wants this one any more. A training of its own would import for as long."""
    warm_up()
    pulse, deadline = Pulse(claim, folder / "train.log"), time.monotonic() + WARM_SECONDS
    while not WARM.settled(POLL_SECONDS) and not SHUTDOWN.is_set() and time.monotonic() < deadline:
        try:
            if pulse.beat():
                return
        except StoreUnavailable as error:
            log.warning("run %d: lease not renewed: %s", claim.run_id, error)


def _start(claim: Claim, folder: Path, warm: bool) -> Children:
    log_file, n = folder / "train.log", claim.config.grpo.num_processes
    with log_file.open("a", encoding="utf-8") as file:
        file.write(logs.attempt_line(claim.attempt))
    command = [sys.executable, "-m", "worker.train", str(claim.run_id), str(claim.attempt)]
    environment = {**_environment(n), **gpus.environment(claim.gpus)}
    return Children(command, n, environment, log_file, WARM if warm else start_new)


def _environment(processes: int) -> dict[str, str]:
    return {**CHILD_ENV, **_cores(processes), **os.environ}


def _cores(processes: int) -> dict[str, str]:
    """Trainings that run side by side on one machine share its cores evenly. The number for a run's first attempt: those after
    it compute with the number that was recorded then (worker.environment.set_threads)."""
    at_once = gpus.slots() * processes
    return {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // at_once))} if at_once > 1 else {}


@dataclass(frozen=True)
class Watched:
    """What was done to a child while it lived."""

    stop_asked: bool
    killed: bool
    hung: bool = False


def _watch(claim: Claim, child: Children, train_log: Path) -> tuple[int, Watched]:
    """Until the child ends: renew the lease, pass a stop on once, kill after the grace time and where it hangs.

    Its exit code, and what was done to it.
    """
    stop_asked, killed, hung, told_at = False, False, False, None
    pulse, signs = Pulse(claim, train_log), stall.Signs(train_log)
    while (code := child.poll()) is None:
        try:
            stop_asked = pulse.beat() or stop_asked
        except StoreUnavailable as error:
            log.warning("run %d: lease not renewed: %s", claim.run_id, error)
        if (stop_asked or SHUTDOWN.is_set()) and told_at is None:
            told_at = time.monotonic()
            child.terminate()
        if told_at is not None and time.monotonic() - told_at > settings().stop_grace_seconds:
            log.warning("run %d: no checkpoint within the grace time, killed", claim.run_id)
            child.kill()
            killed = True
        elif told_at is None and signs.missing():
            log.warning("run %d: it hangs, killed", claim.run_id)
            stall.end(child.ranks)
            hung = True
        child.wait(POLL_SECONDS)
    return code, Watched(stop_asked, killed, hung)


def _conclude(claim: Claim, code: int, watched: Watched, folder: Path) -> Status:
    """Send what the child kept, then exit code to status, said once. A crash is a failure, even after a stop was asked."""
    run_id, attempt, give_up = claim.run_id, claim.attempt, _no_patience()
    journal = Journal(folder, run_id, attempt)
    try:
        patiently(journal.flush, give_up)
    except ShowdownError:
        raise
    except Exception as error:
        log.exception("run %d: its journal cannot be sent", run_id)
        message = f"the steps kept in {journal.path} cannot be stored: {type(error).__name__}: {error}"
        return _finish(claim, Status.FAILED, type(error).__name__, message)
    if code == 0:
        return _finish(claim, Status.DONE)
    if watched.hung:
        return _finish(claim, Status.FAILED, "Hung", stall.why(folder / "train.log"))
    if code == GUARDED:
        return _finish(claim, Status.STOPPED, message=_why(code, folder, claim)[1])
    if code in (STOPPED, -signal.SIGTERM) or watched.killed:
        if watched.stop_asked:
            late = "killed: it wrote no checkpoint within the grace time" if watched.killed else None
            return _finish(claim, Status.STOPPED, message=late)
        why = "its worker shut down" if SHUTDOWN.is_set() else "its training was told to end"
        patiently(lambda: claims.release(run_id, attempt, why, last_words(folder / "train.log")), give_up)
        return Status.QUEUED
    kind, message = _why(code, folder, claim)
    log.warning("run %d failed: %s", run_id, message)
    return _finish(claim, Status.FAILED, kind, message)


def _finish(claim: Claim, to: Status, kind: str | None = None, message: str | None = None) -> Status:
    said = last_words(settings().run_folder(claim.run_id) / "train.log")
    patiently(lambda: claims.finish(claim.run_id, claim.attempt, to, kind, message, said), _no_patience())
    return to


def _why(code: int, folder: Path, claim: Claim) -> tuple[str, str]:
    if code < 0:  # whatever the other ranks then said is about their lost partner
        name = signal.Signals(-code).name
        hint = ""
        if name == "SIGKILL":
            step = advice(fitted(claim.config, folder).grpo)
            hint = f"; the system kills the largest process when memory runs out. If that was it: {step}"
        return name, f"the training was ended by signal {name}{hint}"
    try:
        error = json.loads((folder / "error.json").read_text(encoding="utf-8"))
        return error["kind"], error["message"]
    except (OSError, ValueError, KeyError):
        return "ExitCode", f"the training ended with code {code} and said no reason; see the log"
