"""The services of docker-compose.yml as processes on loopback: their own commands, entrypoint, secrets and health checks.

No Docker engine is needed. What a container would have at a fixed place (/run/secrets, /data, /opt/showdown, a host name)
is put where the test has it; everything else is run as it is written in the file. The tests share the services: each
takes those that live, and leaves a worker, a reaper, PostgreSQL and Redis behind that work.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from core import queue
from core.errors import BrokerError
from core.settings import settings
from core.store import queries, runs
from core.store.states import Status
from tests.conftest import REPO, forget_settings, free_port, wait_for
from tests.support.children import children_of, is_told, standing
from tests.support.gate import COMPLETIONS, STEP, gated, gated_run, move, small
from tests.support.samples import run_config

STEPS = 6
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
SERVICES: dict[str, Any] = yaml.safe_load((REPO / "docker-compose.yml").read_text())["services"]
QUICK = {"SHOWDOWN_LEASE_SECONDS": "8", "SHOWDOWN_REAP_SECONDS": "0.5"}
PASSWORDS = {"postgres_password": "p@ss/word:1%", "redis_password": "re dis+2"}  # every one needs care in a URL
pytestmark = [
    pytest.mark.skipif(not POSTGRES, reason="no PostgreSQL: install Debian's `postgresql`"),
    pytest.mark.skipif(not shutil.which("redis-server"), reason="no redis-server on PATH: install Debian's `redis-server`"),
]


class Postgres:
    """A cluster of its own on a TCP port, with user, database and password as the image makes them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o755)
        self.folder, self.port, self.data = folder, free_port(), str(folder / "data")
        self.as_user: list[str] = []
        password = folder / "password"
        password.write_text(PASSWORDS["postgres_password"])
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres")
            self.as_user = ["runuser", "-u", "postgres", "--"]
        self.run("initdb", "-D", self.data, "-U", "showdown", "--auth", "scram-sha-256", "--pwfile", str(password), "--no-sync")
        self.start()
        self.run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "showdown", "showdown")

    def run(self, program: str, *words: str) -> None:
        command = [*self.as_user, str(POSTGRES[-1] / program), *words]
        env = {**os.environ, "PGPASSWORD": PASSWORDS["postgres_password"]}
        # Not captured: a server that is started here would hold the pipe open.
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, env=env)

    def start(self) -> None:
        options = f"-h 127.0.0.1 -p {self.port} -c unix_socket_directories={self.folder} -c fsync=off"
        self.run("pg_ctl", "-D", self.data, "-o", options, "-l", str(self.folder / "log"), "-w", "start")

    def kill(self) -> None:
        """No checkpoint, no goodbye: the next start recovers from the write-ahead log."""
        self.run("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")


class Topology:
    """Services of the compose file, started and killed one by one."""

    def __init__(self, home: Path, secrets: Path, postgres: Postgres) -> None:
        self.home, self.secrets, self.postgres = home, secrets, postgres
        self.redis_port, self.app_port = free_port(), free_port()
        self.processes: list[tuple[str, subprocess.Popen[bytes]]] = []
        self.gate = home / "components" / "hold"  # runs wait at the second step as long as it is there
        (home / "redis").mkdir()

    def running(self, service: str) -> subprocess.Popen[bytes]:
        """The process of this service that lives, else a new one."""
        living = [process for name, process in self.processes if name == service and process.poll() is None]
        return living[-1] if living else self.start(service)

    def urls(self) -> dict[str, str]:
        """What the entrypoint makes of the secrets, for this process."""
        names = ("SHOWDOWN_DATABASE_URL", "SHOWDOWN_BROKER_URL")
        entry = ["sh", str(REPO / "docker" / "entrypoint.sh"), "printenv", *names]
        made = subprocess.run(entry, check=True, capture_output=True, text=True, env=self.environment("app"))
        return dict(zip(names, made.stdout.split(), strict=True))

    def words(self, given: list[str], data: Path) -> list[str]:
        """A command line of the file, with the places of a container put where they are here."""
        places = {
            "/run/secrets": str(self.secrets),
            "/opt/showdown": str(REPO / "docker"),
            "dir /data": f"dir {data}\nbind 127.0.0.1\nport {self.redis_port}",
            "redis-cli": f"redis-cli -p {self.redis_port}",
            "$$": "$",
        }
        words = []
        for word in given:
            for there, here in places.items():
                word = word.replace(there, here)
            words.append(word)
        return words

    def environment(self, service: str) -> dict[str, str]:
        given = {k: re.sub(r"\$\{\w+:-(.*)\}", r"\1", str(v)) for k, v in SERVICES[service].get("environment", {}).items()}
        here = {
            "HOME": str(self.home),
            "SHOWDOWN_HOME": str(self.home),
            "SHOWDOWN_COMPONENTS": str(self.home / "components"),
            "SHOWDOWN_HOST": "127.0.0.1",
            "SHOWDOWN_PORT": str(self.app_port),
            "POSTGRES_AT": f"127.0.0.1:{self.postgres.port}",
            "REDIS_AT": f"127.0.0.1:{self.redis_port}",
            "SECRETS": str(self.secrets),
            "HF_HOME": str(self.home / "huggingface"),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        ours = {k: v for k, v in os.environ.items() if not k.startswith("SHOWDOWN_")}
        return {**ours, **given, **QUICK, **here}

    def command(self, service: str) -> list[str]:
        entry = [] if service == "redis" else ["sh", str(REPO / "docker" / "entrypoint.sh")]
        return entry + self.words(SERVICES[service]["command"], self.home / "redis")

    def start(self, service: str) -> subprocess.Popen[bytes]:
        with (self.home / f"{service}.log").open("ab") as log:
            process = subprocess.Popen(
                self.command(service), stdout=log, stderr=log, env=self.environment(service), start_new_session=True
            )
        self.processes.append((service, process))
        return process

    def once(self, service: str) -> None:
        """A one-shot service, to its end."""
        subprocess.run(self.command(service), check=True, env=self.environment(service))

    def healthy(self, service: str) -> bool:
        """What its health check says."""
        kind, *test = SERVICES[service]["healthcheck"]["test"]
        command = self.words(["sh", "-c", *test] if kind == "CMD-SHELL" else test, self.home)
        return subprocess.run(command, env=self.environment(service), capture_output=True).returncode == 0

    def wait_healthy(self, *services: str) -> None:
        for service in services:
            wait_for(f"{service} to be healthy", lambda s=service: self.healthy(s))

    def end(self) -> None:
        for _, process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)  # a stopped one could not end
                process.terminate()
        for _, process in self.processes:
            process.wait(60)

    def logs(self) -> str:
        return "\n".join(f"--- {p.name}\n{p.read_text()}" for p in sorted(self.home.glob("*.log")))


