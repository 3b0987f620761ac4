"""Trainings forked from a process that has imported the training stack: what cold ones are, and in need of
nothing."""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from core.common.settings import settings
from core.store.runs import queries
from core.store.status import Status
from migrations import upgrade
from tests.conftest import forget_settings, wait_for
from tests.support.children import started
from tests.support.gate import STEP, at_gate, gated, gated_run
from tests.support.samples import BRIEF, run_config
from tests.support.trainings import record, same, train
from worker.supervise import supervisor
from worker.supervise.process_group import Children, Start, start_new
from worker.supervise.warm import WarmStart

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux lets a process adopt others' children"
)


@pytest.fixture(autouse=True)
def told(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "showdown.warm")
    return caplog


def forks(told: pytest.LogCaptureFixture) -> int:
    """How many processes were forked since the test began."""
    return sum("is forked from" in message for message in told.messages)


def outcome(run_id: int) -> tuple[Any, ...]:
    """What a training has left: samples, metrics, circumstances, adapter."""
    detail = queries.run_detail(run_id)
    assert detail.row.status == Status.DONE, detail.log_tail
    adapter = settings().run_folder(run_id) / "adapter" / "adapter_model.safetensors"
    samples, metrics = record(run_id)
    return samples, metrics, detail.environment, adapter.read_bytes()


