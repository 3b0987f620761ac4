"""`showdown run`: trains one run here, in the terminal, into the same database; no broker, no dashboard.

worker.supervise.supervisor trains the run, as it does in a worker. This side draws what the database says and
turns Ctrl-C into a stop request. Exit codes: 0 done, 1 failed, 130 stopped.
"""

import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import click

from cli.operator import operator
from cli.progress import Pace, Seen, display
from cli.server.up import open_store
from core.common.errors import ShowdownError, StoreUnavailable
from core.common.revision import revision
from core.common.settings import settings
from core.config import presets
from core.config.experiment import ExperimentConfig
from core.config.lint import cannot_act
from core.config.local_checks import settled
from core.config.run import RunConfig
from core.config.yaml_read import mix_of
from core.store.lease_watch import Silence
from core.store.runs import claims, lifecycle, queries
from core.store.runs.claims import Claim
from core.store.status import Status
from worker.common import gpus
from worker.state import remote
from worker.supervise import supervisor

LOOK_SECONDS = 0.5
CODES = {Status.DONE: 0, Status.STOPPED: 130}
OWNER = f"{socket.gethostname()}-{os.getpid()}"
METRICS = ("reward/total", "eval/accuracy", "speed/generated_tokens_per_second")


def _asked(config: Path, arm: str | None) -> RunConfig:
    """Load the run of a file or preset; for an experiment, the run of one arm with its first seed.

    Whoever names a file on this command line may read all that it names, so the training may too. A run of
    the database (--resume) may have been written by somebody else: there the data roots decide.
    """
    os.environ["SHOWDOWN_DATA_ROOTS"] = "/"
    settings.cache_clear()
    plan = settled(presets.named_or_file(config))
    run = mix_of(plan, arm, str(config))[1] if isinstance(plan, ExperimentConfig) else plan
    for place, message in cannot_act(run.mix, run.grpo):
        click.echo(f"showdown: {place}: {message}", err=True)
    return run


def _claim(run_id: int) -> Claim:
    claim = claims.claim(run_id, OWNER, settings().lease_seconds, gpus.uuids())
    if claim is None:
        row = queries.run_detail(run_id).row
        reason = (
            row.error_message if row.status == Status.FAILED else f"it is {row.status}, with {row.worker}"
        )
        if row.status == Status.QUEUED:
            reason = f"it wants {row.num_processes} free GPUs, and other runs have them"
        raise ShowdownError(f"run {run_id} cannot be trained here: {reason}")
    return claim


def _reap_if_left(run_id: int, worker: str | None) -> None:
    """Put a claimed run back in the queue when nobody holds it any more.

    As patient as the reaper; returns as soon as the lease is renewed.
    """
    silence = Silence(2 * LOOK_SECONDS)
    announced = False
    while leases := [lease for lease in claims.leases() if lease.run_id == run_id]:
        silent = silence.look(leases)[leases[0]]
        if silent >= settings().lease_seconds:
            claims.reap(leases[0])
            return
        if announced and silent == 0.0:
            return
        if not announced:
            patience = settings().lease_seconds
            click.echo(
                f"run {run_id} is held by {worker}; "
                f"looking for up to {patience:.0f} s whether that still lives",
                err=True,
            )
        announced = True
        time.sleep(LOOK_SECONDS)


def _take_up(run_id: int) -> None:
    """Put a run that has not been trained to its end back in the queue, to be claimed at once."""
    row = queries.run_detail(run_id).row
    if row.status.claimed:  # its terminal may have been closed or killed
        _reap_if_left(run_id, row.worker)
        row = queries.run_detail(run_id).row
    if row.status == Status.DONE:
        raise ShowdownError(
            f"run {run_id} is done, at step {row.step} of {row.max_steps}; nothing is left to train"
        )
    if row.status.claimed:
        raise ShowdownError(f"run {run_id} is {row.status}, with {row.worker}")
    if row.status != Status.QUEUED:
        lifecycle.requeue(run_id, operator())


