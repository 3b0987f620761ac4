"""The database goes away while a run trains: the run goes on, and every step is stored exactly once, in
order.

Real servers, locks and kills. What happens to a training happens while it waits at a gate, and that it
went on is read from its journal, never assumed from a sleep.
"""

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from core.common.settings import settings
from core.config.run import RunConfig
from core.store.runs import claims, lifecycle, queries
from core.store.status import Status
from core.store.steps import records
from core.store.steps.records import EvaluationRow, ItemRow, SampleRow, ScoreRow, StepRecord
from migrations import upgrade
from tests.conftest import forget_settings, fresh_postgres, reap, wait_for
from tests.support.children import at_step, children_of, started
from tests.support.gate import at_gate, gated, gated_run, move
from tests.support.samples import BRIEF, run_config
from tests.support.trainings import record, same, train
from worker.state.journal import CAUGHT_UP, Journal, record_of, take_over
from worker.supervise import supervisor

STEPS = 6
Record = tuple[list[Any], dict[str, dict[int, float]]]
LOCK = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('BEGIN EXCLUSIVE'); print(flush=True); sys.stdin.read()"


@dataclass
class Server:
    """A PostgreSQL of one's own, to be stopped."""

    folder: Path
    bin: Path

    def pg(self, name: str, *args: str) -> None:
        as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        command = [*as_user, str(self.bin / name), "-D", str(self.folder / "data"), *args]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder)

    def start(self) -> None:
        options = f"-c listen_addresses='' -c unix_socket_directories={self.folder}"
        self.pg("pg_ctl", "-o", options, "-l", str(self.folder / "log"), "-w", "start")

    def stop(self) -> None:
        """As kill -9 would: no goodbye, recovery at the next start."""
        self.pg("pg_ctl", "-m", "immediate", "-w", "stop")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Server]:
    """A PostgreSQL that is not running."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("no PostgreSQL to stop: install Debian's `postgresql`")
    # short, as in tests/conftest.py
    made = Server(Path(tempfile.mkdtemp(prefix="showdown-away-", dir="/tmp")), found[-1])
    made.folder.chmod(0o755)
    if os.geteuid() == 0:
        shutil.chown(made.folder, "postgres")
    made.pg("initdb", "-U", "showdown", "--auth", "trust", "--no-sync")
    yield made
    shutil.rmtree(made.folder)


@pytest.fixture
def server(cluster: Server, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """It runs, with a database of the test's own."""
    cluster.start()
    url = fresh_postgres(f"postgresql+psycopg://showdown@/postgres?host={cluster.folder}")
    monkeypatch.setenv("SHOWDOWN_DATABASE_URL", url)
    forget_settings()
    upgrade()
    yield cluster
    forget_settings()
    cluster.stop()


def config() -> RunConfig:
    """Only where there is a gate."""
    held_out = {"eval": {"name": "tiny-arithmetic", "size": 4}}
    return gated_run(grpo={**BRIEF, "max_steps": STEPS}, checkpoint={"every": 2}, data=held_out)


