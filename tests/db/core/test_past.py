"""What estimates know of runs that were trained before, read from the database."""

from core.store.runs import claims, durations, lifecycle
from core.store.steps import records
from core.store.steps.records import EvaluationRow, StepRecord
from tests.support.samples import run_config


def test_the_past_is_read_from_the_database(database: str) -> None:
    run_id = lifecycle.create_run(run_config())
    claim = claims.claim(run_id, "box-1", 60.0)
    assert claim and claims.mark_running(run_id, 1)
    for step, seconds in enumerate([9.0, 2.0, 3.0, 4.0]):
        metrics = {"speed/step_seconds": seconds, "memory/peak": 1.0 + step / 4}
        evaluation = EvaluationRow(8, 1, 1.0, 0.5, 2.0 + step) if step in (0, 3) else None
        records.write_step(run_id, 1, StepRecord(step, metrics, (), evaluation))
    records.write_environment(run_id, 1, {"host": "box", "device": "cpu"})
    assert durations.past_runs("other") == []
    (found,) = durations.past_runs("tiny")
    assert (found.run_id, found.host, found.device) == (run_id, "box", "cpu") and found.config == run_config()
    assert (found.step_seconds, found.evaluation_seconds, found.memory) == (3.5, 5.0, 1.75)