class Training(threading.Thread):
    """Supervises in a thread of its own, so that signals and drawing have the main one."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(name="supervisor")
        self.claim = claim
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            # a single training: a warm process would save nothing
            supervisor.train_claimed(self.claim, warm=False)
        except BaseException as error:
            self.error = error


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C, SIGTERM and the closing of the terminal set."""
    stop_event = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop_event.set()

    previous_handlers = {
        number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield stop_event
    finally:
        for number, handler in previous_handlers.items():
            signal.signal(number, handler)


def _follow(training: Training, shown: Any, asked: threading.Event) -> None:
    """Draw until the training ends; pass a request to stop on, once."""
    run_id = training.claim.run_id
    pace = Pace()
    stop_sent = False
    store_away = False
    while training.is_alive():
        training.join(LOOK_SECONDS)
        try:
            if asked.is_set() and not stop_sent:
                lifecycle.request_stop(run_id, operator())
                stop_sent = True
                shown.say("stopping at the next step, with a checkpoint ...")
            row = queries.run_detail(run_id).row
            newest = queries.newest(run_id, METRICS)
            store_away = False
        except StoreUnavailable as error:
            if not store_away:
                shown.say(f"{error}; the training goes on and is shown when it does")
            store_away = True
            # the request cannot be stored: end as a worker does, so that the run stays in the queue
            if asked.is_set():
                supervisor.SHUTDOWN.set()
            continue
        reward, accuracy, speed = (newest.get(m) for m in METRICS)
        shown.show(
            Seen(
                row.status, row.step, row.max_steps, reward, accuracy, speed, pace.left(row, time.monotonic())
            )
        )


def train_here(run_id: int, claim: Claim) -> int:
    """Train a claimed run to its end and draw its progress; returns the exit code."""
    # its warnings are shown below, from the database
    logging.getLogger("showdown").addHandler(logging.NullHandler())
    training = Training(claim)
    with _asked_to_stop() as stop_event, display(f"run {run_id} {claim.config.name}") as view:
        training.start()
        try:
            _follow(training, view, stop_event)
        except BaseException:  # nothing may train on where nobody sees it or can stop it
            supervisor.SHUTDOWN.set()
            training.join()
            raise
    if training.error is not None:
        raise training.error
    return CODES.get(queries.run_detail(run_id).row.status, 130 if stop_event.is_set() else 1)


def _conclusion(run_id: int) -> str:
    row = queries.run_detail(run_id).row
    resume_command = f"showdown run --resume {run_id}"
    if row.status == Status.DONE:
        accuracy = "" if row.accuracy is None else f", gold accuracy {row.accuracy:.1%}"
        return f"run {run_id} is done: {row.step} steps{accuracy}"
    reason = f" ({row.error_message})" if row.error_message else ""
    if row.status == Status.STOPPED and row.checkpoint_step is not None:
        return (
            f"run {run_id} is stopped at step {row.step} of {row.max_steps}{reason}, "
            f"with a checkpoint; go on: {resume_command}"
        )
    if row.status == Status.STOPPED:
        return f"run {run_id} is stopped before its first checkpoint{reason}; begin again: {resume_command}"
    if row.status == Status.FAILED:
        log = settings().run_folder(run_id) / "train.log"
        return f"run {run_id} failed ({row.error_kind}): {row.error_message}\nlog: {log}"
    return f"run {run_id} is {row.status} and trains here no more; go on: {resume_command}"


@click.command("run")
@click.argument("config", type=click.Path(path_type=Path), required=False)
@click.option(
    "--resume",
    type=int,
    metavar="RUN",
    help="Go on with a stopped, failed or waiting run from its checkpoint.",
)
@click.option("--arm", help="Which arm, where the file holds an experiment; with its first seed.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def run_command(
    ctx: click.Context, config: Path | None, resume: int | None, arm: str | None, as_json: bool
) -> None:
    """Train a run here: a YAML file, a preset's name, or --resume RUN. No broker, no dashboard; the same
    database.

    Ctrl-C stops at the next step, with a checkpoint. Ends with 0 done, 1 failed, 130 stopped.
    """
    if (config is None) == (resume is None):
        raise click.UsageError("give either CONFIG or --resume RUN")
    run_config = None if config is None else _asked(config, arm)
    open_store()
    remote.check()
    if run_config is not None:
        claim = claims.create_claimed(run_config, OWNER, settings().lease_seconds, gpus.uuids(), revision())
    else:
        assert resume is not None
        _take_up(resume)
        claim = _claim(resume)
    run_id = claim.run_id
    code = train_here(run_id, claim)
    row = queries.run_detail(run_id).row
    if as_json:
        result = {
            "run": run_id,
            "status": row.status,
            "step": row.step,
            "accuracy": row.accuracy,
            "error": row.error_message,
        }
        click.echo(json.dumps(result))
    elif code == 1:
        click.echo(f"showdown: {_conclusion(run_id)}", err=True)
    else:
        click.echo(_conclusion(run_id))
    sys.stdout.flush()
    ctx.exit(code)
