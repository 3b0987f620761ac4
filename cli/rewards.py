"""Commands that need no GPU: what a mix makes of completions, before anything is trained."""

import csv
import json
import math
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np

from cli.server.up import open_store
from core.analysis import bench, preflight, replay, score_file, sources
from core.analysis.sample_table import SampleTable
from core.common.errors import ShowdownError
from core.common.progress import between
from core.config import lint, presets
from core.config.grpo import GrpoConfig
from core.grading.answers import AnswerRule
from core.problems import Problem
from core.rewards.mix import Mix
from core.store.runs import queries

MIX = click.argument("mix", type=click.Path(path_type=Path))
ARM = click.option("--arm", help="Whose mix, where the file holds an experiment.")
MAX_STEPS = click.option(
    "--max-steps", type=click.IntRange(1), help="Length of the training; else the file's, else 200."
)
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _mix(path: Path, arm: str | None, max_steps: int | None) -> tuple[Mix, GrpoConfig, AnswerRule]:
    """Load a mix with its schedules in steps, the training it is for, and what counts as an answer.

    `path`: a YAML file, or a preset's name.
    """
    mix, run = presets.mix_named_or_file(path, arm)
    grpo = run.grpo if run else GrpoConfig()
    if max_steps is not None:
        grpo = grpo.model_copy(update={"max_steps": max_steps})
    return mix.in_steps(grpo.max_steps), grpo, run.data.answer_rule if run else "strict"


def _bar(label: str, length: int, quiet: bool) -> AbstractContextManager[Any]:
    """A progress bar on standard error, where that is a terminal."""
    if quiet or not sys.stderr.isatty():
        return nullcontext()
    return click.progressbar(length=length, label=label, file=sys.stderr)


def _share(bar: Any) -> Callable[[float], None]:
    """Return a function that moves a bar of length 100 to a share from 0 to 1."""
    percent_done = [0]

    def tell(share: float) -> None:
        if bar is not None and int(100 * share) > percent_done[0]:
            bar.update(int(100 * share) - percent_done[0])
            percent_done[0] = int(100 * share)

    return tell


def _plain(value: Any) -> Any:
    """Convert a value for JSON, which knows neither arrays nor NaN."""
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


