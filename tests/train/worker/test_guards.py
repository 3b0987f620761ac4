"""Collapse guards: refused when they could never act, said once, and a stop that keeps its checkpoint."""

from typing import Any

import pytest

from core.common.errors import ConfigError
from core.config.run import Guard
from core.store.runs import lifecycle, queries
from core.store.status import Status
from tests.support.samples import BRIEF, run_config
from tests.support.trainings import train
from worker.supervise import supervisor
from worker.training.guards import Guards

REFUSED = [
    ({"metric": "eval/kll", "above": 1}, "no metric is called 'eval/kll'; there are eval/accuracy,"),
    ({"metric": "eval/kll", "above": 1}, "score/<term>"),
    ({"metric": "eval/kl"}, "needs exactly one of above and below"),
    ({"metric": "eval/kl", "above": 1, "below": 0}, "needs exactly one of above and below"),
    ({"metric": "policy/kl", "above": 1}, "policy/kl is recorded only where grpo.beta is above 0; eval/kl"),
    ({"metric": "eval/greedy", "below": 1}, "recorded only where evaluation.greedy is on"),
    (
        {"metric": "score/politeness", "below": 1},
        "the mix has no term 'politeness'; it has correctness, closeness",
    ),
    ({"metric": "eval/kl", "above": 1, "for_steps": 0}, "greater than or equal to 1"),
]


@pytest.mark.parametrize(("guard", "message"), REFUSED)
def test_a_guard_that_could_never_act_is_refused(guard: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match="guards") as refused:
        run_config(guards=[guard])
    assert message in str(refused.value)


def test_bad_values_must_follow_each_other_and_gaps_do_not_count() -> None:
    guards = Guards(
        [Guard(metric="length/mean", below=5, for_steps=2), Guard(metric="eval/kl", above=1, action="stop")]
    )
    values = [4, 6, 4, float("nan"), 4, 4, 6, 4, 4]
    said = [guards.observe({"length/mean": v}) for v in values]
    assert [bool(s) for s in said] == [False] * 4 + [True] + [False] * 4
    assert said[4] == ["Completion length (length/mean) is 4, below 5, 2 values in a row"]
    assert guards.observe({"eval/kl": 1.0}) == [] and guards.stopped is None
    assert guards.observe({"eval/kl": 1.5}) == [guards.stopped] and "the run is stopped" in str(
        guards.stopped
    )


GUARDS = [
    {"metric": "length/mean", "above": 1, "for_steps": 2},
    {"metric": "signal/dead_groups", "below": 2, "for_steps": 3, "action": "stop"},
    {"metric": "eval/kl", "above": 1000, "action": "stop"},
]


@pytest.mark.usefixtures("sqlite")
def test_a_warning_is_said_once_and_a_stop_keeps_its_checkpoint() -> None:
    run_id = train(run_config(guards=GUARDS, grpo={**BRIEF, "max_steps": 8}, checkpoint={"every": 100}))
    row = queries.run_detail(run_id).row
    assert (row.status, row.step, row.checkpoint_step, row.error_kind) == (Status.STOPPED, 3, 3, None)
    reason = "Dead groups (signal/dead_groups) is 0"
    assert (row.error_message or "").startswith(reason[:30]) and queries.events(run_id)[
        -1
    ].detail == row.error_message
    # queued again it has as many steps to recover
    for end, status in ((6, Status.STOPPED), (8, Status.DONE)):
        assert lifecycle.requeue(run_id)
        supervisor.supervise("test")
        row = queries.run_detail(run_id).row
        assert (row.status, row.step, row.checkpoint_step) == (status, end, end)
    said = [(e.step, e.detail.split(" (")[0]) for e in queries.events(run_id) if e.kind == "guard"]
    assert said == [(2, "Completion length"), (3, "Dead groups"), (6, "Dead groups")]
    assert queries.series(run_id)["policy/loss"].steps == list(range(1, 9))


@pytest.mark.usefixtures("sqlite")
def test_a_guard_on_the_start_ends_the_run_before_its_first_step() -> None:
    run_id = train(run_config(guards=[{"metric": "eval/accuracy", "below": 2, "action": "stop"}]))
    row = queries.run_detail(run_id).row
    assert (row.status, row.step, row.checkpoint_step) == (Status.STOPPED, 0, None)
    assert "Gold accuracy (eval/accuracy)" in (row.error_message or "")
