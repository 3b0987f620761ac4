"""An adaptive schedule that an evaluation switches: said once, at the evaluation's step, whenever that is
made."""

from pathlib import Path
from typing import Any

import pytest

from core.store.runs import lifecycle, queries
from core.store.status import Status
from core.store.steps.records import SWITCHED
from tests.conftest import wait_for
from tests.support.children import at_step, is_told, standing, started
from tests.support.gate import STEP, gated, gated_run
from tests.support.samples import BRIEF, CONTINUOUS, HARD, run_config
from tests.support.trainings import train
from worker.supervise import supervisor

BLEND = {
    "type": "adaptive",
    "signal": "kl",
    "threshold": 0.0,
    "start": 0.7,
    "end": 0.0,
    "rate": 0.3,
    "memory": 0.5,
}
ABOVE: dict[str, Any] = {"blend": BLEND, "terms": [*HARD, CONTINUOUS[0]]}
# as the base is to itself
BELOW: dict[str, Any] = {**ABOVE, "blend": {**BLEND, "when": "below", "threshold": 0.1}}
LEARNS = {"num_generations": 4, "prompts_per_step": 4, "max_completion_length": 16, "learning_rate": 2e-3}


def switches(run_id: int) -> list[tuple[int | None, str]]:
    return [(event.step, event.detail) for event in queries.events(run_id) if event.kind == SWITCHED]


def test_an_evaluation_that_a_stop_gave_up_switches_when_the_run_goes_on(
    sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = gated(sqlite, monkeypatch)
    evaluation = {"every": STEP + 1, "num_samples": 1}
    config = gated_run(
        ABOVE, grpo={**LEARNS, "max_steps": STEP + 2}, evaluation=evaluation, checkpoint={"every": 100}
    )
    run_id, thread = started(config)
    at_step(run_id, STEP)
    with standing(run_id) as child:  # in the middle of the step that is evaluated
        lifecycle.request_stop(run_id)
        wait_for("the child to be told", lambda: is_told(child))
    gate.unlink()
    thread.join()
    assert queries.series(run_id)["eval/accuracy"].steps == [0] and switches(run_id) == []
    assert lifecycle.requeue(run_id)
    supervisor.supervise("test")
    assert queries.run_detail(run_id).row.status == Status.DONE
    assert switches(run_id) == switches(train(config)) == [(STEP + 1, "blend")]


@pytest.mark.usefixtures("sqlite")
def test_the_evaluation_of_the_base_switches_whether_it_was_made_or_taken_over() -> None:
    config = run_config(
        mix=BELOW, grpo={**BRIEF, "max_steps": 1}, evaluation={"every": 100, "num_samples": 1}
    )
    made, taken = train(config), train(config)
    assert "base" in [event.kind for event in queries.events(taken)]
    assert switches(made) == switches(taken) == [(0, "blend")]
