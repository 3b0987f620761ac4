"""Scores a file of completions, from any tool, with a mix: JSON lines in, the lines with scores out.

A row whose gold answer cannot be read is neither right nor wrong, and a row without a `group` has no
advantage: there is nothing to compare it with. Streams: memory holds one batch. Needs no database and no GPU.
"""

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from core.common.errors import DataError
from core.grading.replies import opened
from core.rewards.batch import RolloutBatch, ScoredBatch
from core.rewards.engine import RewardEngine, signals_of
from core.rewards.mix import Mix

BATCH = 512  # rows after which a batch ends with its group, if the rows name no step
MOST_NLL = 1e6
MOST_LINE = 16_000_000  # bytes
UNREADABLE = "the gold answer cannot be read"
NEEDED = ("prompt", "completion", "gold")


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be scored."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


@dataclass
class Tally:
    """Counts of a scored file.

    `unreadable`: rows whose gold answer cannot be read. `ungrouped`: rows without a group.
    """

    rows: int = 0
    correct: int = 0
    no_answer: int = 0
    unreadable: int = 0
    ungrouped: int = 0
    steps: set[int] = field(default_factory=set)
    bad: list[BadRow] = field(default_factory=list)


def _checked(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise ValueError(f"is {type(given).__name__}, not an object with {', '.join(NEEDED)}")
    row: dict[str, Any] = given
    for name in NEEDED:
        if name not in row:
            raise ValueError(f"has no {name!r}; a row needs {', '.join(NEEDED)}")
        value = row[name]
        if name == "gold" and isinstance(value, int | float) and not isinstance(value, bool):
            row = {**row, "gold": f"{value}"}
        elif not isinstance(value, str):
            raise ValueError(f"{name!r} is {type(value).__name__}, not text")
    for name, minimum in (("step", 1), ("n_tokens", 0)):
        value = row.get(name)
        if value is not None and (
            not isinstance(value, int) or isinstance(value, bool) or not minimum <= value < 2**53
        ):
            raise ValueError(f"{name!r} is {value!r}; it must be a whole number from {minimum} on")
    nll = row.get("mean_nll")
    if nll is not None and (isinstance(nll, bool) or not isinstance(nll, int | float) or abs(nll) > MOST_NLL):
        raise ValueError(f"'mean_nll' is {str(nll)[:40]!r}; it must be a number of nats per token")
    if not isinstance(row.get("truncated", False), bool):
        raise ValueError(f"'truncated' is {row['truncated']!r}; it must be true or false")
    return row


def _no_number(name: str) -> float:
    raise ValueError(f"holds {name}, which is no JSON")


def rows(
    path: Path, bad: Callable[[BadRow], None], progress: Callable[[int], None]
) -> Iterator[dict[str, Any]]:
    """The good rows of a file; each bad one goes to `bad`. `progress` receives the bytes read."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(partial(file.readline, MOST_LINE), b""), 1):
                progress(len(line))
                if len(line) == MOST_LINE:
                    raise DataError(
                        f"{path}, line {number}: longer than {MOST_LINE:,} bytes; one sample is one line"
                    )
                if not line.strip():
                    continue
                try:
                    yield _checked(json.loads(line, parse_constant=_no_number))
                except (ValueError, UnicodeDecodeError, RecursionError) as error:
                    reason = (
                        f"is not JSON: {error}" if isinstance(error, json.JSONDecodeError) else str(error)
                    )
                    bad(BadRow(str(path), number, reason))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; give a JSON-lines file") from error


def batches(found: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Rows of one step together; if rows name no step, whole groups of about BATCH rows.

    The rows of a group must be consecutive.
    """
    pending: list[dict[str, Any]] = []
    for row in found:
        if pending:
            same_group = row.get("group") is not None and row.get("group") == pending[-1].get("group")
            new_step = row.get("step") != pending[-1].get("step")
            if new_step or (row.get("step") is None and len(pending) >= BATCH and not same_group):
                yield pending
                pending = []
        pending.append(row)
    if pending:
        yield pending


def to_batch(found: list[dict[str, Any]], answer_rule: Any = "strict") -> RolloutBatch:
    """Rows as a batch.

    A row without a group is a group of its own; tokens are counted as words if they are not given.
    """
    group: list[int] = []
    last: object = None
    # A group ends where its label changes: tools number the groups of every step from 0 on.
    for row in found:
        label = (
            (row.get("group"), row.get("problem_id"), row["prompt"])
            if row.get("group") is not None
            else object()
        )
        group.append((group[-1] if group else -1) + (label != last))
        last = label
    return RolloutBatch(
        prompts=[r["prompt"] for r in found],
        completions=[r["completion"] for r in found],
        golds=[r["gold"] for r in found],
        problem_ids=[str(r.get("problem_id", g)) for r, g in zip(found, group, strict=True)],
        group=np.array(group, dtype=np.int64),
        n_tokens=np.array([int(r.get("n_tokens") or len(r["completion"].split())) for r in found]),
        truncated=np.array([bool(r.get("truncated", False)) for r in found]),
        mean_nll=np.array([math.nan if r.get("mean_nll") is None else float(r["mean_nll"]) for r in found]),
        answer_rule=answer_rule,
        begun=[opened(r["prompt"]) for r in found],
        solutions=[str(r.get("solution") or "") for r in found],
    )


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def scored_row(row: dict[str, Any], batch: RolloutBatch, scored: ScoredBatch, i: int) -> dict[str, Any]:
    """A row with the mix's scores at its step.

    Values are null if a term does not apply, or if nothing can be said.
    """
    answer = batch.answers[i]
    readable = bool(batch.readable[i])
    return {
        **row,
        "step": scored.step,
        "parsed": answer.text if answer else None,
        "parsed_by": answer.how if answer else None,
        "correct": bool(batch.correct[i]) if readable else None,
        **({} if readable else {"reason": UNREADABLE}),
        "scores": {t: _number(scored.raw[i, k]) for k, t in enumerate(scored.terms)},
        "contributions": {t: _number(scored.contributions[i, k]) for k, t in enumerate(scored.terms)},
        "total": _number(scored.total[i]),
        "advantage": None if row.get("group") is None else float(scored.advantage[i]),
    }


def score_file(
    mix: Mix,
    source: Path,
    target: TextIO,
    step: int = 1,
    answer_rule: Any = "strict",
    strict: bool = False,
    bad: Callable[[BadRow], None] = lambda _row: None,
    progress: Callable[[int], None] = lambda _bytes: None,
) -> Tally:
    """Score every row of `source` into `target`.

    `step`: for rows that name none. `strict`: a bad row is an error.
    """
    tally = Tally()
    engine = RewardEngine(mix)

    def refuse(row: BadRow) -> None:
        if strict:
            raise DataError(f"{row}; mend the row, or leave out --strict to skip it")
        tally.bad.append(row)
        bad(row)

    for batch_rows in batches(rows(source, refuse, progress)):
        batch = to_batch(batch_rows, answer_rule)
        scored = engine.score(batch, int(batch_rows[0].get("step") or step))
        engine.observe(signals_of(batch, scored))
        for i, row in enumerate(batch_rows):
            target.write(json.dumps(scored_row(row, batch, scored, i), ensure_ascii=False) + "\n")
        tally.rows += len(batch_rows)
        tally.correct += int(batch.correct.sum())
        tally.no_answer += sum(a is None for a in batch.answers)
        tally.unreadable += int((~batch.readable).sum())
        tally.ungrouped += sum(row.get("group") is None for row in batch_rows)
        tally.steps.add(scored.step)
    return tally
