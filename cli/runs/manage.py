"""Commands that move runs: stop, put back, extend, order, limit, clone."""

import math

import click

from cli.operator import operator
from cli.server.up import open_store
from core.common.errors import BrokerError, ShowdownError
from core.common.revision import revision
from core.config.local_checks import refuse_outside
from core.config.parsing import parse
from core.config.run import RunConfig
from core.store import broker
from core.store.runs import lifecycle, queries
from core.store.runs.queries import RunRow

MOST_MINUTES = 10_000_000  # nineteen years
RUN = click.argument("run_id", type=int)


def wake(*run_ids: int) -> None:
    """Send runs whose rows are committed to the workers; if the broker is away, the reaper does so later."""
    try:
        for run_id in run_ids:
            broker.enqueue(run_id)
    except BrokerError as error:
        click.echo(f"showdown: {error}", err=True)


def _readable(run_id: int) -> RunRow:
    """The run's row; ConfigError where this machine would not read what its config names."""
    detail = queries.run_detail(run_id)
    refuse_outside(parse(RunConfig, detail.config))
    return detail.row


@click.command()
@click.argument("run_id", type=int, required=False)
@click.option("--experiment", type=int, help="Stop every run of this experiment.")
def stop(run_id: int | None, experiment: int | None) -> None:
    """Stop a run, or all of an experiment: each writes a checkpoint at its next step boundary."""
    if (run_id is None) == (experiment is None):
        raise click.UsageError("give a run, or --experiment ID")
    open_store()
    if experiment is not None:
        stopped = lifecycle.request_stop_experiment(experiment, operator())
        click.echo(
            f"experiment {experiment}: {len(stopped)} runs stop"
            + (f" ({', '.join(map(str, stopped))})" if stopped else "")
        )
    elif run_id is not None:
        if (status := queries.run_detail(run_id).row.status).finished:
            raise ShowdownError(f"run {run_id} is {status} already; there is nothing to stop")
        state = lifecycle.request_stop(run_id, operator())
        click.echo(f"run {run_id}: {state}" + (", stops at its next step" if state.claimed else ""))


@click.command()
@RUN
def requeue(run_id: int) -> None:
    """Put a stopped or failed run back in the queue; it goes on from its last checkpoint."""
    open_store()
    state = _readable(run_id).status
    if not lifecycle.requeue(run_id, operator()):
        raise ShowdownError(f"run {run_id} is {state}; only stopped and failed runs can be put back")
    wake(run_id)
    click.echo(f"run {run_id}: queued")


@click.command()
@RUN
@click.argument("max_steps", type=click.IntRange(1))
def extend(run_id: int, max_steps: int) -> None:
    """Let an ended run go on to MAX_STEPS steps, from its last checkpoint."""
    open_store()
    state = _readable(run_id).status
    if not lifecycle.extend(run_id, max_steps, operator()):
        raise ShowdownError(
            f"run {run_id} is {state}; only runs that have ended can be extended; stop it first"
        )
    wake(run_id)
    click.echo(f"run {run_id}: queued, up to step {max_steps}")


@click.command()
@RUN
@click.argument("value", type=int)
def priority(run_id: int, value: int) -> None:
    """Runs with a higher priority are taken first; it is 0 unless said."""
    open_store()
    lifecycle.set_priority(run_id, value, operator())
    click.echo(f"run {run_id}: priority {value}")


@click.command()
@RUN
@click.argument("minutes", type=click.FloatRange(0, MOST_MINUTES, min_open=True), required=False)
def limit(run_id: int, minutes: float | None) -> None:
    """Stop a run at a step boundary after so many MINUTES of training in all; without MINUTES: no limit."""
    if minutes is not None and math.isnan(minutes):
        raise click.UsageError("give MINUTES as a number")
    open_store()
    lifecycle.set_time_limit(run_id, None if minutes is None else 60 * minutes, operator())
    click.echo(
        f"run {run_id}: "
        + ("no time limit" if minutes is None else f"stops after {minutes:g} minutes of training")
    )


@click.command()
@RUN
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Another seed than the run's.")
def clone(run_id: int, seed: int | None) -> None:
    """Queue a run's config again, from its beginning."""
    open_store()
    config = parse(RunConfig, queries.run_detail(run_id).config)
    if seed is not None:
        config = config.model_copy(update={"seed": seed})
    refuse_outside(config)
    new_id = lifecycle.create_run(config, revision(), operator())
    wake(new_id)
    click.echo(f"queued run {new_id}")
