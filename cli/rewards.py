"""Commands that need no GPU: what a mix makes of completions, before anything is trained. Called by cli.main."""

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

from cli.up import open_store
from core import bench, lint, preflight, presets, replay, samples, scorefile
from core.answers import AnswerRule
from core.errors import ShowdownError
from core.grpo import GrpoConfig
from core.mix import Mix
from core.problems import Problem
from core.progress import between
from core.store import queries
from core.table import SampleTable

MIX = click.argument("mix", type=click.Path(path_type=Path))
ARM = click.option("--arm", help="Whose mix, where the file holds an experiment.")
MAX_STEPS = click.option("--max-steps", type=click.IntRange(1), help="Length of the training; else the file's, else 200.")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _mix(path: Path, arm: str | None, max_steps: int | None) -> tuple[Mix, GrpoConfig, AnswerRule]:
    """The mix of a file or preset with its schedules in steps, the training it is for, and what counts as an answer."""
    mix, run = presets.mix_named_or_file(path, arm)
    grpo = run.grpo if run else GrpoConfig()
    if max_steps is not None:
        grpo = grpo.model_copy(update={"max_steps": max_steps})
    return mix.in_steps(grpo.max_steps), grpo, run.data.answer_rule if run else "strict"


def _bar(label: str, length: int, quiet: bool) -> AbstractContextManager[Any]:
    """A progress bar on standard error, where somebody looks at it."""
    if quiet or not sys.stderr.isatty():
        return nullcontext()
    return click.progressbar(length=length, label=label, file=sys.stderr)


def _share(bar: Any) -> Callable[[float], None]:
    """Tells a bar of length 100 how far a share of 1 is."""
    told = [0]

    def tell(share: float) -> None:
        if bar is not None and int(100 * share) > told[0]:
            bar.update(int(100 * share) - told[0])
            told[0] = int(100 * share)

    return tell


