"""What estimates know of runs that were trained before, read from the database."""

import pytest

from core.estimate import seconds_per_step
from core.store import claims, past, records, runs
from core.store.records import EvaluationRow, StepRecord
from tests.support.samples import run_config


def test_the_past_is_read_from_the_database(database: str) -> None:
    run_id = runs.create_run(run_config())
    claim = claims.claim(run_id, "box-1", 60.0)
    assert claim and claims.mark_running(run_id, 1)
    for step, seconds in enumerate([9.0, 2.0, 3.0, 4.0]):
        metrics = {"speed/step_seconds": seconds, "memory/peak": 1.0 + step / 4}
        evaluation = EvaluationRow(8, 1, 1.0, 0.5, 2.0 + step) if step in (0, 3) else None
        records.write_step(run_id, 1, StepRecord(step, metrics, (), evaluation))
    records.write_environment(run_id, 1, {"host": "box", "device": "cpu"})
    assert past.past_runs("other") == []
    (found,) = past.past_runs("tiny")
    assert (found.run_id, found.host, found.device) == (run_id, "box", "cpu") and found.config == run_config()
    assert (found.step_seconds, found.evaluation_seconds, found.memory) == (3.5, 5.0, 1.75)


@pytest.mark.parametrize(
    ("seconds", "num_iterations", "expected", "why"),
    [
        ([1.0, 2.0, 9.0], 1, 2.0, "the median"),
        ([5.0, 1.0, 5.0, 1.0, 50.0, 10.0], 2, 3.0, "pairs take 3, 3 and 30 a step"),
        ([9.0, 5.0, 1.0], 2, 3.0, "the newest whole pair"),
        ([4.0, 2.0], 3, 3.0, "less than a rollout"),
    ],
)
def test_the_seconds_of_a_step_where_some_generate(
    seconds: list[float], num_iterations: int, expected: float, why: str
) -> None:
    assert seconds_per_step(seconds, num_iterations) == expected, why
