"""Loads samples to try a mix on, as a SampleTable: a run's, a file's, or the shipped tiny models' set.

Reads in pieces of whole steps, with progress.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core.analysis import score_file
from core.analysis.sample_table import SampleTable, from_batch, join, plan
from core.common.errors import DataError
from core.common.groups import Groups
from core.common.progress import Progress, nothing
from core.config.parsing import parse
from core.config.run import RunConfig
from core.grading.answers import AnswerRule
from core.problems.problem import Problem
from core.rewards.batch import RolloutBatch
from core.rewards.engine import score_term
from core.rewards.mix import Mix
from core.store.runs import queries
from core.store.samples import columns

# 8 completions of 64 problems, half from each shipped base
SHIPPED = Path(__file__).parent / "tiny_samples.jsonl"
STEPS_AT_ONCE = 64
MOST_PROBLEMS = 24  # probed in a pre-flight


def of_run(run_id: int, mix: Mix, progress: Progress = nothing) -> SampleTable:
    """A run's training samples with the raw scores of `mix`.

    Scores are the stored ones if the run had an equal term, else computed from the text. ConfigError for a
    term that neither gives, DataError for a run without samples.
    """
    detail = queries.run_detail(run_id)
    (table,) = _tables(detail.row, parse(RunConfig, detail.config), [mix], progress)
    return table


def _tables(
    row: queries.RunRow, config: RunConfig, mixes: Sequence[Mix], progress: Progress
) -> list[SampleTable]:
    """One table per mix, with the same rows.

    Reads in one pass; the tables share every column that is the same.
    """
    plans = [plan(mix, config.mix) for mix in mixes]
    stored = sorted(
        {twin for stored_columns in plans for twin in stored_columns.values() if twin is not None}
    )
    anew = {
        _anew(i, t.label): t for i, mix in enumerate(mixes) for t in mix.terms if plans[i][t.label] is None
    }
    parts = []
    groups = 0
    begun = str(queries.run_detail(row.id).environment.get("begun", "")) if anew else ""
    for first in range(1, row.step + 1, STEPS_AT_ONCE):
        until = min(row.step, first + STEPS_AT_ONCE - 1)
        stored_columns = columns.score_columns(row.id, first, until, stored)
        index = Groups.of(stored_columns.step * 1_000_000 + stored_columns.group_index)
        raw = stored_columns.raw
        if anew:
            batch = _with_texts(row.id, first, until, stored_columns, index, config, begun)
            raw = raw | {name: score_term(batch, t) for name, t in anew.items()}
        parts.append(
            SampleTable(
                stored_columns.id,
                stored_columns.step,
                index.index + groups,
                stored_columns.correct,
                stored_columns.mean_nll,
                stored_columns.n_tokens,
                raw,
            )
        )
        groups += index.count
        progress(until / row.step)
    if not parts or not len(parts[0]):
        raise DataError(f"run {row.id} has no samples yet; they come with its first step")
    joined = join(parts)
    return [
        replace(
            joined, raw={label: joined.raw[twin or _anew(i, label)] for label, twin in stored_columns.items()}
        )
        for i, stored_columns in enumerate(plans)
    ]


def _anew(number: int, label: str) -> str:
    """The column of scores that the run did not store. No stored term has such a label."""
    return f"{number} {label}"


@dataclass(frozen=True)
class Pair:
    """A run's samples under its own mix and under another one.

    Both tables have the same rows. `kl`: as evaluated, by step.
    """

    before: Mix
    table_before: SampleTable
    table_after: SampleTable
    kl: dict[int, float]


def pair_of_run(run_id: int, mix: Mix, progress: Progress = nothing) -> Pair:
    """The tables that core.analysis.replay compares. `mix` has its schedules in steps."""
    detail = queries.run_detail(run_id)
    config = parse(RunConfig, detail.config)
    table_before, table_after = _tables(detail.row, config, [config.mix, mix], progress)
    kl_series = queries.series(run_id).get("eval/kl")
    kl = dict(zip(kl_series.steps, kl_series.values, strict=True)) if kl_series else {}
    return Pair(config.trained_mix, table_before, table_after, kl)


def _with_texts(
    run_id: int,
    first: int,
    last: int,
    found: columns.ScoreColumns,
    groups: Groups,
    config: RunConfig,
    begun: str,
) -> RolloutBatch:
    texts = columns.sample_texts(run_id, first, last)
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
        begun=[begun] * len(texts),
    )


def of_file(
    path: Path,
    mix: Mix,
    answer_rule: AnswerRule = "strict",
    bad: Callable[[score_file.BadRow], None] = lambda _row: None,
    progress: Progress = nothing,
) -> tuple[SampleTable, list[Problem]]:
    """A file's samples scored with `mix`, and the first of its problems with a solution, for the probes."""
    parts: list[SampleTable] = []
    problems: dict[str, Problem] = {}
    n_samples = groups = bytes_read = 0
    size = path.stat().st_size if path.is_file() else 0

    def tell(line: int) -> None:
        nonlocal bytes_read
        bytes_read += line
        progress(min(1.0, bytes_read / max(1, size)))

    for batch_rows in score_file.batches(score_file.rows(path, bad, tell)):
        batch = score_file.to_batch(batch_rows, answer_rule)
        parts.append(from_batch(batch, mix, int(batch_rows[0].get("step") or 1), n_samples, groups))
        n_samples = n_samples + len(batch)
        groups = groups + batch.groups.count
        _add_problems(problems, batch_rows)
    if not parts:
        raise DataError(f"{path} has no row that can be scored; a row needs {', '.join(score_file.NEEDED)}")
    return join(parts), list(problems.values())


def shipped_problems() -> list[Problem]:
    """The problems of the shipped samples, for samples that bring none. Nothing is scored."""
    problems: dict[str, Problem] = {}
    _add_problems(problems, score_file.rows(SHIPPED, lambda _row: None, lambda _bytes: None))
    return list(problems.values())


def _add_problems(problems: dict[str, Problem], rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        key = str(row["prompt"])
        if row.get("solution") and key not in problems and len(problems) < MOST_PROBLEMS:
            problems[key] = Problem(key[:40], key, str(row["gold"]), str(row["solution"]))