@pytest.fixture
def gate(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return gated(home, monkeypatch, 1)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Record:
    """What the run leaves behind when nothing happens to it."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("straight")
        patch.setenv("SHOWDOWN_HOME", str(folder))
        forget_settings()
        upgrade()
        gated(folder, patch).unlink()
        made = record(train(config()))
    forget_settings()
    return made


def stored(run_id: int, gate: Path) -> None:
    """The first step is, and the training waits in its second: it asks nothing of the database."""
    at_step(run_id, 1)
    at_gate(gate)


def without_database(config: RunConfig, server: Server, gate: Path) -> tuple[int, threading.Thread]:
    """A training that waits in its second step, and its supervisor's thread, when the database has just
    gone away."""
    run_id, thread = started(config)
    stored(run_id, gate)
    server.stop()
    return run_id, thread


def kept(run_id: int, attempt: int = 1) -> list[dict[str, Any]]:
    """The entries of a journal, as they lie on the disk."""
    try:
        text = (settings().run_folder(run_id) / f"journal-{attempt}.jsonl").read_text()
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def keeps(run_id: int, entries: int) -> None:
    wait_for(f"{entries} entries in the journal", lambda: len(kept(run_id)) >= entries)


def ends(run_id: int, straight: Record) -> list[str]:
    """The run is done and equals, to the last bit, the one nothing happened to; the kinds of its events."""
    row = queries.run_detail(run_id).row
    assert row.status == Status.DONE, queries.run_detail(run_id).log_tail
    samples, metrics = record(run_id)
    assert same(samples, straight[0]) and metrics == straight[1]
    assert (row.step, row.checkpoint_step) == (STEPS, STEPS) and kept(run_id, row.attempt) == []
    assert children_of(run_id) == []
    kinds = [e.kind for e in queries.events(run_id)]
    assert kinds.count("done") == 1
    return kinds


def test_postgresql_killed_and_back_while_a_run_trains(server: Server, straight: Record, gate: Path) -> None:
    run_id, thread = without_database(config(), server, gate)
    move(gate, 5)
    keeps(run_id, 6)
    assert any("checkpoint" in entry for entry in kept(run_id))  # a checkpoint waits for the steps before it
    server.start()
    gate.unlink()
    thread.join()
    kinds = ends(run_id, straight)
    assert kinds.count(CAUGHT_UP) == 1 and "lost" not in kinds and queries.run_detail(run_id).row.attempt == 1


def test_postgresql_away_when_a_run_is_claimed_and_when_it_ends(
    server: Server, straight: Record, gate: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "showdown")
    run_id = lifecycle.create_run(config())
    server.stop()
    thread = threading.Thread(target=supervisor.supervise, args=("test",))
    thread.start()
    wait_for("a try to claim", lambda: "tried again" in caplog.text)
    server.start()
    stored(run_id, gate)
    server.stop()
    gate.unlink()
    wait_for(
        "the adapter",
        lambda: (settings().run_folder(run_id) / "adapter" / "adapter_model.safetensors").is_file(),
    )
    wait_for("the child's end", lambda: not children_of(run_id))  # it does not keep its memory to wait
    assert thread.is_alive()
    server.start()
    thread.join()
    ends(run_id, straight)


def test_a_full_journal_makes_the_training_wait(server: Server, straight: Record, gate: Path) -> None:
    whole = config()
    short = whole.model_copy(update={"journal": whole.journal.model_copy(update={"max_steps": 2})})
    run_id, thread = without_database(short, server, gate)
    gate.unlink()
    log = settings().run_folder(run_id) / "train.log"
    wait_for("the journal to be full", lambda: "the journal is full" in log.read_text())
    wait_for(
        "two more tries", lambda: log.read_text().split("the journal is full")[1].count("tried again") >= 3
    )
    assert len(kept(run_id)) == 2
    server.start()
    thread.join()
    ends(run_id, straight)


def test_a_stop_while_the_database_is_away_leaves_a_checkpoint(
    server: Server, straight: Record, gate: Path
) -> None:
    run_id, thread = without_database(config(), server, gate)
    move(gate, 2)
    at_gate(gate)
    os.kill(children_of(run_id)[0], signal.SIGTERM)
    gate.unlink()
    wait_for("the child's end", lambda: not children_of(run_id))
    last = kept(run_id)[-1]["checkpoint"]
    assert (settings().run_folder(run_id) / f"checkpoint-{last}" / "reward_engine.json").is_file()
    server.start()
    thread.join()
    row = queries.run_detail(run_id).row
    # nothing is done twice
    assert row.status == Status.QUEUED and row.step == row.checkpoint_step == last == 3
    supervisor.supervise("test")
    ends(run_id, straight)


def test_a_child_killed_with_a_journal_loses_nothing_of_it(
    server: Server, straight: Record, gate: Path
) -> None:
    run_id, thread = without_database(config(), server, gate)
    move(gate, 5)
    keeps(run_id, 6)
    os.kill(children_of(run_id)[0], signal.SIGKILL)
    wait_for("the child's end", lambda: not children_of(run_id))
    entries = kept(run_id)
    server.start()
    thread.join()
    row = queries.run_detail(run_id).row
    assert row.status == Status.FAILED and row.error_kind == "SIGKILL"
    assert row.step == max(e["step"]["step"] for e in entries if "step" in e)
    assert row.checkpoint_step == max(e["checkpoint"] for e in entries if "checkpoint" in e)
    gate.unlink()
    assert lifecycle.requeue(run_id)
    supervisor.supervise("test")
    ends(run_id, straight)


def test_child_supervisor_and_database_killed_at_once(server: Server, straight: Record, gate: Path) -> None:
    run_id = lifecycle.create_run(config())
    code = "from worker.supervise import supervisor; supervisor.supervise('doomed')"
    doomed = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    stored(run_id, gate)
    server.stop()
    move(gate, 5)
    keeps(run_id, 6)
    child = children_of(run_id)[0]
    os.kill(doomed.pid, signal.SIGKILL)
    os.kill(child, signal.SIGKILL)
    doomed.wait()
    wait_for("the child's end", lambda: not children_of(run_id))
    waits = max(e["checkpoint"] for e in kept(run_id) if "checkpoint" in e)
    server.start()
    assert reap() == [run_id]
    assert queries.run_detail(run_id).row.checkpoint_step != waits
    gate.unlink()
    supervisor.supervise("test")
    kinds = ends(run_id, straight)
    resumed = [e.detail for e in queries.events(run_id) if e.kind == "resumed"]
    assert CAUGHT_UP in kinds and resumed == [f"attempt 2, from the checkpoint of step {waits}"]


@pytest.mark.usefixtures("sqlite")
def test_sqlite_locked_by_another_process(
    straight: Record, gate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOWDOWN_BUSY_SECONDS", "2")
    forget_settings()
    run_id, thread = started(config())
    stored(run_id, gate)
    locker = subprocess.Popen(
        [sys.executable, "-c", LOCK, str(settings().home / "showdown.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert locker.stdin and locker.stdout and locker.stdout.readline()
    move(gate, 5)
    keeps(run_id, 6)
    locker.communicate()  # closes its input: it ends
    gate.unlink()
    thread.join()
    assert ends(run_id, straight).count(CAUGHT_UP) == 1


SCORES = (ScoreRow("correctness", 0, 1.0, None, 0.5, 0.1 + 0.2),)
SAMPLE = SampleRow(
    "train",
    "p",
    0,
    0,
    "q\n",
    "nul \x00 é",
    "1",
    None,
    None,
    None,
    None,
    True,
    3,
    False,
    None,
    1e-17,
    -0.0,
    SCORES,
)
EVALUATION = EvaluationRow(
    8, 2, 1.0, 0.25, 1.5, None, 0.5, {"1": 0.25}, "k", (ItemRow("p", 2, 1, None, 0.5),)
)
STEP = StepRecord(
    3, {"policy/loss": 0.1, "policy/kl": float("nan")}, [SAMPLE], EVALUATION, ["blend"], ["said"]
)


@pytest.fixture
def claimed(database: str) -> tuple[int, Path]:
    claim = claims.claim(lifecycle.create_run(run_config()), "w", 60.0)
    assert claim
    folder = settings().run_folder(claim.run_id)
    folder.mkdir(parents=True)
    return claim.run_id, folder


def test_an_entry_comes_back_as_it_was_and_is_stored_once(claimed: tuple[int, Path]) -> None:
    """Sent twice (an answer got lost), in two flushes, with a line cut short: one of each, in order."""
    run_id, folder = claimed
    journal = Journal(folder, run_id, 1)
    for step in (3, 4):
        journal._append({"step": {**asdict(STEP), "step": step}})
    assert repr(record_of(kept(run_id)[0]["step"])) == repr(STEP)
    journal._append({"checkpoint": 4})
    records.write_step(run_id, 1, STEP)
    with journal.path.open("ab") as file:
        file.write(b'{"step":{"step":5,"met')
    journal.flush()
    assert not journal.waiting and journal.announced == 4
    records.write_checkpoint(run_id, 1, 4)
    assert queries.series(run_id)["policy/loss"].steps == [3, 4] and "policy/kl" not in queries.series(run_id)
    assert [len(queries.samples_at(run_id, s)) for s in (3, 4, 5)] == [1, 1, 0]
    assert [(e.kind, e.step) for e in queries.events(run_id)][2:] == [
        ("switched", 3), ("guard", 3), ("switched", 4), ("guard", 4), ("checkpoint", 4), (CAUGHT_UP, None),
    ]  # fmt: skip


def test_a_journal_is_taken_over_from_the_attempt_before_and_no_other(tmp_path: Path) -> None:
    for attempt in (1, 3):
        (tmp_path / f"journal-{attempt}.jsonl").write_text(str(attempt))
    take_over(tmp_path, 4)
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("journal-4.jsonl", "3")]
    take_over(tmp_path, 6)
    assert list(tmp_path.iterdir()) == []
