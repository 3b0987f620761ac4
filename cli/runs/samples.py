"""`showdown samples`: completions of a run or an experiment as a file, or as preference pairs."""

import json
import sys
from pathlib import Path

import click

from cli.server.up import open_store
from core.analysis import export
from core.analysis.preference import RULES, Rule
from core.common.errors import NotFound
from core.store.runs import queries
from core.store.samples.browse import Selection, Sort


@click.command("samples")
@click.argument("out", metavar="OUT", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--run", "run_id", type=int, help="Of one run.")
@click.option("--experiment", "experiment_id", type=int, help="Of every run of an experiment.")
@click.option(
    "--pairs", type=click.Choice(list(RULES)), help="Preference pairs for TRL: one a group, by this rule."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def samples_command(
    out: Path, run_id: int | None, experiment_id: int | None, pairs: Rule | None, as_json: bool
) -> None:
    """Write training samples to OUT, a .jsonl or .parquet file; pairs are always JSONL."""
    if (run_id is None) == (experiment_id is None):
        raise click.UsageError("say of what: either --run RUN or --experiment EXPERIMENT")
    if pairs is None and out.suffix not in (".jsonl", ".parquet"):
        raise click.UsageError(
            f"{out.name!r} does not say which form is wanted: end it in .jsonl or .parquet"
        )
    open_store()
    runs = (
        [queries.run_detail(run_id).row]
        if run_id is not None
        else queries.run_list(experiment_id, limit=100_000)
    )
    if not runs:
        raise NotFound(f"there is no experiment {experiment_id}")
    kind: export.Kind = "preferences" if pairs else "parquet" if out.suffix == ".parquet" else "jsonl"
    selection = Selection(tuple(r.id for r in runs))
    with click.progressbar(length=1000, label="writing", file=sys.stderr, hidden=as_json) as bar:
        rows = export.write(
            out,
            kind,
            selection,
            Sort(down=False),
            lambda x: bar.update(int(1000 * x) - bar.pos),
            pairs or "gold",
        )
    click.echo(json.dumps({"file": str(out), "rows": rows}) if as_json else f"wrote {rows:,} rows to {out}")
