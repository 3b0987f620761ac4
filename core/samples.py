"""Samples to try a mix on, as a SampleTable: a run's, a file's, or the set of the tiny model that is shipped.

Called by the CLI and by app.cache. Reads in pieces of whole steps, with progress.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core import scorefile
from core.answers import AnswerRule
from core.batch import RolloutBatch
from core.config import RunConfig, parse
from core.engine import score_term
from core.errors import DataError
from core.groups import Groups
from core.mix import Mix
from core.problems.problem import Problem
from core.store import queries
from core.table import SampleTable, from_batch, join, plan

SHIPPED = Path(__file__).parent / "tiny_samples.jsonl"  # 8 completions of 64 problems, half from each shipped base
STEPS_AT_ONCE = 64
MOST_PROBLEMS = 24  # probed in a pre-flight
Progress = Callable[[float], None]


def of_run(
    run_id: int, mix: Mix, progress: Progress = lambda _share: None, last: int | None = None
) -> tuple[SampleTable, RunConfig]:
    """A run's training samples up to step `last` with the raw scores of `mix`: stored ones where the run had the same term,
    else from the text. ConfigError for a term that neither gives, DataError for a run without samples."""
    detail = queries.run_detail(run_id)
    config = parse(RunConfig, detail.config)
    source = plan(mix, config.mix)
    stored = sorted({s for s in source.values() if s is not None})
    parts, last, groups = [], detail.row.step if last is None else last, 0
    for first in range(1, last + 1, STEPS_AT_ONCE):
        until = min(last, first + STEPS_AT_ONCE - 1)
        found = queries.score_columns(run_id, first, until, stored)
        index = Groups.of(found.step * 1_000_000 + found.group_index)
        raw = {label: found.raw[twin] for label, twin in source.items() if twin is not None}
        anew = [t for t in mix.terms if source[t.label] is None]
        if anew:
            batch = _with_texts(run_id, first, until, found, index, config)
            raw |= {t.label: score_term(batch, t) for t in anew}
        parts.append(
            SampleTable(found.id, found.step, index.index + groups, found.correct, found.mean_nll, found.n_tokens, raw)
        )
        groups += index.count
        progress(until / last)
    if not parts or not len(parts[0]):
        raise DataError(f"run {run_id} has no samples yet; they come with its first step")
    return join(parts), config


@dataclass(frozen=True)
class Pair:
    """A run's samples under its own mix and under another one; both tables have the same rows. `kl`: as evaluated, by step."""

    before: Mix
    table_before: SampleTable
    table_after: SampleTable
    kl: dict[int, float]


def pair_of_run(run_id: int, mix: Mix, progress: Progress = lambda _share: None) -> Pair:
    """What core.replay compares. `mix` has its schedules in steps."""
    detail = queries.run_detail(run_id)
    own, last = parse(RunConfig, detail.config).mix, detail.row.step  # a run that trains may be a step further in a moment
    table_before, config = of_run(run_id, own, lambda x: progress(x / 2), last)
    table_after, _ = of_run(run_id, mix, lambda x: progress(0.5 + x / 2), last)
    found = queries.series(run_id).get("eval/kl")
    kl = dict(zip(found.steps, found.values, strict=True)) if found else {}
    return Pair(config.trained_mix, table_before, table_after, kl)


def _with_texts(
    run_id: int, first: int, last: int, found: queries.ScoreColumns, groups: Groups, config: RunConfig
) -> RolloutBatch:
    texts = queries.sample_texts(run_id, first, last)
    return RolloutBatch(
        prompts=[t.prompt for t in texts],
        completions=[t.completion for t in texts],
        golds=[t.gold for t in texts],
        problem_ids=[t.problem_id for t in texts],
        group=groups.index,
        n_tokens=found.n_tokens,
        truncated=np.array([t.truncated for t in texts], dtype=bool),
        mean_nll=found.mean_nll,
        answer_rule=config.data.answer_rule,
    )


def of_file(
    path: Path, mix: Mix, answer_rule: AnswerRule = "strict", bad: Callable[[scorefile.BadRow], None] = lambda _row: None
) -> tuple[SampleTable, list[Problem]]:
    """A file's samples scored with `mix`, and the first of its problems that have a solution, for the probes."""
    parts: list[SampleTable] = []
    problems: dict[str, Problem] = {}
    seen = groups = 0

    for found in scorefile.batches(scorefile.rows(path, bad, lambda _bytes: None)):
        batch = scorefile.to_batch(found, answer_rule)
        parts.append(from_batch(batch, mix, int(found[0].get("step") or 1), seen, groups))
        seen, groups = seen + len(batch), groups + batch.groups.count
        for row in found:
            key = str(row["prompt"])
            if row.get("solution") and key not in problems and len(problems) < MOST_PROBLEMS:
                problems[key] = Problem(key[:40], key, str(row["gold"]), str(row["solution"]))
    if not parts:
        raise DataError(f"{path} has no row that can be scored; a row needs {', '.join(scorefile.NEEDED)}")
    return join(parts), list(problems.values())
