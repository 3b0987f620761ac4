"""Experiments that are queued, and runs whose evaluations are written without a training."""

from typing import Any

from core.config import presets
from core.config.experiment import ExperimentConfig
from core.config.parsing import parse
from core.store.runs import claims, lifecycle
from core.store.status import Status
from core.store.steps import records
from core.store.steps.records import EvaluationRow, StepRecord

HOSTILE = "<script>alert(1)</script> **bold** [x](http://y) \x1b[31m \u202eesrever \x00 $x$ :red[no]"


def experiment(name: str = "Does KL help?", **changes: Any) -> tuple[int, list[int]]:
    demo = presets.demo().model_dump(mode="json", by_alias=True)
    made = {**demo, "name": name, "sweep": {"grpo.beta": [0.0, 0.04]}, **changes}
    return lifecycle.create_experiment(parse(ExperimentConfig, made))


def train(run_id: int, gold: list[float], end: Status | None = None, **said: str) -> None:
    """Claim a run and store an evaluation every ten steps."""
    claim = claims.claim(run_id, "box-1", 3600.0)
    assert claim and claims.mark_running(run_id, claim.attempt)
    for i, value in enumerate(gold):
        evaluation = EvaluationRow(128, 2, 1.0, value, 2.0)
        metrics = {"eval/accuracy": value, "reward/total": value / 2, "speed/step_seconds": 1.0}
        records.write_step(run_id, claim.attempt, StepRecord(10 * i, metrics, (), evaluation))
    if end:
        claims.finish(run_id, claim.attempt, end, **said)
