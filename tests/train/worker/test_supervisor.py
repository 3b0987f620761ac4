"""Stop and failure: what is asked for happens at a step boundary, what goes wrong is said with its reason."""

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from core.common.settings import settings
from core.config.local_checks import settled
from core.store.runs import claims, lifecycle, queries
from core.store.status import Status
from tests.conftest import reap, wait_for
from tests.support.children import at_step, children_of, is_told, standing, started
from tests.support.gate import STEP, gated, gated_run
from tests.support.samples import BRIEF, run_config
from tests.support.trainings import record, same, train
from worker.state.remote import digest
from worker.supervise import supervisor

pytestmark = pytest.mark.usefixtures("sqlite")


def test_stop_ends_at_a_step_boundary_and_resume_equals_never_stopped(
    sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not wait for the evaluation that is due after the step: that is given up, and made when the
    run goes on."""
    gate = gated(sqlite, monkeypatch)
    evaluation = {"every": STEP + 1, "num_samples": 2, "batch_size": 4}
    config = gated_run(
        grpo={**BRIEF, "max_steps": STEP + 2}, checkpoint={"every": 100}, evaluation=evaluation
    )
    run_id, thread = started(config)
    at_step(run_id, STEP)
    with standing(run_id) as child:  # in the middle of the next step
        lifecycle.request_stop(run_id)
        wait_for("the child to be told", lambda: is_told(child))
    gate.unlink()
    thread.join()
    row = queries.run_detail(run_id).row
    assert row.status == Status.STOPPED and row.checkpoint_step == row.step == STEP + 1
    assert queries.series(run_id)["eval/accuracy"].steps == [0]
    assert lifecycle.requeue(run_id)
    supervisor.supervise("test")
    done = queries.run_detail(run_id)
    assert done.row.status == Status.DONE and f"--- attempt {done.row.attempt}, " in (done.log_tail or "")
    assert queries.series(run_id)["eval/accuracy"].steps == [0, STEP + 1, STEP + 2]
    stopped, straight = record(run_id), record(train(config))
    assert same(stopped[0], straight[0]) and stopped[1] == straight[1]


RATED = {"component": "reward_model", "side": "continuous", "params": {"path": "/etc"}}
FAILURES = [
    (
        {"data": {"train": {"name": "tiny-arithmetic", "size": 2}}},
        "DataError",
        "2 problems to train on are fewer than",
    ),
    ({"model": {"path": "./no-such-model"}}, "ModelError", "'./no-such-model' does not exist; give a folder"),
    ({"model": {"path": "docs"}}, "ModelError", "has no config.json"),
    ({"data": {"train": {"path": "./no-such.jsonl"}}}, "DataError", "no-such.jsonl: cannot be read"),
    (
        {"model": {"path": "/no/such/model"}},
        "OutsideRoots",
        "model.path: '/no/such/model' leads out of the data roots",
    ),
    (
        {"data": {"train": {"path": "/etc/passwd"}}},
        "OutsideRoots",
        "data.train.path: '/etc/passwd' leads out of the data roots",
    ),
    (
        {"data": {"eval": {"path": "../../etc/passwd"}}},
        "OutsideRoots",
        "data.eval.path: '../../etc/passwd' leads out of",
    ),
    (
        {"mix": {"terms": [RATED]}},
        "OutsideRoots",
        "the path of a reward_model: '/etc' leads out of the data roots",
    ),
]


@pytest.mark.parametrize(("change", "kind", "message"), FAILURES)
def test_a_failure_is_said_with_kind_message_and_log(change: dict[str, Any], kind: str, message: str) -> None:
    detail = queries.run_detail(train(run_config(**change)))
    assert detail.row.status == Status.FAILED
    assert detail.row.error_kind == kind and message in (detail.row.error_message or "")
    assert "Traceback" in (detail.log_tail or "")


def test_a_link_that_was_changed_after_the_run_was_queued_is_not_followed(tmp_path: Path) -> None:
    """Submitted while it led to data; when the worker comes to open it, it leads elsewhere."""
    (tmp_path / "good.jsonl").write_text('{"question": "2+2?", "answer": "4"}\n')
    link = tmp_path / "link.jsonl"
    link.symlink_to("good.jsonl")
    config = settled(run_config(data={"train": {"path": str(link)}}))
    link.unlink()
    link.symlink_to("/etc/passwd")
    detail = queries.run_detail(train(config))
    assert detail.row.status == Status.FAILED and detail.row.error_kind == "OutsideRoots"
    assert "root:" not in f"{detail.row.error_message} {detail.log_tail}"


@pytest.mark.parametrize(
    ("code", "watched", "shutdown", "status"),
    [
        (3, supervisor.Watched(True, False), False, Status.STOPPED),
        # the worker ends, the run goes on elsewhere
        (3, supervisor.Watched(False, False), True, Status.QUEUED),
        (-signal.SIGTERM, supervisor.Watched(True, False), False, Status.STOPPED),  # before it could listen
        # by us, after the grace time
        (-signal.SIGKILL, supervisor.Watched(True, True), False, Status.STOPPED),
        # by somebody else: out of memory
        (-signal.SIGKILL, supervisor.Watched(True, False), False, Status.FAILED),
        (1, supervisor.Watched(True, False), False, Status.FAILED),  # a crash after Stop is still a crash
        (1, supervisor.Watched(False, False), True, Status.FAILED),
    ],
)
def test_the_exit_code_decides(
    code: int,
    watched: supervisor.Watched,
    shutdown: bool,
    status: Status,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    event = threading.Event()
    if shutdown:
        event.set()
    monkeypatch.setattr(supervisor, "SHUTDOWN", event)
    claim = claims.claim(lifecycle.create_run(run_config()), "w", 60.0)
    assert claim
    assert supervisor._conclude(claim, code, watched, tmp_path) == status
    assert queries.run_detail(claim.run_id).row.status == status


def test_a_worker_that_is_ending_takes_no_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may have fetched a message already: it would start the run that it has just given back."""
    ending = threading.Event()
    ending.set()
    monkeypatch.setattr(supervisor, "SHUTDOWN", ending)
    run_id = lifecycle.create_run(run_config())
    assert supervisor.supervise("test") is None
    row = queries.run_detail(run_id).row
    assert (row.status, row.attempt) == (Status.QUEUED, 0)


def test_a_run_of_another_version_fails_and_the_queue_goes_on() -> None:
    from core.store.schema import run
    from core.store.session import writing

    old, new = lifecycle.create_run(run_config()), lifecycle.create_run(run_config())
    with writing() as c:
        c.execute(
            run.update()
            .where(run.c.id == old)
            .values(config={"mix": {"terms": [{"component": "gone", "side": "hard"}]}})
        )
    claim = claims.claim_next("w", 60.0)
    assert claim and claim.run_id == new
    row = queries.run_detail(old).row
    assert row.status == Status.FAILED and "no component is called 'gone'" in (row.error_message or "")


def test_a_fresh_start_forgets_the_checkpoints_of_an_older_attempt(sqlite: Path) -> None:
    run_id = lifecycle.create_run(run_config(grpo={**BRIEF, "max_steps": 1}))
    stale = settings().run_folder(run_id) / "checkpoint-7"
    stale.mkdir(parents=True)
    supervisor.supervise("test")
    assert queries.run_detail(run_id).row.status == Status.DONE and not stale.exists()


def test_a_run_killed_between_its_last_checkpoint_and_its_adapter_makes_no_step_more() -> None:
    run_id = train(run_config(grpo={**BRIEF, "max_steps": 2}, checkpoint={"every": 2}))
    folder = settings().run_folder(run_id)
    before = {p.name: digest(p) for p in (folder / "adapter").glob("*.safetensors")}
    for p in (folder / "adapter").iterdir():
        p.unlink()
    from core.store.schema import run
    from core.store.session import writing

    with writing() as c:
        c.execute(run.update().where(run.c.id == run_id).values(status="queued"))
    supervisor.supervise("test")
    row = queries.run_detail(run_id).row
    assert (row.status, row.step, row.attempt) == (Status.DONE, 2, 2)
    assert {p.name: digest(p) for p in (folder / "adapter").glob("*.safetensors")} == before


def test_a_killed_child_is_failed_with_its_signal() -> None:
    run_id, thread = started(run_config(grpo={**BRIEF, "max_steps": 5000}))
    at_step(run_id, 1)
    wait_for("the log, while it trains", lambda: "ready after" in (queries.run_detail(run_id).log_tail or ""))
    (child,) = children_of(run_id)
    os.kill(child, signal.SIGKILL)
    thread.join()
    row = queries.run_detail(run_id).row
    assert row.status == Status.FAILED and row.error_kind == "SIGKILL"
    assert "memory" in (row.error_message or "")  # the likeliest reason for this signal


def test_a_child_that_ignores_the_stop_is_killed_after_the_grace_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from tests.conftest import forget_settings

    monkeypatch.setenv("SHOWDOWN_STOP_GRACE_SECONDS", "1")
    forget_settings()
    run_id, thread = started(run_config(grpo={**BRIEF, "max_steps": 5000}))
    at_step(run_id, 1)
    (child,) = children_of(run_id)
    os.kill(child, signal.SIGSTOP)  # it hangs without dying
    lifecycle.request_stop(run_id)
    thread.join(60)
    assert not thread.is_alive() and children_of(run_id) == []
    row = queries.run_detail(run_id).row
    assert row.status == Status.STOPPED and "killed" in queries.events(run_id)[-1].detail


def test_a_newer_attempt_ends_the_older_training() -> None:
    run_id, thread = started(run_config(grpo={**BRIEF, "max_steps": 5000}))
    at_step(run_id, 1)
    wait_for("the reaper to take the run", reap)  # as after a lease that ran out while this machine slept
    thread.join(60)
    assert not thread.is_alive() and children_of(run_id) == []
    assert queries.run_detail(run_id).row.status == Status.QUEUED
