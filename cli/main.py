"""The commands of `showdown`. Thin: parse, call, print.

Exit codes: 0 fine, 1 failed, 2 misuse. `--json` prints a list or a result for programs. Our own errors are
one line on standard error, never a traceback.
"""

import io
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cli import rewards
from cli.new import new
from cli.operator import operator
from cli.report import report
from cli.runs import manage
from cli.runs.logs import logs_command
from cli.runs.run import run_command
from cli.runs.samples import samples_command
from cli.runs.transfer import export_command, import_command
from cli.server import up as instance
from cli.study import study
from core.common.errors import ShowdownError
from core.common.revision import revision
from core.common.settings import settings
from core.config import presets
from core.config.experiment import ExperimentConfig
from core.config.lint import cannot_act, cannot_act_in
from core.config.local_checks import settled
from core.store.runs import lifecycle, queries
from worker.state import remote

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class Commands(click.Group):
    """A group whose ShowdownErrors end in one readable message and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ShowdownError as error:
            click.echo(f"showdown: {error}", err=True)
            sys.exit(1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="showdown")
def main() -> None:
    """Design, run and compare reward structures for GRPO."""
    # a Latin-1 terminal, or a lone surrogate in a run's text: print an escape such as \ud83d instead
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _insist(_context: click.Context, _option: click.Parameter, insecure: bool) -> None:
    if insecure:
        os.environ["SHOWDOWN_INSECURE"] = "1"
        settings.cache_clear()


INSECURE = click.option(
    "--insecure", is_flag=True, expose_value=False, callback=_insist,
    help="Serve the dashboard beyond this machine, though it has no login.",
)  # fmt: skip


@main.command()
@INSECURE
def demo() -> None:
    """Everything on this machine, with a first experiment queued."""
    instance.up(demo=True, say=click.echo)


@main.command()
@INSECURE
def up() -> None:
    """Everything on this machine: broker, worker, dashboard."""
    instance.up(demo=False, say=click.echo)


@main.command()
@INSECURE
def app() -> None:
    """The dashboard alone (the database and broker come from the environment)."""
    instance.open_store()
    instance.check_address()
    command = instance.app_command()
    os.execve(command[0], command, os.environ | instance.APP_ENVIRONMENT)


@main.command()
def password() -> None:
    """Set the password with which people sign in to the dashboard (SHOWDOWN_LOGIN=password)."""
    from app.sign_in.password import write

    instance.prepare_home()
    typed = (
        click.prompt("Password", hide_input=True, confirmation_prompt=True)
        if sys.stdin.isatty()
        else sys.stdin.readline().rstrip("\n")
    )
    write(typed, settings().password)
    click.echo(
        f"the hash of the password is in {settings().password}; every sign-in with the one before is over"
    )


@main.command()
@click.option("--reaper", is_flag=True, help="The reaper alone: puts lost runs back in the queue.")
def worker(reaper: bool) -> None:
    """A worker: takes runs from the queue and trains them."""
    instance.open_store()
    if not reaper:
        remote.check()
        # Nothing here limits who may queue runs, as SHOWDOWN_HOST does for `showdown up`: runs read none of
        # the user's files unless SHOWDOWN_DATA_ROOTS allows it.
        os.environ.setdefault("SHOWDOWN_DATA_ROOTS", str(settings().home))
    module = "worker.supervise.reaper" if reaper else "worker.supervise.celery_app"
    os.execv(sys.executable, [sys.executable, "-m", module])


@main.command()
@click.argument("config", type=click.Path(path_type=Path))
@AS_JSON
def submit(config: Path, as_json: bool) -> None:
    """Queue a run or an experiment from a YAML file, or from a preset's name."""
    plan = settled(presets.named_or_file(config))
    if isinstance(plan, ExperimentConfig):
        findings = cannot_act_in(plan)
    else:
        findings = [(plan.name, *finding) for finding in cannot_act(plan.mix, plan.grpo)]
    for finding in findings:
        click.echo(f"showdown: {': '.join(filter(None, finding))}", err=True)
    instance.open_store()
    if isinstance(plan, ExperimentConfig):
        experiment_id, run_ids = lifecycle.create_experiment(plan, revision(), operator())
    else:
        experiment_id = None
        run_ids = [lifecycle.create_run(plan, revision(), operator())]
    manage.wake(*run_ids)
    if as_json:
        click.echo(json.dumps({"experiment": experiment_id, "runs": run_ids}))
    else:
        click.echo("queued run" + ("s " if len(run_ids) > 1 else " ") + ", ".join(map(str, run_ids)))


@main.command("ls")
@AS_JSON
def list_runs(as_json: bool) -> None:
    """Runs, newest first."""
    instance.open_store()
    rows = queries.run_list()
    if as_json:
        click.echo(json.dumps([asdict(r) for r in rows]))
        return
    if not rows:
        click.echo("no runs yet; queue one: showdown submit first-showdown")
    for r in rows:
        accuracy = "" if r.accuracy is None else f"{r.accuracy:.1%}"
        progress = f"{r.step}/{r.max_steps}"
        click.echo(
            f"{r.id:>5}  {r.status:<8}  {r.variant:<24}  seed {r.seed:<4} "
            f"{progress:>9}  {accuracy:>6}  {r.experiment}"
        )


@main.command()
@click.argument("run_id", type=int)
@AS_JSON
def show(run_id: int, as_json: bool) -> None:
    """One run: state and history; with --json also its config."""
    instance.open_store()
    detail = queries.run_detail(run_id)
    history = queries.events(run_id)
    if as_json:
        click.echo(json.dumps({**asdict(detail), "events": [asdict(e) for e in history]}))
        return
    r = detail.row
    click.echo(
        f"run {r.id}: {r.arm}, seed {r.seed} ({r.structure}) - {r.status}, "
        f"step {r.step} of {r.max_steps}, attempt {r.attempt}"
    )
    if r.error_message:
        click.echo(f"{r.error_kind}: {r.error_message}")
    for e in history:
        time_text = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(e.at))
        click.echo(f"  {time_text}  {e.kind:<16} {'' if e.step is None else f'step {e.step}':<10} {e.text}")


@main.group()
def tiny() -> None:
    """The embedded model."""


@tiny.command("build")
@click.argument("out", type=click.Path(path_type=Path, file_okay=False))
def tiny_build(out: Path) -> None:
    """Make the shipped bases again, under OUT: about ten minutes on two cores."""
    os.execv(sys.executable, [sys.executable, "-m", "worker.tiny.build", str(out)])


for command in (manage.stop, manage.requeue, manage.extend, manage.priority, manage.limit, manage.clone):
    main.add_command(command)
for command in (rewards.score, rewards.preflight_command, rewards.replay_command, rewards.bench_group, new):
    main.add_command(command)
for command in (run_command, export_command, import_command, logs_command, samples_command, report, study):
    main.add_command(command)
