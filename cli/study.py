"""`showdown study run`: queues an experiment whose primary outcome is fixed, waits, and writes its report.

A study is an experiment's file that names `primary`. The same file finds the experiment that it queued
before, so that an interrupted study goes on; a changed file is another study. Where no Showdown runs on
the data directory, this starts the broker and the worker itself and ends them with it.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from cli.operator import operator
from cli.report import write
from cli.runs.manage import wake
from cli.server import up
from cli.server.processes import Group
from core.common.errors import ConfigError, SetupError, StoreUnavailable
from core.common.revision import revision
from core.common.settings import settings
from core.config.experiment import ExperimentConfig
from core.config.local_checks import settled
from core.config.yaml_read import load
from core.metrics import count
from core.store import workers
from core.store.runs import lifecycle, queries
from core.store.runs.queries import RunRow
from core.store.status import Status

# workers are gone when none was heard of within SILENT_SECONDS, at SILENT_LOOKS looks in a row
SILENT_SECONDS = 30.0
SILENT_LOOKS = 20
LOOK_SECONDS = 1.0
INTERRUPTED = 130
MOST_RUNS = 10_000
Say = Callable[[str], None]


def read(path: Path) -> ExperimentConfig:
    """The study in a file; ConfigError where it holds none."""
    config = load(path)
    if not isinstance(config, ExperimentConfig):
        raise ConfigError([(str(path), "holds a run; a study is an experiment: give it arms and seeds")])
    if not config.primary:
        raise ConfigError(
            [
                (
                    "primary",
                    f"{path} names no primary outcome; fix it before the runs, e.g. primary: [gold/auc]",
                )
            ]
        )
    return settled(config)


def _queued(config: ExperimentConfig, path: Path, say: Say) -> int:
    """Id of the study's experiment: the one it was queued as before, else a new one."""
    existing_id = lifecycle.experiment_of(config)
    if existing_id is not None:
        say(f"{path} is experiment {existing_id} already: it goes on")
        return existing_id
    experiment_id, run_ids = lifecycle.create_experiment(config, revision(), operator())
    sizes = f"{count(len(config.arms), 'arm')}, {count(len(config.seeds), 'seed')}"
    say(f"queued experiment {experiment_id}: {count(len(run_ids), 'run')} ({sizes})")
    return experiment_id


@contextmanager
def _hands(say: Say) -> Iterator[Group]:
    """Provide workers: those of the Showdown on this data directory, or a broker and a worker of our own."""
    group = Group(settings().home / "logs")
    try:
        with up.only_instance():
            try:
                up.start_broker(group, say, vital=True)
                up.start_worker(group, vital=True)
                yield group
            finally:
                if any(p.popen for p in group.processes):
                    say("ending the worker: running trainings write a checkpoint at their next step ...")
                group.end()
    except SetupError:
        if group.processes:
            raise
        say("the Showdown that runs on this data directory trains the runs")
        yield group


def _runs(experiment_id: int) -> list[RunRow]:
    """All runs of the experiment: one left out would be neither waited for nor counted."""
    return queries.run_list(experiment_id, limit=MOST_RUNS)


@dataclass
class Watch:
    """Announces the end of runs, each once; `said`: ids of those announced so far."""

    said: set[int]

    def look(self, rows: list[RunRow], say: Say) -> int:
        """Announce the runs that have ended since the last look; return how many have not ended."""
        finished = [r for r in rows if r.status.finished]
        for row in sorted(
            (r for r in finished if r.id not in self.said), key=lambda r: (r.finished_at or 0.0, r.id)
        ):
            self.said.add(row.id)
            say(f"[{len(self.said)}/{len(rows)}] run {row.id} {row.name}: {_ended(row)}")
        self.said &= {r.id for r in finished}  # a run that was put back is waited for again
        return len(rows) - len(finished)


def _ended(row: RunRow) -> str:
    if row.status == Status.DONE:
        return "done" + ("" if row.accuracy is None else f", gold accuracy {row.accuracy:.1%}")
    return f"{row.status} at step {row.step}" + (f" ({row.error_message})" if row.error_message else "")


def _heard() -> bool:
    """Whether some worker listens."""
    try:
        return bool(workers.machines(time.time() - SILENT_SECONDS))
    except StoreUnavailable:
        return True  # reported where the runs are looked at


def _wait(experiment_id: int, group: Group, stop: threading.Event, say: Say) -> bool:
    """Wait until every run has ended; False when asked to stop before."""
    watch = Watch(set())
    store_away = False
    silent_looks = 0
    while True:
        group.keep_alive(say)
        silent_looks = 0 if group.processes or _heard() else silent_looks + 1
        if silent_looks == SILENT_LOOKS:  # a worker that has just started takes a while to appear
            say("nothing trains these runs any more: end this and start it again, or run `showdown worker`")
        try:
            remaining = watch.look(_runs(experiment_id), say)
            store_away = False
        except StoreUnavailable as error:
            remaining = 1
            if not store_away:
                say(f"{error}; the trainings go on and are shown when it does")
            store_away = True
        if not remaining:
            return True
        if stop.wait(LOOK_SECONDS):
            return False


@click.group()
def study() -> None:
    """Experiments whose primary outcome is fixed before they run."""


@study.command("run")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the report; without: in the data directory.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def run_study(ctx: click.Context, file: Path, out: Path | None, as_json: bool) -> None:
    """Queue the study in FILE, wait for its runs, write its report. Again: go on where it was.

    Ends with 0 when every run has been trained, 1 when some have failed, 130 when interrupted: the queue
    keeps the runs.
    """
    config = read(file)
    up.open_store()

    def say(text: str) -> None:
        click.echo(text, err=as_json)

    experiment_id = _queued(config, file, say)
    stop = up.asked_to_stop()
    with _hands(say) as group:
        wake(*(r.id for r in _runs(experiment_id)[::-1] if r.status == Status.QUEUED))
        complete = _wait(experiment_id, group, stop, say)
    if not complete:
        say(f"interrupted; go on: showdown study run {file}")
        ctx.exit(INTERRUPTED)
    rows = _runs(experiment_id)
    failed = [r for r in rows if r.status == Status.FAILED]
    if failed:
        ids = ", ".join(str(r.id) for r in failed)
        say(
            f"{len(failed)} runs failed and are counted as such: {ids}. "
            f"Try one again: showdown requeue {failed[0].id}"
        )
    folder = write(experiment_id, out)
    say(f"report: {folder}/report.html (and report.md); check it: showdown report --verify {folder}")
    if as_json:
        result = {"experiment": experiment_id, "runs": [r.id for r in rows], "failed": [r.id for r in failed]}
        click.echo(json.dumps({**result, "report": str(folder)}))
    ctx.exit(1 if failed else 0)
