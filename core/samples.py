"""Samples to try a mix on, as a SampleTable: a run's, a file's, or the set of the tiny model that is shipped.

Called by the CLI and by app.cache. Reads in pieces of whole steps, with progress.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from core import scorefile
from core.answers import AnswerRule
from core.batch import RolloutBatch
from core.config import RunConfig
from core.engine import score_term
from core.errors import DataError
from core.groups import Groups
from core.mix import Mix
from core.parsing import parse
from core.problems.problem import Problem
from core.progress import Progress, nothing
from core.store import columns, queries
from core.table import SampleTable, from_batch, join, plan

SHIPPED = Path(__file__).parent / "tiny_samples.jsonl"  # 8 completions of 64 problems, half from each shipped base
STEPS_AT_ONCE = 64
MOST_PROBLEMS = 24  # probed in a pre-flight


def of_run(run_id: int, mix: Mix, progress: Progress = nothing) -> SampleTable:
    """A run's training samples with the raw scores of `mix`: stored ones where the run had the same term, else from the
    text. ConfigError for a term that neither gives, DataError for a run without samples."""
    detail = queries.run_detail(run_id)
    (table,) = _tables(detail.row, parse(RunConfig, detail.config), [mix], progress)
    return table


def _tables(row: queries.RunRow, config: RunConfig, mixes: Sequence[Mix], progress: Progress) -> list[SampleTable]:
    """A table a mix, with the same rows. Read in one pass; the tables share every column that is the same."""
    plans = [plan(mix, config.mix) for mix in mixes]
    stored = sorted({twin for found in plans for twin in found.values() if twin is not None})
    anew = {_anew(i, t.label): t for i, mix in enumerate(mixes) for t in mix.terms if plans[i][t.label] is None}
    parts, groups = [], 0
    begun = str(queries.run_detail(row.id).environment.get("begun", "")) if anew else ""
    for first in range(1, row.step + 1, STEPS_AT_ONCE):
        until = min(row.step, first + STEPS_AT_ONCE - 1)
        found = columns.score_columns(row.id, first, until, stored)
        index = Groups.of(found.step * 1_000_000 + found.group_index)
        raw = found.raw
        if anew:
            batch = _with_texts(row.id, first, until, found, index, config, begun)
            raw = raw | {name: score_term(batch, t) for name, t in anew.items()}
        parts.append(
            SampleTable(found.id, found.step, index.index + groups, found.correct, found.mean_nll, found.n_tokens, raw)
        )
        groups += index.count
        progress(until / row.step)
    if not parts or not len(parts[0]):
        raise DataError(f"run {row.id} has no samples yet; they come with its first step")
    whole = join(parts)
    return [
        replace(whole, raw={label: whole.raw[twin or _anew(i, label)] for label, twin in found.items()})
        for i, found in enumerate(plans)
    ]


def _anew(number: int, label: str) -> str:
    """Where the scores of a term lie that the run did not have: no stored term is called so."""
    return f"{number} {label}"


@dataclass(frozen=True)
class Pair:
    """A run's samples under its own mix and under another one; both tables have the same rows. `kl`: as evaluated, by step."""

    before: Mix
    table_before: SampleTable
    table_after: SampleTable
    kl: dict[int, float]


def pair_of_run(run_id: int, mix: Mix, progress: Progress = nothing) -> Pair:
    """What core.replay compares. `mix` has its schedules in steps."""
    detail = queries.run_detail(run_id)
    config = parse(RunConfig, detail.config)
    before, after = _tables(detail.row, config, [config.mix, mix], progress)
    found = queries.series(run_id).get("eval/kl")
    kl = dict(zip(found.steps, found.values, strict=True)) if found else {}
    return Pair(config.trained_mix, before, after, kl)


def _with_texts(
    run_id: int, first: int, last: int, found: columns.ScoreColumns, groups: Groups, config: RunConfig, begun: str
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
    bad: Callable[[scorefile.BadRow], None] = lambda _row: None,
    progress: Progress = nothing,
) -> tuple[SampleTable, list[Problem]]:
    """A file's samples scored with `mix`, and the first of its problems that have a solution, for the probes."""
    parts: list[SampleTable] = []
    problems: dict[str, Problem] = {}
    seen = groups = read = 0
    size = path.stat().st_size if path.is_file() else 0

    def tell(line: int) -> None:
        nonlocal read
        read += line
        progress(min(1.0, read / max(1, size)))

    for found in scorefile.batches(scorefile.rows(path, bad, tell)):
        batch = scorefile.to_batch(found, answer_rule)
        parts.append(from_batch(batch, mix, int(found[0].get("step") or 1), seen, groups))
        seen, groups = seen + len(batch), groups + batch.groups.count
        _add_problems(problems, found)
    if not parts:
        raise DataError(f"{path} has no row that can be scored; a row needs {', '.join(scorefile.NEEDED)}")
    return join(parts), list(problems.values())


def shipped_problems() -> list[Problem]:
    """The problems of the shipped samples, where the samples tried bring none; nothing is scored."""
    problems: dict[str, Problem] = {}
    _add_problems(problems, scorefile.rows(SHIPPED, lambda _row: None, lambda _bytes: None))
    return list(problems.values())


def _add_problems(problems: dict[str, Problem], rows: Iterable[dict[str, Any]]) -> None:
    for row in rows:
        key = str(row["prompt"])
        if row.get("solution") and key not in problems and len(problems) < MOST_PROBLEMS:
            problems[key] = Problem(key[:40], key, str(row["gold"]), str(row["solution"]))
