"""`showdown run` as a person uses it: it trains, shows, stops at Ctrl-C and goes on; real trainings of the tiny model."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.progress import Pace, Seen, clock
from core.errors import StoreUnavailable
from core.settings import settings
from core.store import queries, runs
from core.store.states import Status
from tests.conftest import forget_settings, wait_for
from tests.support.children import left_over
from tests.support.samples import run_config
from tests.support.terminal import seen


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "cli", "run", *words]


def start(*words: str) -> subprocess.Popen[str]:
    """As from a shell: a process group of its own, output into pipes."""
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command(*words), text=True, start_new_session=True, **both)


def ends(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def written(tmp_path: Path, **changes: Any) -> str:
    path = tmp_path / "run.yaml"
    path.write_text(run_config(**changes).to_yaml())
    return str(path)


def step() -> int:
    try:
        rows = queries.run_list()
    except StoreUnavailable:
        return 0
    return rows[0].step if rows else 0


def test_it_trains_without_a_broker_into_the_database(home: Path, tmp_path: Path) -> None:
    code, out, err = ends(start(written(tmp_path, grpo={"max_steps": 3}), "--json"))
    assert code == 0, err
    found = json.loads(out)
    row = queries.run_detail(found["run"]).row
    assert found == {"run": 1, "status": "done", "step": 3, "accuracy": row.accuracy, "error": None}
    assert row.status == Status.DONE and len(queries.samples_at(1, 3)) == 16
    assert (settings().run_folder(1) / "adapter" / "adapter_model.safetensors").is_file()
    last = err.splitlines()[-1]
    for word in ("step 3/3", "reward ", f"gold {row.accuracy:.1%}", "tok/s"):
        assert word in last, err
    assert "\x1b" not in err and "\r" not in err  # plain lines where nobody sees them move
    assert left_over(home) == []


def test_a_terminal_shows_one_moving_line(home: Path, tmp_path: Path) -> None:
    status, text = seen(command(written(tmp_path, grpo={"max_steps": 12})))
    assert status == 0
    for word in ("run 1 hybrid", "12/12", "ETA ", "reward ", "gold ", "tok/s", "run 1 is done: 12 steps, gold accuracy"):
        assert word in text
    assert "\x1b[2K" in text and "Traceback" not in text


def test_ctrl_c_stops_at_a_step_with_a_checkpoint_and_resume_goes_on(home: Path, tmp_path: Path) -> None:
    first = start(written(tmp_path, grpo={"max_steps": 30}, checkpoint={"every": 100}, evaluation={"every": 30}))
    try:
        wait_for("two steps", lambda: step() >= 2)
        os.killpg(first.pid, signal.SIGINT)  # as a terminal does
        code, out, err = ends(first)
    finally:
        first.kill()
    row = queries.run_detail(1).row
    assert code == 130 and row.status == Status.STOPPED and 2 <= row.step == row.checkpoint_step < 30, err
    assert "stopping at the next step, with a checkpoint" in err
    assert f"run 1 is stopped at step {row.step} of 30, with a checkpoint; go on: showdown run --resume 1" in out
    assert left_over(home) == []
    code, out, err = ends(start("--resume", "1"))
    assert code == 0 and "run 1 is done: 30 steps" in out, err
    assert queries.series(1)["reward/total"].steps == list(range(1, 31))
    assert [e.step for e in queries.events(1) if e.kind == "resumed"] == [row.step]
    code, out, err = ends(start("--resume", "1"))
    assert code == 1 and "run 1 is done, at step 30 of 30; nothing is left to train" in err


def test_a_killed_one_leaves_a_checkpoint_and_can_be_resumed(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOWDOWN_LEASE_SECONDS", "12")
    forget_settings()
    first = start(written(tmp_path, grpo={"max_steps": 40}, checkpoint={"every": 100}, evaluation={"every": 40}))
    wait_for("two steps", lambda: step() >= 2)
    code, _, err = ends(start("--resume", "1"))
    assert (
        code == 1 and "looking for up to 12 s whether that still lives" in err and "run 1 is running, with" in err
    )  # the first
    first.kill()
    ends(first)
    wait_for("nothing left over", lambda: left_over(home) == [])
    checkpoint = queries.run_detail(1).row.checkpoint_step
    assert checkpoint is not None
    code, out, err = ends(start("--resume", "1"))  # it waits until the lease has been silent for long enough
    assert (
        code == 0
        and "lost" in [e.kind for e in queries.events(1)]
        and [e.step for e in queries.events(1) if e.kind == "resumed"] == [checkpoint]
    ), err


def test_a_failure_ends_with_one_and_its_reason(home: Path, tmp_path: Path) -> None:
    config = written(tmp_path, data={"train": {"name": "tiny-arithmetic", "size": 2}})
    code, out, err = ends(start(config))
    assert code == 1 and out == ""
    assert "showdown: run 1 failed (DataError): 2 problems to train on are fewer than" in err
    assert f"log: {settings().run_folder(1) / 'train.log'}" in err and "Traceback" not in err
    assert queries.run_detail(1).row.status == Status.FAILED


def test_ctrl_c_before_the_first_step(home: Path, tmp_path: Path) -> None:
    process = start(written(tmp_path, grpo={"max_steps": 500}))
    wait_for("the claim", lambda: (home / "runs" / "1" / "train.log").is_file())
    process.send_signal(signal.SIGTERM)
    code, out, err = ends(process)
    assert code == 130 and "showdown run --resume 1" in out, err
    assert queries.run_detail(1).row.status == Status.STOPPED and left_over(home) == []


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "give either CONFIG or --resume RUN"),
        (("tiny-hard", "--resume", "1"), 2, "give either CONFIG or --resume RUN"),
        (("--resume", "99"), 1, "there is no run 99"),
        (("first-showdown",), 1, "say which with --arm: hard, continuous, hybrid"),
        (("/no/such.yaml",), 1, "/no/such.yaml: cannot be read"),
    ],
)
def test_misuse_is_said_and_queues_nothing(home: Path, words: tuple[str, ...], code: int, message: str) -> None:
    found, _, err = ends(start(*words))
    assert found == code and message in err and "Traceback" not in err
    assert not (home / "showdown.db").exists() or queries.run_list() == []


def test_the_time_left_comes_from_the_steps_seen_here(sqlite: Path) -> None:
    from dataclasses import replace

    runs.create_run(run_config(grpo={"max_steps": 100}))
    row = replace(queries.run_detail(1).row, status=Status.RUNNING, step=40)  # resumed there
    pace = Pace()
    assert pace.left(row, 1000.0) is None
    assert pace.left(replace(row, step=50), 1020.0) == pytest.approx(100.0)
    assert clock(100.4) == "1:40" and clock(3723) == "1:02:03"
    assert Seen(Status.RUNNING, 5, 10, 0.5, 0.25, 1234.0, 61.0).words() == "ETA 1:01  reward 0.500  gold 25.0%  1,234 tok/s"
    assert Seen(Status.STARTING, 0, 10, None, None, None, None).words() == "starting"
