"""Supervises one run: claims it, starts its training, renews the lease, passes on stops, sets its status.

Light: never imports torch. The child lives in its own process group and writes its own log file; only this
side turns its exit code into a status.
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

from core.common import logs
from core.common.errors import Fenced, ShowdownError, StoreUnavailable
from core.common.settings import settings
from core.config.local_checks import packages_used
from core.config.run import RunConfig
from core.store.runs import claims
from core.store.runs.claims import Claim
from core.store.status import Status
from core.store.steps import records
from worker.common import gpus
from worker.common.exit_codes import GUARDED, OUT_OF_MEMORY, STOPPED
from worker.common.imports import EXTRAS
from worker.common.out_of_memory import advice, fitted, smaller
from worker.state.journal import Journal, patiently, take_over
from worker.supervise import watchdog
from worker.supervise.heartbeat import Pulse, last_words
from worker.supervise.process_group import Children, start_new
from worker.supervise.warm import WarmStart

POLL_SECONDS = 0.5
WARM_SECONDS = 120.0  # for importing the training stack; a new process would take as long
# glibc returns big freed tensors to the system and faults them in again, which takes a third of a CPU step.
# Ignored without glibc.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}
# OpenMP threads that wait by spinning starve each other when two trainings share the cores: on two cores,
# next to another training, a step took 2.6 s, and 1.4 s with this bound; alone it takes 0.6 s either way
# (docs/tiny-model.md).
WAIT_BRIEFLY = {"GOMP_SPINCOUNT": "1000"}
# a child that dies of a signal writes its stacks first
SAY_MORE = {"PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}
CHILD_ENV = {**KEEP_MEMORY, **WAIT_BRIEFLY, **SAY_MORE, "TOKENIZERS_PARALLELISM": "false"}

# set when this worker is asked to end: every run writes a checkpoint and goes back to the queue
SHUTDOWN = threading.Event()
WARM = WarmStart()
log = logging.getLogger("showdown.supervisor")


def supervise(owner: str) -> Status | None:
    """Train the run that has waited longest to its end; returns its final status, None when none waited.

    A worker that is ending takes no run. Otherwise a message fetched earlier would make it start the run that
    it has just given back, only to give it back again, an attempt later.
    """
    if SHUTDOWN.is_set():
        log.info("no run taken: this worker is ending")
        return None
    try:
        claim = patiently(
            lambda: claims.claim_next(owner, settings().lease_seconds, gpus.uuids()), SHUTDOWN.is_set
        )
    except StoreUnavailable as error:
        log.warning("no run taken: %s", error)
        return None
    if claim is None:
        log.info("no run waits for this machine")
        return None
    return train_claimed(claim)


def warm_up() -> None:
    """Import the training stack in the background for later trainings; costs nothing once that is done."""
    if settings().warm:
        WARM.prepare(_environment(1))


def train_claimed(claim: Claim, warm: bool = True) -> Status | None:
    """Train a claimed run to its end and return its final status.

    Returns None when another worker has taken the run over, or this one ended while the database was away.
    `warm` is for a process that trains several runs; the setting of that name turns it off.
    """
    run_id = claim.run_id
    attempt = claim.attempt
    folder = settings().run_folder(claim.run_id)
    log.info("run %d: attempt %d", run_id, attempt)
    try:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            take_over(folder, attempt)
            code, watched = _child(claim, folder, warm)
            while code == OUT_OF_MEMORY and (message := smaller(claim.config, folder)):
                log.warning("run %d: %s", run_id, message)
                event = partial(records.write_event, run_id, attempt, "smaller batch", message)
                patiently(event, _no_patience())
                code, watched = _child(claim, folder, warm)
        except OSError as error:
            return _finish(
                claim, Status.FAILED, type(error).__name__, f"the training could not be started: {error}"
            )
        return _conclude(claim, code, watched, folder)
    except Fenced as error:
        log.warning("%s; its training is ended", error)
    except StoreUnavailable as error:
        log.warning("run %d: its end could not be said, the reaper will find it: %s", run_id, error)
    except Exception as error:  # a bug here: recorded on the run, or the reaper would retry it for ever
        log.exception("run %d", run_id)
        return _finish(
            claim, Status.FAILED, type(error).__name__, f"its worker failed: {type(error).__name__}: {error}"
        )
    return None


def _no_patience() -> Callable[[], bool]:
    """A function that is true once this worker must end and the grace time is over.

    Until then the database may come back.
    """
    until: list[float] = []

    def over() -> bool:
        if SHUTDOWN.is_set() and not until:
            until.append(time.monotonic() + settings().stop_grace_seconds)
        return bool(until) and time.monotonic() > until[0]

    return over


def _child(claim: Claim, folder: Path, warm: bool) -> tuple[int, "Watched"]:
    """Run one training from start to end, in as many processes as its config sets."""
    (folder / "error.json").unlink(missing_ok=True)
    warm = warm and settings().warm and _can_be_forked(claim.config)
    if warm:
        _wait_for_imports(claim, folder)
    child = _start(claim, folder, warm)
    try:
        code, watched = _watch(claim, child, folder / "train.log")
    except Fenced:
        # another attempt may have its GPU already, and no checkpoint of this one counts any more
        child.end(0.0)
        raise
    finally:
        child.end(settings().stop_grace_seconds)
    return code, watched


def _can_be_forked(config: RunConfig) -> bool:
    """Whether the run needs none of the extras that a forkserver hides."""
    return EXTRAS.isdisjoint(package for _, package, _ in packages_used(config))


def _wait_for_imports(claim: Claim, folder: Path) -> None:
    """Wait until trainings can be forked, or this one is to stop; a new process would import for as long."""
    warm_up()
    pulse = Pulse(claim, folder / "train.log")
    deadline = time.monotonic() + WARM_SECONDS
    while not WARM.settled(POLL_SECONDS) and not SHUTDOWN.is_set() and time.monotonic() < deadline:
        try:
            if pulse.beat():
                return
        except StoreUnavailable as error:
            log.warning("run %d: lease not renewed: %s", claim.run_id, error)


def _start(claim: Claim, folder: Path, warm: bool) -> Children:
    log_file = folder / "train.log"
    n = claim.config.grpo.num_processes
    with log_file.open("a", encoding="utf-8") as file:
        file.write(logs.attempt_line(claim.attempt))
    command = [sys.executable, "-m", "worker.training.train", str(claim.run_id), str(claim.attempt)]
    environment = {**_environment(n), **gpus.environment(claim.gpus)}
    return Children(command, n, environment, log_file, WARM if warm else start_new)


def _environment(processes: int) -> dict[str, str]:
    return {**CHILD_ENV, **_cores(processes), **os.environ}


def _cores(processes: int) -> dict[str, str]:
    """OMP_NUM_THREADS, so that trainings side by side on one machine share its cores evenly.

    The number for a run's first attempt: later attempts compute with the number recorded then
    (worker.training.provenance.set_threads).
    """
    at_once = gpus.slots() * processes
    return {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // at_once))} if at_once > 1 else {}


@dataclass(frozen=True)
class Watched:
    """What was done to a child while it ran: a stop was requested, or it was killed, or it hung."""

    stop_asked: bool
    killed: bool
    hung: bool = False


def _watch(claim: Claim, child: Children, train_log: Path) -> tuple[int, Watched]:
    """Watch a child until it ends; returns its exit code and what was done to it.

    Renews the lease, passes a stop on once, and kills the child after the grace time or when it hangs.
    """
    stop_asked = False
    killed = False
    hung = False
    told_at = None
    pulse = Pulse(claim, train_log)
    signs = watchdog.Signs(train_log)
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
            watchdog.end(child.ranks)
            hung = True
        child.wait(POLL_SECONDS)
    return code, Watched(stop_asked, killed, hung)


def _conclude(claim: Claim, code: int, watched: Watched, folder: Path) -> Status:
    """Flush the child's journal, then set the final status from its exit code, exactly once.

    A crash is a failure, even after a stop was requested.
    """
    run_id = claim.run_id
    attempt = claim.attempt
    give_up = _no_patience()
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
        return _finish(claim, Status.FAILED, "Hung", watchdog.why(folder / "train.log"))
    if code == GUARDED:
        return _finish(claim, Status.STOPPED, message=_why(code, folder, claim)[1])
    if code in (STOPPED, -signal.SIGTERM) or watched.killed:
        if watched.stop_asked:
            late = "killed: it wrote no checkpoint within the grace time" if watched.killed else None
            return _finish(claim, Status.STOPPED, message=late)
        reason = "its worker shut down" if SHUTDOWN.is_set() else "its training was told to end"
        patiently(lambda: claims.release(run_id, attempt, reason, last_words(folder / "train.log")), give_up)
        return Status.QUEUED
    kind, message = _why(code, folder, claim)
    log.warning("run %d failed: %s", run_id, message)
    return _finish(claim, Status.FAILED, kind, message)


def _finish(claim: Claim, to: Status, kind: str | None = None, message: str | None = None) -> Status:
    log_end = last_words(settings().run_folder(claim.run_id) / "train.log")
    patiently(lambda: claims.finish(claim.run_id, claim.attempt, to, kind, message, log_end), _no_patience())
    return to


def _why(code: int, folder: Path, claim: Claim) -> tuple[str, str]:
    if code < 0:  # what the other ranks then reported is about their lost partner
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
