"""The services of docker-compose.yml as processes on loopback, killed one by one and all at once.

The tests share the services: each takes those that live, and leaves a worker, a reaper, PostgreSQL and
Redis behind that work.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator

import pytest

from core.common.errors import BrokerError
from core.common.settings import settings
from core.store import broker
from core.store.runs import lifecycle, queries
from core.store.status import Status
from tests.conftest import wait_for
from tests.support.children import children_of, is_told, standing
from tests.support.gate import COMPLETIONS, STEP, gated, gated_run, move, small
from tests.support.samples import run_config
from tests.support.topology import NEEDS, PASSWORDS, Topology, kill, topology_of

STEPS = 6
pytestmark = [*NEEDS]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """With a gate for the runs, closed and opened by the tests."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch, topology_of(home, tmp_path_factory.mktemp("secrets")) as made:
        gated(home, patch)
        yield made


@pytest.fixture
def topology(services: Topology) -> Topology:
    """The services, with the gate closed."""
    services.gate.touch()
    return services


def at_gate(run_id: int, step: int = STEP) -> None:
    wait_for(f"step {step} of run {run_id}", lambda: queries.run_detail(run_id).row.step >= step)


def holds(run_id: int, worker: subprocess.Popen[bytes]) -> bool:
    """The worker's process id ends its name."""
    return any(e.kind == "starting" and e.detail.endswith(f"-{worker.pid}") for e in queries.events(run_id))


def whole(run_id: int, logs: Callable[[], str]) -> None:
    """The run is DONE, said once; each of its steps is stored once; nothing of it is left running."""
    detail = queries.run_detail(run_id)
    assert detail.row.status == Status.DONE, (detail.row.error_message, detail.log_tail, logs())
    assert [e.kind for e in queries.events(run_id)].count("done") == 1
    for name, found in queries.series(run_id).items():
        if not name.startswith("eval/"):
            assert found.steps == list(range(1, STEPS + 1)), name
    for step in range(1, STEPS + 1):
        assert len(queries.samples_at(run_id, step)) == COMPLETIONS
    assert children_of(run_id) == []


def queued(count: int) -> list[int]:
    made = [lifecycle.create_run(gated_run(seed=i, **small(STEPS))) for i in range(count)]
    for run_id in made:
        broker.enqueue(run_id)
    return made


def test_every_part_is_killed_in_turn_and_the_runs_end_whole(topology: Topology) -> None:
    made = queued(2)
    app, reaper = topology.start("app"), topology.running("reaper")
    workers = [topology.running("worker-cpu"), topology.start("worker-cpu")]
    for run_id in made:
        at_gate(run_id)
    first, second = workers if holds(made[0], workers[0]) else workers[::-1]
    assert holds(made[0], first) and holds(made[1], second)  # one each, at the same time

    kill(first)
    topology.start("worker-cpu")
    kill(topology.running("redis"))
    topology.start("redis")
    kill(reaper)
    topology.start("reaper")
    kill(app)
    topology.start("app")
    topology.wait_healthy("redis", "reaper")
    with standing(made[1]) as child:  # at the gate, where it writes nothing
        # as `docker compose up` does with a new image: a checkpoint, and the run goes back to the queue
        second.terminate()
        wait_for("the training to be told", lambda: is_told(child))
    topology.gate.unlink()
    assert second.wait(120) == 0, topology.logs()
    row = queries.run_detail(made[1]).row
    assert row.checkpoint_step == row.step < STEPS

    for run_id in made:
        wait_for(f"the end of run {run_id}", lambda i=run_id: queries.run_detail(i).row.status.finished)
    topology.wait_healthy("app", "reaper", "redis", "worker-cpu")
    for run_id in made:
        whole(run_id, topology.logs)
    assert [queries.run_detail(i).row.attempt for i in made] == [2, 2]
    assert "lost" in [e.kind for e in queries.events(made[0])]
    words = [*PASSWORDS.values(), settings().database_url, settings().broker_url]
    assert not [w for w in words if w in topology.logs()]


@pytest.mark.parametrize(
    "supervisor_sees_it",
    [pytest.param(True, id="longer-than-a-look"), pytest.param(False, id="shorter-than-a-look")],
)
def test_the_database_is_killed_while_a_run_trains(topology: Topology, supervisor_sees_it: bool) -> None:
    (run_id,) = queued(1)
    topology.running("reaper")
    worker = topology.running("worker-cpu")
    at_gate(run_id)
    if not supervisor_sees_it:
        # stands for half a second between two looks, however slow this machine is
        worker.send_signal(signal.SIGSTOP)
    topology.postgres.kill()
    if supervisor_sees_it:
        said = f"run {run_id}: lease not renewed"
        wait_for("its supervisor to notice", lambda: said in topology.logs())
    topology.gate.unlink()
    # Until the training has felt it: a restart between two of its writes proves nothing.
    log = settings().run_folder(run_id) / "train.log"
    wait_for(
        "the training to notice", lambda: "does not answer" in log.read_text() or not children_of(run_id)
    )
    topology.postgres.start()
    worker.send_signal(signal.SIGCONT)
    wait_for("the end", lambda: queries.run_detail(run_id).row.status.finished)
    whole(run_id, topology.logs)


def test_the_broker_is_away_and_comes_back_with_nothing(topology: Topology) -> None:
    """Longer than a lease and many rounds of the reaper, as an hour is at the real settings."""
    (trains,) = queued(1)
    topology.running("reaper")
    worker = topology.running("worker-cpu")
    at_gate(trains)
    kill(topology.running("redis"))
    for path in sorted((topology.home / "redis").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    waits = lifecycle.create_run(run_config(seed=1, **small(STEPS)))
    with pytest.raises(BrokerError, match=f"run {waits} stays queued"):
        broker.enqueue(waits)
    move(topology.gate, STEP + 2)
    at_gate(trains, STEP + 2)  # who trains needs no broker
    kill(worker)
    wait_for("the lost run to be put back", lambda: queries.run_detail(trains).row.status == Status.QUEUED)
    topology.gate.unlink()
    before = topology.logs().count("Cannot connect to redis")
    topology.start("worker-cpu")
    wait_for(
        "the new worker to look for the broker",
        lambda: topology.logs().count("Cannot connect to redis") > before,
    )
    topology.start("redis")
    for run_id in (trains, waits):
        wait_for(f"the end of run {run_id}", lambda i=run_id: queries.run_detail(i).row.status.finished)
    whole(trains, topology.logs)
    whole(waits, topology.logs)
    assert [queries.run_detail(i).row.attempt for i in (trains, waits)] == [2, 1]


def test_everything_is_killed_at_once(topology: Topology) -> None:
    (run_id,) = queued(1)
    parts = [topology.running(service) for service in ("reaper", "worker-cpu", "redis")]
    at_gate(run_id)
    for pid in [*children_of(run_id), *(p.pid for p in parts)]:
        os.kill(pid, signal.SIGKILL)
    topology.postgres.kill()
    for part in parts:
        part.wait()
    wait_for("the training to be gone", lambda: not children_of(run_id))
    topology.gate.unlink()
    topology.postgres.start()
    for service in ("worker-cpu", "redis", "reaper"):  # in no good order
        topology.start(service)
    wait_for("the end", lambda: queries.run_detail(run_id).row.status.finished)
    whole(run_id, topology.logs)
    assert queries.run_detail(run_id).row.attempt == 2