def _plain(value: Any) -> Any:
    """JSON knows no arrays and no NaN."""
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
@click.option("--step", type=click.IntRange(1), default=1, help="Training step whose weights are used, where a row says none.")
@click.option("--answer-rule", type=click.Choice(["strict", "lenient"]), help="What counts as an answer; else the run's.")
@click.option("--strict", is_flag=True, help="End at the first bad row instead of skipping it.")
@AS_JSON
def score(
    mix: Path, source: Path, target: Path, arm: str | None, max_steps: int | None, step: int, answer_rule: AnswerRule | None,
    strict: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Score a file of completions: rows {prompt, completion, gold[, group, step]} in, the same rows with scores out.

    Rows of one group stand together. Needs no database and no GPU. Ends with 1 where no row could be read.
    """
    made, _, rule = _mix(mix, arm, max_steps)
    half = target.with_name(target.name + ".part")
    size = source.stat().st_size if source.is_file() else 0
    try:
        with half.open("w", encoding="utf-8", errors="backslashreplace") as out, _bar("scoring", size, as_json) as bar:
            tally = scorefile.score_file(
                made, source, out, step, answer_rule or rule, strict,
                bad=lambda row: click.echo(f"showdown: {row}", err=True),
                progress=lambda n: None if bar is None else bar.update(n),
            )  # fmt: skip
        if not tally.rows:
            raise ShowdownError(
                f"{source}: no row could be read; a row needs {', '.join(scorefile.NEEDED)}, one JSON object a line"
            )
        half.replace(target)  # whoever reads OUT never sees half of it
    except OSError as error:
        raise ShowdownError(f"{target} cannot be written: {error.strerror}") from error
    finally:
        half.unlink(missing_ok=True)
    _say_what_is_missing(tally)
    if as_json:
        click.echo(json.dumps(_counts(tally)))
        return
    click.echo(f"scored {tally.rows} rows into {target}: {tally.correct} right, {tally.no_answer} without an answer")
    steps = sorted(tally.steps)
    click.echo(f"weights as of step {steps[0]}" + (f" to {steps[-1]}, as the rows say" if len(steps) > 1 else ""))
    if tally.bad:
        click.echo(f"skipped {len(tally.bad)} bad rows (named above)")


def _counts(tally: scorefile.Tally) -> dict[str, Any]:
    return {
        "rows": tally.rows, "skipped": len(tally.bad), "correct": tally.correct, "no_answer": tally.no_answer,
        "unreadable_gold": tally.unreadable, "ungrouped": tally.ungrouped, "steps": sorted(tally.steps),
    }  # fmt: skip


def _say_what_is_missing(tally: scorefile.Tally) -> None:
    """What could not be judged, once for the whole file, on standard error."""
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
@click.option("--step", type=click.IntRange(1), help="Step of the distributions; else the middle of training.")
@AS_JSON
def preflight_command(
    mix: Path, run_id: int | None, file: Path | None, arm: str | None, max_steps: int | None, step: int | None, as_json: bool
) -> None:
    """What a mix does with samples: the tiny model's own, unless told; and which probes beat a right solution."""
    made, grpo, rule = _mix(mix, arm, max_steps)
    findings = lint.cannot_act(made, grpo)
    problems: list[Problem] = []
    if run_id is not None:
        open_store()
        with _bar("reading", 100, as_json) as bar:
            table = samples.of_run(run_id, made, _share(bar))
    else:
        with _bar("reading", 100, as_json) as bar:
            table, problems = samples.of_file(
                file or samples.SHIPPED, made, rule, lambda row: click.echo(f"showdown: {row}", err=True), _share(bar)
            )
    problems = problems or samples.shipped_problems()
    with _bar("computing", 100, as_json) as bar:
        report = preflight.report(table, made, grpo.max_steps, problems, step, rule, _share(bar))
    if as_json:
        click.echo(json.dumps(_plain(asdict(report) | {"cannot_act": findings})))
        return
    _print_report(report, findings)


def _print_report(r: preflight.Report, findings: list[tuple[str, str]]) -> None:
    click.echo(f"{r.samples} samples in {r.groups} groups, {r.accuracy:.1%} right; as of step {r.step}\n")
    click.echo(f"{'term':<24} {'applies':>8} {'mean':>8} {'min':>8} {'median':>8} {'max':>8} {'Spearman':>9} {'AUROC':>6}")
    for d in r.distributions:
        low, _, middle, _, high = d.quantiles
        click.echo(
            f"{d.name:<24} {d.applies:>8.0%} {d.mean:>8.3f} {low:>8.3f} {middle:>8.3f} {high:>8.3f} "
            f"{d.spearman:>9.2f} {d.auroc:>6.2f}"
        )
    click.echo("\nSpearman and AUROC: with the gold verdict, inside groups.\n\nShare of advantage variance along the schedule:")
    click.echo(f"{'step':>6} {'dead groups':>12} " + " ".join(f"{t[:12]:>12}" for t in r.terms))
    for i in range(0, len(r.curve_steps), 5):
        shares = " ".join(f"{'-':>12}" if math.isnan(s) else f"{s:>12.0%}" for s in r.shares[i])
        click.echo(f"{r.curve_steps[i]:>6} {r.dead[i]:>12.0%} {shares}")
    for name in r.constant:
        click.echo(f"\n{name} is equal inside every group of these samples: here it trains nothing.")
    for name in r.unprobed:
        click.echo(f"\n{name} needs a policy or another model and says nothing of probes.")
    none = "cannot be judged: no term applies to them" if set(r.unprobed) == set(r.terms) else "none"
    click.echo(f"\nProbes that beat the gold solution, on {r.probed} problems: " + ("" if r.beaten else none))
    for b in r.beaten:
        click.echo(
            f"  {b.probe}, step {b.step}: {b.share:.0%} of the problems, e.g. {b.total:.3f} against {b.right_total:.3f}: "
            f"{b.text[:80]!r}"
        )
    if findings:
        click.echo("\nWhat cannot act:")
        for place, message in findings:
            click.echo(f"  {place}: {message}")


@click.command("replay")
@click.argument("run_id", type=int)
@click.option("--mix", required=True, type=click.Path(path_type=Path), help="A mix, run or experiment as YAML, or a preset.")
@ARM
@click.option("--out", type=click.Path(path_type=Path), help="Write every sample's old and new total and advantage as CSV.")
@AS_JSON
def replay_command(run_id: int, mix: Path, arm: str | None, out: Path | None, as_json: bool) -> None:
    """Another mix over a run's stored samples. It does not say what training with that mix would have done."""
    open_store()
    config = queries.run_detail(run_id).config
    made, _, _ = _mix(mix, arm, int(config["grpo"]["max_steps"]))
    with _bar("reading", 100, as_json) as bar:
        pair = samples.pair_of_run(run_id, made, _share(bar))
    with _bar("computing", 100, as_json) as bar:
        tell = _share(bar)
        before = replay.run(pair.table_before, pair.before, between(tell, 0.0, 0.45), pair.kl)
        after = replay.run(pair.table_after, made, between(tell, 0.45, 0.9), pair.kl)
        change = replay.compare(pair.table_after, before, after)
        tell(1.0)
    if out is not None:
        _write_csv(out, pair.table_after, before, after)
    ids = pair.table_after.id
    if as_json:
        found = asdict(change) | {"gains": ids[change.gains], "losses": ids[change.losses]}
        click.echo(json.dumps(_plain(found)))
        return
    click.echo(f"run {run_id}: {change.samples} samples under another mix (what training with it would do is another matter)\n")
    click.echo(f"{'':<34} {'before':>8} {'after':>8}")
    click.echo(f"{'dead groups':<34} {change.dead_before:>8.1%} {change.dead_after:>8.1%}")
    click.echo(f"{'AUROC with gold, inside groups':<34} {change.auroc_before:>8.3f} {change.auroc_after:>8.3f}")
    click.echo(
        f"\nranks inside groups agree: {change.rank_agreement:.3f} (Spearman); "
        f"advantages that change sign: {change.flipped:.1%}"
    )
    for title, rows in (("gain most", change.gains[:5]), ("lose most", change.losses[:5])):
        click.echo(f"\n{title} (sample: step, advantage before -> after, completion)")
        for row, sample in zip(rows, queries.samples_by_id([int(i) for i in ids[rows]]), strict=True):
            text = " ".join(sample.completion.split())[-60:]
            click.echo(
                f"  {sample.id:>8}: {sample.step:>5}  {before.advantage[row]:+.2f} -> {after.advantage[row]:+.2f}  {text}"
            )


def _write_csv(path: Path, table: SampleTable, before: replay.Outcome, after: replay.Outcome) -> None:
    names = ("sample", "step", "group", "correct", "total_before", "total_after", "advantage_before", "advantage_after")
    columns = (table.id, table.step, table.group, table.correct, before.total, after.total, before.advantage, after.advantage)
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