@click.command()
@MIX
@click.argument("source", metavar="IN.jsonl", type=click.Path(path_type=Path))
@click.argument("target", metavar="OUT.jsonl", type=click.Path(path_type=Path))
@ARM
@MAX_STEPS
@click.option(
    "--step",
    type=click.IntRange(1),
    default=1,
    help="Training step whose weights are used, where a row says none.",
)
@click.option(
    "--answer-rule",
    type=click.Choice(["strict", "lenient"]),
    help="What counts as an answer; else the run's.",
)
@click.option("--strict", is_flag=True, help="End at the first bad row instead of skipping it.")
@AS_JSON
def score(
    mix: Path, source: Path, target: Path, arm: str | None, max_steps: int | None, step: int,
    answer_rule: AnswerRule | None, strict: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Score a file of completions: rows {prompt, completion, gold[, group, step]} in, the same rows with
    scores out.

    Rows of one group stand together. Needs no database and no GPU. Ends with 1 where no row could be read.
    """
    resolved_mix, _, rule = _mix(mix, arm, max_steps)
    part_file = target.with_name(target.name + ".part")
    size = source.stat().st_size if source.is_file() else 0
    try:
        with (
            part_file.open("w", encoding="utf-8", errors="backslashreplace") as out,
            _bar("scoring", size, as_json) as bar,
        ):
            tally = score_file.score_file(
                resolved_mix, source, out, step, answer_rule or rule, strict,
                bad=lambda row: click.echo(f"showdown: {row}", err=True),
                progress=lambda n: None if bar is None else bar.update(n),
            )  # fmt: skip
        if not tally.rows:
            raise ShowdownError(
                f"{source}: no row could be read; "
                f"a row needs {', '.join(score_file.NEEDED)}, one JSON object a line"
            )
        part_file.replace(target)  # whoever reads OUT never sees half of it
    except OSError as error:
        raise ShowdownError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        part_file.unlink(missing_ok=True)
    _say_what_is_missing(tally)
    if as_json:
        click.echo(json.dumps(_counts(tally)))
        return
    click.echo(
        f"scored {tally.rows} rows into {target}: {tally.correct} right, {tally.no_answer} without an answer"
    )
    steps = sorted(tally.steps)
    click.echo(
        f"weights as of step {steps[0]}" + (f" to {steps[-1]}, as the rows say" if len(steps) > 1 else "")
    )
    if tally.bad:
        click.echo(f"skipped {len(tally.bad)} bad rows (named above)")


def _counts(tally: score_file.Tally) -> dict[str, Any]:
    return {
        "rows": tally.rows, "skipped": len(tally.bad), "correct": tally.correct, "no_answer": tally.no_answer,
        "unreadable_gold": tally.unreadable, "ungrouped": tally.ungrouped, "steps": sorted(tally.steps),
    }  # fmt: skip


def _say_what_is_missing(tally: score_file.Tally) -> None:
    """Report on standard error what could not be judged, once for the whole file."""
    if tally.unreadable:
        click.echo(
            f"showdown: {tally.unreadable} of {tally.rows} rows have a gold answer that cannot be read; "
            "their 'correct' is null, with the reason beside it",
            err=True,
        )
    if tally.ungrouped:
        click.echo(
            f"showdown: {tally.ungrouped} of {tally.rows} rows have no 'group'; their advantage is null, "
            "since an advantage compares the completions of one prompt",
            err=True,
        )


@click.command("preflight")
@MIX
@click.option("--run", "run_id", type=int, help="On this run's samples.")
@click.option("--samples", "file", type=click.Path(path_type=Path), help="On a JSON-lines file of samples.")
@ARM
@MAX_STEPS
@click.option(
    "--step", type=click.IntRange(1), help="Step of the distributions; else the middle of training."
)
@AS_JSON
def preflight_command(
    mix: Path,
    run_id: int | None,
    file: Path | None,
    arm: str | None,
    max_steps: int | None,
    step: int | None,
    as_json: bool,
) -> None:
    """What a mix does with samples: the tiny model's own, unless told; and which probes beat a right
    solution."""
    resolved_mix, grpo, rule = _mix(mix, arm, max_steps)
    findings = lint.cannot_act(resolved_mix, grpo)
    problems: list[Problem] = []
    if run_id is not None:
        open_store()
        with _bar("reading", 100, as_json) as bar:
            table = sources.of_run(run_id, resolved_mix, _share(bar))
    else:
        with _bar("reading", 100, as_json) as bar:
            table, problems = sources.of_file(
                file or sources.SHIPPED,
                resolved_mix,
                rule,
                lambda row: click.echo(f"showdown: {row}", err=True),
                _share(bar),
            )
    problems = problems or sources.shipped_problems()
    with _bar("computing", 100, as_json) as bar:
        report = preflight.report(table, resolved_mix, grpo.max_steps, problems, step, rule, _share(bar))
    if as_json:
        click.echo(json.dumps(_plain(asdict(report) | {"cannot_act": findings})))
        return
    _print_report(report, findings)


def _print_report(r: preflight.Report, findings: list[tuple[str, str]]) -> None:
    click.echo(f"{r.samples} samples in {r.groups} groups, {r.accuracy:.1%} right; as of step {r.step}\n")
    click.echo(
        f"{'term':<24} {'applies':>8} {'mean':>8} {'min':>8} {'median':>8} {'max':>8} "
        f"{'Spearman':>9} {'AUROC':>6}"
    )
    for d in r.distributions:
        low, _, middle, _, high = d.quantiles
        click.echo(
            f"{d.name:<24} {d.applies:>8.0%} {d.mean:>8.3f} {low:>8.3f} {middle:>8.3f} {high:>8.3f} "
            f"{d.spearman:>9.2f} {d.auroc:>6.2f}"
        )
    click.echo(
        "\nSpearman and AUROC: with the gold verdict, inside groups.\n"
        "\nShare of advantage variance along the schedule:"
    )
    click.echo(f"{'step':>6} {'dead groups':>12} " + " ".join(f"{t[:12]:>12}" for t in r.terms))
    for i in range(0, len(r.curve_steps), 5):
        shares = " ".join(f"{'-':>12}" if math.isnan(s) else f"{s:>12.0%}" for s in r.shares[i])
        click.echo(f"{r.curve_steps[i]:>6} {r.dead[i]:>12.0%} {shares}")
    for name in r.constant:
        click.echo(f"\n{name} is equal inside every group of these samples: here it trains nothing.")
    for name in r.unprobed:
        click.echo(f"\n{name} needs a policy or another model and says nothing of probes.")
    no_probes = "cannot be judged: no term applies to them" if set(r.unprobed) == set(r.terms) else "none"
    click.echo(
        f"\nProbes that beat the gold solution, on {r.probed} problems: " + ("" if r.beaten else no_probes)
    )
    for b in r.beaten:
        click.echo(
            f"  {b.probe}, step {b.step}: {b.share:.0%} of the problems, "
            f"e.g. {b.total:.3f} against {b.right_total:.3f}: {b.text[:80]!r}"
        )
    if findings:
        click.echo("\nWhat cannot act:")
        for place, message in findings:
            click.echo(f"  {place}: {message}")


@click.command("replay")
@click.argument("run_id", type=int)
@click.option(
    "--mix",
    required=True,
    type=click.Path(path_type=Path),
    help="A mix, run or experiment as YAML, or a preset.",
)
@ARM
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Write every sample's old and new total and advantage as CSV.",
)
@AS_JSON
def replay_command(run_id: int, mix: Path, arm: str | None, out: Path | None, as_json: bool) -> None:
    """Another mix over a run's stored samples. It does not say what training with that mix would have
    done."""
    open_store()
    config = queries.run_detail(run_id).config
    new_mix, _, _ = _mix(mix, arm, int(config["grpo"]["max_steps"]))
    with _bar("reading", 100, as_json) as bar:
        pair = sources.pair_of_run(run_id, new_mix, _share(bar))
    with _bar("computing", 100, as_json) as bar:
        report_share = _share(bar)
        old_outcome = replay.run(pair.table_before, pair.before, between(report_share, 0.0, 0.45), pair.kl)
        new_outcome = replay.run(pair.table_after, new_mix, between(report_share, 0.45, 0.9), pair.kl)
        change = replay.compare(pair.table_after, old_outcome, new_outcome)
        report_share(1.0)
    if out is not None:
        _write_csv(out, pair.table_after, old_outcome, new_outcome)
    ids = pair.table_after.id
    if as_json:
        result = asdict(change) | {"gains": ids[change.gains], "losses": ids[change.losses]}
        click.echo(json.dumps(_plain(result)))
        return
    click.echo(
        f"run {run_id}: {change.samples} samples under another mix "
        "(what training with it would do is another matter)\n"
    )
    click.echo(f"{'':<34} {'before':>8} {'after':>8}")
    click.echo(f"{'dead groups':<34} {change.dead_before:>8.1%} {change.dead_after:>8.1%}")
    click.echo(
        f"{'AUROC with gold, inside groups':<34} {change.auroc_before:>8.3f} {change.auroc_after:>8.3f}"
    )
    click.echo(
        f"\nranks inside groups agree: {change.rank_agreement:.3f} (Spearman); "
        f"advantages that change sign: {change.flipped:.1%}"
    )
    for title, rows in (("gain most", change.gains[:5]), ("lose most", change.losses[:5])):
        click.echo(f"\n{title} (sample: step, advantage before -> after, completion)")
        for row, sample in zip(rows, queries.samples_by_id([int(i) for i in ids[rows]]), strict=True):
            text = " ".join(sample.completion.split())[-60:]
            click.echo(
                f"  {sample.id:>8}: {sample.step:>5}  "
                f"{old_outcome.advantage[row]:+.2f} -> {new_outcome.advantage[row]:+.2f}  {text}"
            )


def _write_csv(path: Path, table: SampleTable, before: replay.Outcome, after: replay.Outcome) -> None:
    names = (
        "sample",
        "step",
        "group",
        "correct",
        "total_before",
        "total_after",
        "advantage_before",
        "advantage_after",
    )
    columns = (
        table.id,
        table.step,
        table.group,
        table.correct,
        before.total,
        after.total,
        before.advantage,
        after.advantage,
    )
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(zip(*(c.tolist() for c in columns), strict=True))


@click.group("bench")
def bench_group() -> None:
    """Measure this machine."""


@bench_group.command("rewards")
@AS_JSON
def bench_rewards(as_json: bool) -> None:
    """Samples per second of every text component, and of a mix of all of them."""
    rates = bench.component_rates()
    if as_json:
        click.echo(json.dumps([asdict(r) for r in rates]))
        return
    for r in rates:
        click.echo(f"{r.name:<24} {r.samples_per_second:>12,.0f} samples/s")
