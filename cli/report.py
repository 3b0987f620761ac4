"""`showdown report`: writes an experiment's comparison as files, and checks such files."""

import json
from pathlib import Path
from types import ModuleType

import click

from app.text.escaping import slug
from cli.server.up import open_store
from core.common.errors import SetupError
from core.common.settings import settings
from core.metrics import count
from core.store.runs import queries
from core.store.steps.many_runs import experiment_config

MOST_SAID = 20


def _files() -> ModuleType:
    """The module that writes and checks reports; SetupError where its packages are not installed."""
    try:
        from app.report import files
    except ImportError as error:
        raise SetupError(
            f"a report needs {error.name}, which is not installed here: pip install 'showdown[app]'"
        ) from error
    return files


def write(experiment_id: int, out: Path | None) -> Path:
    """Write an experiment's report and return its folder."""
    files = _files()
    if out is None:
        name = slug(str(experiment_config(experiment_id)["name"]))[:60]
        out = settings().home / "reports" / f"{experiment_id}-{name}".rstrip("-")
    files.write(out, experiment_id)
    return out


@click.command()
@click.argument("experiment", required=False)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to write to; without: in the data directory.",
)
@click.option("--verify", type=click.Path(path_type=Path, file_okay=False, exists=True), metavar="FOLDER",
              help="Compute every number of a written report again and say where one differs.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def report(
    ctx: click.Context, experiment: str | None, out: Path | None, verify: Path | None, as_json: bool
) -> None:
    """Write the report of EXPERIMENT (its id or name): report.html, report.md with pictures, tables as CSV
    and LaTeX.

    With --verify: 0 when every number is as the database has it, else 1.
    """
    if (experiment is None) == (verify is None):
        raise click.UsageError("give either EXPERIMENT or --verify FOLDER")
    open_store()
    if verify is not None:
        checked, wrong = _files().verify(verify)
        if as_json:
            click.echo(json.dumps({"checked": checked, "wrong": wrong}))
        else:
            for difference in wrong[:MOST_SAID]:
                click.echo(difference)
            if len(wrong) > MOST_SAID:
                click.echo(f"... and {len(wrong) - MOST_SAID} more")
            click.echo(
                f"{checked} numbers computed again: "
                + (count(len(wrong), "difference") if wrong else "all as the report says")
            )
        ctx.exit(1 if wrong else 0)
    assert experiment is not None
    from app.report.document import experiment_named

    experiment_id = experiment_named(experiment)
    folder = write(experiment_id, out)
    click.echo(
        json.dumps({"experiment": experiment_id, "folder": str(folder)})
        if as_json
        else f"wrote {folder}/report.html"
    )
    unfinished = sum(not r.status.finished for r in queries.run_list(experiment_id))
    if unfinished and not as_json:
        click.echo(
            f"{count(unfinished, 'run')} of it {'has' if unfinished == 1 else 'have'} not ended: "
            "the report is of now"
        )