@pytest.mark.parametrize(
    "grpo",
    [
        {},
        {"num_processes": 2, "prompts_per_step": 3},  # each with half of the threads that the forkserver has
    ],
)
def test_a_warm_training_is_bit_for_bit_a_cold_one(
    grpo: dict[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    config = run_config(
        grpo={"max_steps": 2, "max_completion_length": 12, **grpo}, evaluation={"every": 2, "num_samples": 2}
    )
    outcomes = []
    for warm in ("1", "0"):
        # in one, the second would take over the base's evaluation
        monkeypatch.setenv("SHOWDOWN_HOME", str(tmp_path / warm))
        monkeypatch.setenv("SHOWDOWN_WARM", warm)
        forget_settings()
        upgrade()
        outcomes.append(outcome(train(config)))
        assert forks(told) == config.grpo.num_processes
    (warm_samples, *warm_rest), (cold_samples, *cold_rest) = outcomes
    assert len(warm_samples) > 0 and same(warm_samples, cold_samples)
    assert warm_rest == cold_rest
    forget_settings()


@pytest.mark.usefixtures("sqlite")
def test_a_run_that_needs_an_extra_is_started_anew(told: pytest.LogCaptureFixture) -> None:
    """In a fork it would not find the package; here it is told what it lacks."""
    detail = queries.run_detail(train(run_config(grpo={"use_liger_kernel": True})))
    assert detail.row.error_kind == "ConfigError" and forks(told) == 0, detail.row


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    return {**supervisor.CHILD_ENV, **os.environ}


@pytest.fixture(scope="module")
def warm(environment: dict[str, str]) -> WarmStart:
    """The start that forks this process's trainings, here for processes that do not train."""
    return prepared(environment, supervisor.WARM)


@pytest.fixture(scope="module")
def light(
    environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[WarmStart, dict[str, str]]]:
    """A start whose training stack is empty, and its environment: for what does not depend on the libraries."""
    given = {**environment, "PYTHONPATH": libraries(tmp_path_factory.mktemp("light"), "", "")}
    start = prepared(given, WarmStart())
    yield start, given
    start.end()


def prepared(environment: Mapping[str, str], start: WarmStart) -> WarmStart:
    start.prepare(environment)
    wait_for("the imports", lambda: start.settled(1.0))
    return start


def ran(start: Start, code: str, environment: Mapping[str, str], log_file: Path) -> int | None:
    """The exit code of a process that runs `code`."""
    children = Children([sys.executable, "-m", "tests.support.code", code], 1, environment, log_file, start)
    try:
        wait_for("the end", lambda: children.wait(0.1) is not None)
        return children.poll()
    finally:
        children.end(0.0)


ENDINGS = [
    # the code, its exit code, a word of the log
    ("", 0, ""),
    ("import sys; sys.exit(7)", 7, ""),
    ("import os; os._exit(4)", 4, ""),
    ("import sys; sys.exit('why')", 1, "why"),
    ("1 / 0", 1, "ZeroDivisionError"),
    ("import os; os.kill(os.getpid(), 9)", -signal.SIGKILL, ""),
    ("import os; os.kill(os.getpid(), 15)", -signal.SIGTERM, ""),
    ("import os; os.abort()", -signal.SIGABRT, "Fatal Python error: Aborted"),  # with the stacks, for people
    ("import atexit; atexit.register(print, 'at its exit')", 0, "at its exit"),
    ("import no_such_module", 1, "ModuleNotFoundError"),
    (
        "print(open('/proc/self/cmdline').read().split(chr(0))[1:3])",
        0,
        "['-m', 'tests.support.code']",
    ),  # as ps shows it
]


def test_a_fork_ends_as_any_process_does(
    warm: WarmStart, environment: dict[str, str], tmp_path: Path, told: pytest.LogCaptureFixture
) -> None:
    for number, (code, expected, word) in enumerate(ENDINGS):
        for start in (warm, start_new):
            log_file = tmp_path / f"{number}-{start is warm}.log"
            assert ran(start, code, environment, log_file) == expected, code
            assert word in log_file.read_text()
    assert forks(told) == len(ENDINGS)


SURROUNDINGS = """
import json, os, resource, signal, sys, threading, time
import numpy
line = {
    "arguments": sys.argv[1:],
    "files": sorted(n for n in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{n}")),
    "variables": {**os.environ},
    "child of": os.getppid(),
    "leads": os.getsid(0) == os.getpgrp() == os.getpid(),
    "threads": len(os.listdir("/proc/self/task")),
    "directory": os.getcwd(),
    "path": sys.path[0],
    "limits": [resource.getrlimit(kind) for kind in (resource.RLIMIT_AS, resource.RLIMIT_NOFILE)],
    "handlers": [str(signal.getsignal(number)) for number in (2, 6, 13, 15, 17, 29)],
    "blocked": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "name": __name__,
}
print(json.dumps(line))
print(json.dumps({"random": numpy.random.random(), "pid": os.getpid(), "torch": "torch" in sys.modules}))
"""


def test_a_fork_has_the_surroundings_of_a_new_process(
    warm: WarmStart, environment: dict[str, str], tmp_path: Path
) -> None:
    given = {**environment, "SHOWDOWN_HOME": str(tmp_path), "CUDA_VISIBLE_DEVICES": "1"}
    surroundings = []
    for number, start in enumerate((warm, start_new, warm)):
        assert ran(start, SURROUNDINGS, given, tmp_path / str(number)) == 0, (
            tmp_path / str(number)
        ).read_text()
        surroundings.append([json.loads(line) for line in (tmp_path / str(number)).read_text().splitlines()])
    (forked, own), (new, _), (second, second_own) = surroundings
    if (
        "OMP_NUM_THREADS" not in given
    ):  # NumPy has started its own there, as it will in a fork when it is used
        new["threads"] = 1
    assert forked == new == second
    assert forked["child of"] == os.getpid() and forked["threads"] == 1
    assert own["torch"] and own["random"] != second_own["random"]


def test_forks_of_several_threads_at_once(
    light: tuple[WarmStart, dict[str, str]], tmp_path: Path, told: pytest.LogCaptureFixture
) -> None:
    """Each finds its own log and exit code, also with two ranks; its end is heard of by the thread that
    started it."""
    start, given = light

    def one(number: int) -> bool:
        code = f"print('process {number}'); raise SystemExit({number})"
        return ran(start, code, given, tmp_path / str(number)) == number

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(one, range(1, 9)))
    assert [(tmp_path / str(n)).read_text() for n in range(1, 9)] == [f"process {n}\n" for n in range(1, 9)]
    assert forks(told) == 8


def test_a_fork_hears_of_the_end_of_its_supervisor(
    light: tuple[WarmStart, dict[str, str]], tmp_path: Path
) -> None:
    """Its standard input closes: no other process, forked later or not, has the other end."""
    start, given = light
    code = "import sys; assert sys.stdin.buffer.read(1) == b''; raise SystemExit(5)"
    with (tmp_path / "log").open("wb") as log_file:
        first, second = (
            start([sys.executable, "-m", "tests.support.code", code], given, log_file) for _ in range(2)
        )  # fmt: skip
    try:
        assert first.poll() is None and first.stdin
        first.stdin.close()
        assert first.wait(30) == 5
        assert second.poll() is None
    finally:
        for process in (first, second):
            assert process.stdin
            process.stdin.close()
            process.wait(30)


GRPO_TRAINER = "trl/trainer/grpo_trainer.py"
UNUSABLE = [
    # the place of a library, its code, what is said
    ("peft.py", "raise ImportError('no peft of this kind')", "no peft of this kind"),
    (
        GRPO_TRAINER,
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()",
        "Thread-1",
    ),
    (GRPO_TRAINER, "import os\nos.kill(os.getpid(), 9)", "no output"),
]


def libraries(folder: Path, place: str, source: str) -> str:
    """A PYTHONPATH on which the training stack is nothing but one file's code."""
    packages = ("trl/__init__.py", "trl/trainer/__init__.py")
    for name in (
        "torch.py",
        "transformers.py",
        "datasets.py",
        "accelerate.py",
        "peft.py",
        *packages,
        GRPO_TRAINER,
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source if name == place else "")
    return os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])


