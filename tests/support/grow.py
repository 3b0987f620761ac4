"""Runs that grow without a training: real rows through core.store, as a worker writes them."""

import math
from collections.abc import Sequence

from sqlalchemy import insert

from core.config.experiment import ExperimentConfig
from core.config.parsing import parse
from core.store.bulk_insert import insert_rows
from core.store.runs import claims, lifecycle
from core.store.schema import evaluation, point
from core.store.session import writing
from core.store.steps import metric_ids
from core.store.steps.records import EVALUATION, EvaluationRow, StepRecord, write_step

OWNER = "grower"
TERMS = (
    {"component": "correctness", "side": "hard", "weight": 1.0},
    {"component": "closeness", "side": "continuous", "weight": 0.5},
)
EVALUATED = 10
AS_WRITTEN = 10  # steps


def growing(
    arms: Sequence[str] = ("hybrid",), seeds: Sequence[int] = (0,), max_steps: int = 200
) -> list[int]:
    """Runs of one experiment, claimed and training in the eyes of everybody. Returns their ids."""
    blend = {
        "type": "linear",
        "start": 0.0,
        "end": 1.0,
        "from_step": max_steps // 4,
        "to_step": max_steps // 2,
    }
    made = {
        "name": "growing", "arms": [{"name": a, "mix": {"terms": TERMS, "blend": blend}} for a in arms], "seeds": seeds,
        "run": {"grpo": {"max_steps": max_steps}},
    }  # fmt: skip
    _, ids = lifecycle.create_experiment(parse(ExperimentConfig, made), "test")
    for run_id in ids:
        assert claims.claim(run_id, OWNER, 36_000.0)
        assert claims.mark_running(run_id, 1)
    return ids


def metrics(step: int, phase: float = 0.0) -> dict[str, float]:
    """What a step records, smooth and without chance."""
    x, wave = step / 100, 0.1 * math.sin(step / 3 + phase)
    found = {
        "reward/total": 0.3 + 0.5 * x / (1 + x) + wave, "reward/accuracy": min(1.0, 0.1 + 0.5 * x), "reward/no_answer": 0.2,
        "signal/dead_groups": min(1.0, 0.2 * x), "signal/group_spread": 0.2 + wave / 2, "blend/hard": min(1.0, x / 2),
        "policy/entropy": 1 / (1 + x), "policy/grad_norm": 0.5 + wave, "length/mean": 20.0 + step % 7, "length/truncated": 0.0,
        "speed/step_seconds": 1.0, "speed/generated_tokens_per_second": 500.0,
    }  # fmt: skip
    for k, term in enumerate(("correctness", "closeness")):
        found |= {f"score/{term}": 0.2 + 0.1 * k + wave, f"contribution/{term}": 0.1 + wave, f"weight/{term}": 0.5,
                  f"signal/advantage_share/{term}": 0.5}  # fmt: skip
    return found


def _record(step: int, phase: float) -> StepRecord:
    """A step, with an evaluation now and then."""
    measured = metrics(step, phase) if step else {}  # step 0 is the state before the first update
    if step % EVALUATED:
        return StepRecord(step=step, metrics=measured)
    accuracy = min(1.0, 0.05 + step / 200)
    made = EvaluationRow(problems=128, num_samples=2, temperature=1.0, accuracy=accuracy, seconds=1.0)
    return StepRecord(
        step=step, metrics=measured | {"eval/accuracy": accuracy, "eval/kl": step / 1000}, evaluation=made
    )


def grow(run_id: int, first: int, last: int, phase: float = 0.0) -> None:
    """Write the steps first..last of a run. The last AS_WRITTEN are a transaction each, as a worker writes
    them.

    The many before them are written as the same rows in one transaction, which takes a tenth of the time.
    """
    begin = max(first, last - AS_WRITTEN + 1)
    _write_at_once(run_id, [_record(step, phase) for step in range(first, begin)])
    for step in range(begin, last + 1):
        write_step(run_id, 1, _record(step, phase))


def _write_at_once(run_id: int, records: Sequence[StepRecord]) -> None:
    ids = metric_ids.register({name for record in records for name in record.metrics})
    points = [
        (run_id, ids[name], record.step, value)
        for record in records
        for name, value in record.metrics.items()
    ]
    evaluations = [
        {"run_id": run_id, "step": record.step}
        | {name: getattr(record.evaluation, name) for name in EVALUATION}
        for record in records
        if record.evaluation
    ]
    with writing() as c:
        insert_rows(c, point, ("run_id", "metric_id", "step", "value"), points)
        if evaluations:
            c.execute(insert(evaluation), evaluations)