def kill(process: subprocess.Popen[bytes]) -> None:
    """As `docker kill` does, but for the container's other processes: a training is in a session of its own and lives on."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """PostgreSQL, Redis and the migration done, in the order of the file; this process's settings point at them."""
    home, secrets = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("secrets")
    for name, word in PASSWORDS.items():
        (secrets / name).write_text(word + "\n")
    folder = Path(f"/tmp/showdown-topology-{os.getpid()}-{time.time_ns()}")  # short and enterable, as in tests/conftest.py
    made = Topology(home, secrets, Postgres(folder))
    with pytest.MonkeyPatch.context() as patch:
        try:
            gated(home, patch)
            made.start("redis")
            made.once("migrate")
            made.wait_healthy("redis")
            for name in [name for name in os.environ if name.startswith("SHOWDOWN_")]:
                patch.delenv(name)
            for name, value in {"SHOWDOWN_HOME": str(home), **made.urls()}.items():
                patch.setenv(name, value)
            forget_settings()
            yield made
        finally:
            forget_settings()  # no connection of ours holds the server
            made.end()
            made.postgres.kill()
            shutil.rmtree(folder)
    forget_settings()


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
    made = [runs.create_run(gated_run(seed=i, **small(STEPS))) for i in range(count)]
    for run_id in made:
        queue.enqueue(run_id)
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
        second.terminate()  # as `docker compose up` does with a new image: a checkpoint, and the run goes back to the queue
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
    [
        pytest.param(True, id="longer-than-a-look"),
        pytest.param(False, id="shorter-than-a-look"),
    ],
)
def test_the_database_is_killed_while_a_run_trains(topology: Topology, supervisor_sees_it: bool) -> None:
    (run_id,) = queued(1)
    topology.running("reaper")
    worker = topology.running("worker-cpu")
    at_gate(run_id)
    if not supervisor_sees_it:
        worker.send_signal(signal.SIGSTOP)  # stands for half a second between two looks, however slow this machine is
    topology.postgres.kill()
    if supervisor_sees_it:
        said = f"run {run_id}: lease not renewed"
        wait_for("its supervisor to notice", lambda: said in topology.logs())
    topology.gate.unlink()
    # Until the training has felt it: a restart between two of its writes proves nothing.
    log = settings().run_folder(run_id) / "train.log"
    wait_for("the training to notice", lambda: "does not answer" in log.read_text() or not children_of(run_id))
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
    waits = runs.create_run(run_config(seed=1, **small(STEPS)))
    with pytest.raises(BrokerError, match=f"run {waits} stays queued"):
        queue.enqueue(waits)
    move(topology.gate, STEP + 2)
    at_gate(trains, STEP + 2)  # who trains needs no broker
    kill(worker)
    wait_for("the lost run to be put back", lambda: queries.run_detail(trains).row.status == Status.QUEUED)
    topology.gate.unlink()
    before = topology.logs().count("Cannot connect to redis")
    topology.start("worker-cpu")
    wait_for("the new worker to look for the broker", lambda: topology.logs().count("Cannot connect to redis") > before)
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