@pytest.mark.parametrize(("place", "source", "reason"), UNUSABLE)
def test_where_nothing_can_be_forked_a_process_is_started_anew(
    place: str,
    source: str,
    reason: str,
    environment: dict[str, str],
    tmp_path: Path,
    told: pytest.LogCaptureFixture,
) -> None:
    given = {**environment, "PYTHONPATH": libraries(tmp_path, place, source)}
    start = prepared(given, WarmStart())
    for _ in range(3):
        assert ran(start, "", given, tmp_path / "log") == 0
        start.prepare(given)
        assert start.settled(0.0)  # it is not tried again and again
    assert forks(told) == 0 and sum(reason in message for message in told.messages) == 1, told.messages


def servers() -> list[int]:
    """Process ids of the forkservers among this process's children."""
    return [pid for pid in descendants(os.getpid()) if "worker.supervise.forkserver" in command(pid)]


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def descendants(pid: int) -> list[int]:
    lists = [path.read_text().split() for path in Path(f"/proc/{pid}/task").glob("*/children")]
    return [int(child) for children in lists for child in children]


def test_a_forkserver_that_is_killed_or_hangs_is_replaced(
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    told: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("worker.supervise.warm.FORK_SECONDS", 1.0)
    given = {**environment, "PYTHONPATH": libraries(tmp_path / "libraries", "", "")}
    start, before = WarmStart(), set(servers())
    for number in (signal.SIGKILL, signal.SIGSTOP):
        prepared(given, start)
        (server,) = set(servers()) - before
        assert ran(start, "", given, tmp_path / "log") == 0
        os.kill(server, number)
        assert ran(start, "raise SystemExit(6)", given, tmp_path / "log") == 6
        assert set(servers()) == before  # it was ended, and waited for
    assert forks(told) == 2 and sum("does not answer" in message for message in told.messages) == 2
    start.end()


SLOW = "import pathlib, time\npathlib.Path(__file__).with_suffix('.slow').touch()\ntime.sleep(600)"


@pytest.mark.parametrize("slow", ["", SLOW])
def test_a_forkserver_ends_with_its_supervisor(
    slow: str, environment: dict[str, str], tmp_path: Path
) -> None:
    """Killed while the libraries are imported, or after."""
    given = {**environment, "PYTHONPATH": libraries(tmp_path, "peft.py", slow)}
    code = (
        "import os, time; from worker.supervise.warm import WarmStart; start = WarmStart(); start.prepare(os.environ)\n"
        f"while not start.settled(1.0) and {not slow}: pass\n"
        "print('prepared', flush=True); time.sleep(600)"
    )
    supervising = subprocess.Popen([sys.executable, "-c", code], env=given, stdout=subprocess.PIPE)
    assert supervising.stdout and supervising.stdout.readline() == b"prepared\n"
    (server,) = descendants(supervising.pid)
    wait_for("its program", lambda: "worker.supervise.forkserver" in command(server))
    if slow:
        wait_for("the import that takes long", lambda: (tmp_path / "peft.slow").exists())
    supervising.kill()
    supervising.communicate()
    wait_for("its end", lambda: "worker.supervise.forkserver" not in command(server), 10)


def test_a_training_does_not_need_the_process_it_was_forked_from(
    sqlite: Path, monkeypatch: pytest.MonkeyPatch, told: pytest.LogCaptureFixture
) -> None:
    gate = gated(sqlite, monkeypatch)
    run_id, thread = started(gated_run(grpo={**BRIEF, "max_steps": STEP + 2}))
    at_gate(gate)
    for server in servers():
        os.kill(server, signal.SIGKILL)
    gate.unlink()
    thread.join()
    assert queries.run_detail(run_id).row.status == Status.DONE
    assert queries.run_detail(train(run_config(grpo={**BRIEF, "max_steps": 1}))).row.status == Status.DONE
    assert forks(told) == 2  # the second from a new one
