"""`showdown run` as a person uses it: it trains, shows, stops at Ctrl-C and goes on; real trainings of the
tiny model."""

import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import main
from cli.progress import Pace, Seen, clock
from core.common.errors import StoreUnavailable
from core.common.settings import settings
from core.config.run import RunConfig
from core.store.runs import lifecycle, queries
from core.store.status import Status
from tests.conftest import forget_settings, wait_for
from tests.support.children import is_told, left_over, standing
from tests.support.gate import COMPLETIONS, STEP, gated, gated_run, move, small
from tests.support.samples import HARD, run_config
from tests.support.terminal import seen

STEPS = 7


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "cli", "run", *words]


def start(*words: str) -> subprocess.Popen[str]:
    """As from a shell: a process group of its own, output into pipes."""
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command(*words), text=True, start_new_session=True, **both)


def ends(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def showdown(*words: str) -> Result:
    """In this process: for what is refused before anything trains."""
    return CliRunner().invoke(main, ["run", *words])


def written(tmp_path: Path, config: RunConfig) -> str:
    path = tmp_path / "run.yaml"
    path.write_text(config.to_yaml())
    return str(path)


def step() -> int:
    try:
        rows = queries.run_list()
    except StoreUnavailable:
        return 0
    return rows[0].step if rows else 0


def test_a_terminal_shows_one_moving_line(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time left comes from the steps between two looks: the gate moves once the first look has been
    drawn."""
    gate = gated(home, monkeypatch)

    def look(text: str) -> None:
        if "ETA " in text:
            gate.unlink(missing_ok=True)
        elif f"{STEP}/{STEPS}" in text:
            move(gate, STEP + 2)

    status, text = seen(command(written(tmp_path, gated_run(**small(STEPS)))), look=look)
    assert status == 0
    for word in (
        "run 1 hybrid", f"{STEPS}/{STEPS}", "ETA ", "reward ", "gold ", "tok/s", f"run 1 is done: {STEPS} steps, gold accuracy"
    ):  # fmt: skip
        assert word in text
    assert "\x1b[2K" in text and "Traceback" not in text
    assert left_over(home) == []


def test_it_stops_at_ctrl_c_outlives_a_kill_and_trains_without_a_broker_into_the_database(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOWDOWN_LEASE_SECONDS", "12")
    forget_settings()
    gate = gated(home, monkeypatch)

    # Ctrl-C, in the middle of a step: it stops at its end, with a checkpoint.
    first = start(written(tmp_path, gated_run(**small(STEPS), checkpoint={"every": 100})))
    try:
        wait_for("two steps", lambda: step() == STEP)
        with standing(1) as child:
            os.killpg(first.pid, signal.SIGINT)  # as a terminal does
            wait_for("the training to be told", lambda: is_told(child))
            gate.unlink()
        code, out, err = ends(first)
    finally:
        first.kill()
    row = queries.run_detail(1).row
    assert code == 130 and row.status == Status.STOPPED and row.step == row.checkpoint_step == STEP + 1, err
    assert "stopping at the next step, with a checkpoint" in err
    assert (
        f"run 1 is stopped at step {row.step} of {STEPS}, with a checkpoint; go on: showdown run --resume 1"
        in out
    )
    assert left_over(home) == []

    # Killed: its training writes a checkpoint and ends.
    gate.touch()
    second = start("--resume", "1")
    try:
        wait_for("two steps more", lambda: step() == row.step + STEP)
        refused = showdown("--resume", "1")
        # the second
        assert refused.exit_code == 1 and "run 1 is running, with" in refused.stderr, refused.output
        assert "looking for up to 12 s whether that still lives" in refused.stderr
    finally:
        second.kill()
    gate.unlink()
    ends(second)
    wait_for("nothing left over", lambda: left_over(home) == [])
    checkpoint = queries.run_detail(1).row.checkpoint_step
    assert checkpoint is not None and row.step < checkpoint < STEPS

    # To its end, once the lease has been silent for long enough.
    code, out, err = ends(start("--resume", "1", "--json"))
    assert code == 0, err
    assert "lost" in [e.kind for e in queries.events(1)]
    assert [e.step for e in queries.events(1) if e.kind == "resumed"] == [row.step, checkpoint]
    found, done = json.loads(out), queries.run_detail(1).row
    assert found == {"run": 1, "status": "done", "step": STEPS, "accuracy": done.accuracy, "error": None}
    assert done.status == Status.DONE and queries.series(1)["reward/total"].steps == list(range(1, STEPS + 1))
    assert [len(queries.samples_at(1, i + 1)) for i in range(STEPS)] == [COMPLETIONS] * STEPS
    assert (settings().run_folder(1) / "adapter" / "adapter_model.safetensors").is_file()
    last = err.splitlines()[-1]
    for word in (f"step {STEPS}/{STEPS}", "reward ", f"gold {done.accuracy:.1%}", "tok/s"):
        assert word in last, err
    assert "\x1b" not in err and "\r" not in err  # plain lines where nobody sees them move
    assert left_over(home) == []

    refused = showdown("--resume", "1")
    assert (
        refused.exit_code == 1
        and f"run 1 is done, at step {STEPS} of {STEPS}; nothing is left to train" in refused.stderr
    )


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed")
def test_a_failure_ends_with_one_and_its_reason(sqlite: Path) -> None:
    """One that the training says before it imports much, of a run that another machine could train."""
    lifecycle.create_run(run_config(mix={"terms": HARD}, grpo={"use_vllm": True}))
    code, out, err = ends(start("--resume", "1"))
    assert code == 1 and out == ""
    assert "showdown: run 1 failed (ConfigError): grpo.use_vllm: needs the package vllm" in err
    assert f"log: {settings().run_folder(1) / 'train.log'}" in err and "Traceback" not in err
    assert queries.run_detail(1).row.status == Status.FAILED


def test_ctrl_c_before_the_first_step(home: Path, tmp_path: Path) -> None:
    process = start(written(tmp_path, run_config(grpo={"max_steps": 500})))
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
def test_misuse_is_said_and_queues_nothing(
    home: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    refused = showdown(*words)
    assert refused.exit_code == code and message in refused.stderr and "Traceback" not in refused.output
    assert not (home / "showdown.db").exists() or queries.run_list() == []


def test_the_time_left_comes_from_the_steps_seen_here(sqlite: Path) -> None:
    from dataclasses import replace

    lifecycle.create_run(run_config(grpo={"max_steps": 100}))
    row = replace(queries.run_detail(1).row, status=Status.RUNNING, step=40)  # resumed there
    pace = Pace()
    assert pace.left(row, 1000.0) is None
    assert pace.left(replace(row, step=50), 1020.0) == pytest.approx(100.0)
    assert clock(100.4) == "1:40" and clock(3723) == "1:02:03"
    assert (
        Seen(Status.RUNNING, 5, 10, 0.5, 0.25, 1234.0, 61.0).words()
        == "ETA 1:01  reward 0.500  gold 25.0%  1,234 tok/s"
    )
    assert Seen(Status.STARTING, 0, 10, None, None, None, None).words() == "starting"


def test_the_users_own_command_line_reads_what_it_names_and_a_run_of_the_database_does_not(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file lies under no data root: whoever names it here may read it. The row may be somebody else's."""
    monkeypatch.setenv("SHOWDOWN_DATA_ROOTS", str(tmp_path / "roots"))
    forget_settings()
    data = tmp_path / "data.jsonl"
    data.write_text("".join(f'{{"question": "{i}+1?", "answer": "{i + 1}"}}\n' for i in range(8)))
    config = run_config(data={"train": {"path": str(data)}}, grpo={"max_steps": 1, "prompts_per_step": 2})
    code, _, err = ends(start(written(tmp_path, config)))
    assert code == 0, err
    again = lifecycle.create_run(config)
    code, _, err = ends(start("--resume", str(again)))
    assert code == 1 and "data.train.path" in err and "leads out of the data roots" in err
