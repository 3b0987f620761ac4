"""`showdown run`: train one run here, in the terminal, into the same database; no broker, no dashboard. Called by cli.main.

The run is trained by worker.supervisor, as a worker would. This side draws what the database says and turns Ctrl-C into a
stop request. Exit codes: 0 done, 1 failed, 130 stopped.
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
from cli.up import open_store
from core import presets
from core.config import RunConfig
from core.errors import ShowdownError, StoreUnavailable
from core.experiment import ExperimentConfig
from core.launch import settled
from core.lint import cannot_act
from core.revision import revision
from core.settings import settings
from core.silence import Silence
from core.store import claims, queries, runs
from core.store.claims import Claim
from core.store.states import Status
from core.yaml_files import mix_of
from worker import gpus, shared, supervisor

LOOK_SECONDS = 0.5
CODES = {Status.DONE: 0, Status.STOPPED: 130}
OWNER = f"{socket.gethostname()}-{os.getpid()}"
METRICS = ("reward/total", "eval/accuracy", "speed/generated_tokens_per_second")


def _asked(config: Path, arm: str | None) -> RunConfig:
    """The run of a file or preset; of an experiment, the run of one arm with its first seed.

    Whoever names a file on this command line may read all that it names, so the training may too. A run of the database
    (--resume) may have been written by somebody else: there the data roots decide.
    """
    os.environ["SHOWDOWN_DATA_ROOTS"] = "/"
    settings.cache_clear()
    made = settled(presets.named_or_file(config))
    found = mix_of(made, arm, str(config))[1] if isinstance(made, ExperimentConfig) else made
    for place, message in cannot_act(found.mix, found.grpo):
        click.echo(f"showdown: {place}: {message}", err=True)
    return found


def _claim(run_id: int) -> Claim:
    claim = claims.claim(run_id, OWNER, settings().lease_seconds, gpus.uuids())
    if claim is None:
        row = queries.run_detail(run_id).row
        why = row.error_message if row.status == Status.FAILED else f"it is {row.status}, with {row.worker}"
        if row.status == Status.QUEUED:
            why = f"it wants {row.num_processes} free GPUs, and other runs have them"
        raise ShowdownError(f"run {run_id} cannot be trained here: {why}")
    return claim


def _reap_if_left(run_id: int, worker: str | None) -> None:
    """Put a claimed run back that nobody holds any more: as patient as the reaper, and done once the lease is renewed."""
    silence, said = Silence(2 * LOOK_SECONDS), False
    while found := [x for x in claims.leases() if x.run_id == run_id]:
        silent = silence.look(found)[found[0]]
        if silent >= settings().lease_seconds:
            claims.reap(found[0])
            return
        if said and silent == 0.0:
            return
        if not said:
            most = settings().lease_seconds
            click.echo(f"run {run_id} is held by {worker}; looking for up to {most:.0f} s whether that still lives", err=True)
        said = True
        time.sleep(LOOK_SECONDS)


def _take_up(run_id: int) -> None:
    """Bring a run that has not been trained to its end back to the queue, from where it is claimed at once."""
    row = queries.run_detail(run_id).row
    if row.status.claimed:  # its terminal may have been closed or killed
        _reap_if_left(run_id, row.worker)
        row = queries.run_detail(run_id).row
    if row.status == Status.DONE:
        raise ShowdownError(f"run {run_id} is done, at step {row.step} of {row.max_steps}; nothing is left to train")
    if row.status.claimed:
        raise ShowdownError(f"run {run_id} is {row.status}, with {row.worker}")
    if row.status != Status.QUEUED:
        runs.requeue(run_id, operator())


class Training(threading.Thread):
    """Supervises in a thread, so that signals and drawing have the main one."""

    def __init__(self, claim: Claim) -> None:
        super().__init__(name="supervisor")
        self.claim = claim
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            supervisor.train_claimed(self.claim, warm=False)  # one training: nothing would be saved
        except BaseException as error:
            self.error = error


@contextmanager
def _asked_to_stop() -> Iterator[threading.Event]:
    """Set by Ctrl-C, by SIGTERM, and by a terminal that is closed."""
    asked = threading.Event()

    def ask(_number: int, _frame: FrameType | None) -> None:
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _follow(training: Training, shown: Any, asked: threading.Event) -> None:
    """Draw until the training ends; pass a stop on once."""
    run_id, pace, told, away = training.claim.run_id, Pace(), False, False
    while training.is_alive():
        training.join(LOOK_SECONDS)
        try:
            if asked.is_set() and not told:
                runs.request_stop(run_id, operator())
                told = True
                shown.say("stopping at the next step, with a checkpoint ...")
            row = queries.run_detail(run_id).row
            found = queries.newest(run_id, METRICS)
            away = False
        except StoreUnavailable as error:
            if not away:
                shown.say(f"{error}; the training goes on and is shown when it does")
            away = True
            if asked.is_set():  # the stop cannot be written down: end as a worker does, the run stays in the queue
                supervisor.SHUTDOWN.set()
            continue
        reward, accuracy, speed = (found.get(m) for m in METRICS)
        shown.show(Seen(row.status, row.step, row.max_steps, reward, accuracy, speed, pace.left(row, time.monotonic())))


def train_here(run_id: int, claim: Claim) -> int:
    """Train a claimed run to its end, drawing; returns the exit code."""
    logging.getLogger("showdown").addHandler(logging.NullHandler())  # what it warns of is said below, from the database
    training = Training(claim)
    with _asked_to_stop() as asked, display(f"run {run_id} {claim.config.name}") as shown:
        training.start()
        try:
            _follow(training, shown, asked)
        except BaseException:  # nothing may train on where nobody sees it or can stop it
            supervisor.SHUTDOWN.set()
            training.join()
            raise
    if training.error is not None:
        raise training.error
    return CODES.get(queries.run_detail(run_id).row.status, 130 if asked.is_set() else 1)


def _conclusion(run_id: int) -> str:
    row = queries.run_detail(run_id).row
    again = f"showdown run --resume {run_id}"
    if row.status == Status.DONE:
        gained = "" if row.accuracy is None else f", gold accuracy {row.accuracy:.1%}"
        return f"run {run_id} is done: {row.step} steps{gained}"
    why = f" ({row.error_message})" if row.error_message else ""
    if row.status == Status.STOPPED and row.checkpoint_step is not None:
        return f"run {run_id} is stopped at step {row.step} of {row.max_steps}{why}, with a checkpoint; go on: {again}"
    if row.status == Status.STOPPED:
        return f"run {run_id} is stopped before its first checkpoint{why}; begin again: {again}"
    if row.status == Status.FAILED:
        log = settings().run_folder(run_id) / "train.log"
        return f"run {run_id} failed ({row.error_kind}): {row.error_message}\nlog: {log}"
    return f"run {run_id} is {row.status} and trains here no more; go on: {again}"


@click.command("run")
@click.argument("config", type=click.Path(path_type=Path), required=False)
@click.option("--resume", type=int, metavar="RUN", help="Go on with a stopped, failed or waiting run from its checkpoint.")
@click.option("--arm", help="Which arm, where the file holds an experiment; with its first seed.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def run_command(ctx: click.Context, config: Path | None, resume: int | None, arm: str | None, as_json: bool) -> None:
    """Train a run here: a YAML file, a preset's name, or --resume RUN. No broker, no dashboard; the same database.

    Ctrl-C stops at the next step, with a checkpoint. Ends with 0 done, 1 failed, 130 stopped.
    """
    if (config is None) == (resume is None):
        raise click.UsageError("give either CONFIG or --resume RUN")
    made = None if config is None else _asked(config, arm)
    open_store()
    shared.check()
    if made is not None:
        claim = claims.create_claimed(made, OWNER, settings().lease_seconds, gpus.uuids(), revision())
    else:
        assert resume is not None
        _take_up(resume)
        claim = _claim(resume)
    run_id = claim.run_id
    code = train_here(run_id, claim)
    row = queries.run_detail(run_id).row
    if as_json:
        found = {"run": run_id, "status": row.status, "step": row.step, "accuracy": row.accuracy, "error": row.error_message}
        click.echo(json.dumps(found))
    elif code == 1:
        click.echo(f"showdown: {_conclusion(run_id)}", err=True)
    else:
        click.echo(_conclusion(run_id))
    sys.stdout.flush()
    ctx.exit(code)
