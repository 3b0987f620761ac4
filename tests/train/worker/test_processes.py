"""Several processes of one run: equal to stock TRL, whole groups, one voice, and nobody left behind."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.common.errors import ConfigError
from core.common.settings import settings
from core.config.grpo import GrpoConfig
from core.config.parsing import parse
from core.store.runs import lifecycle, queries
from core.store.status import Status
from tests.conftest import REPO, forget_settings, free_port, wait_for
from tests.support.children import at_step, children_of, started
from tests.support.samples import BRIEF, run_config
from tests.support.trainings import record, same, train
from worker.state.remote import digest
from worker.supervise import supervisor
from worker.supervise.process_group import Children

Made = dict[str, Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Made]:
    """What each of two processes saw, started by accelerate's own launcher: gloo, on the CPU."""
    folder = tmp_path_factory.mktemp("ranks")
    launch = [
        sys.executable,
        "-m",
        "accelerate.commands.launch",
        "--num_processes",
        "2",
        "--num_machines",
        "1",
    ]
    # starts torch's elastic launcher; --cpu would want mpirun. The settings say use_cpu
    launch += ["--multi_gpu"]
    more = ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", str(free_port())]
    script = ["-m", "tests.support.two_processes", str(folder)]
    env = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(REPO), os.environ.get("PYTHONPATH", "")]),
    }
    ran = subprocess.run(
        [*launch, *more, *script], capture_output=True, text=True, env=env, cwd=REPO, timeout=300
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    return [json.loads((folder / f"rank{i}.json").read_text()) for i in range(2)]


def test_two_processes_train_what_stock_trl_trains_in_two_processes(made: list[Made]) -> None:
    for rank in made:
        assert len(rank["stock"]["history"]) == 2
        assert rank["stock"]["history"] == rank["group"]["history"]
        assert rank["stock"]["weights"] == rank["group"]["weights"]
        assert rank["stock_twice"]["history"] == rank["twice"]["history"]  # num_iterations 2
        assert rank["stock_twice"]["weights"] == rank["twice"]["weights"]
        assert [len(c) for c in rank["twice"]["completions"]] == [12, 12]  # two rollouts for three steps


@pytest.mark.parametrize("mix", ["group", "majority", "mixed", "token"])
def test_a_group_in_two_processes_is_scored_whole(made: list[Made], mix: str) -> None:
    """Every process scores all 12 samples alike; each trains its own half of the advantages."""
    a, b = made[0][mix], made[1][mix]
    for key in ("scored", "completions", "totals", "weights"):
        assert a[key] == b[key], key
    assert all(len(c) == 12 and len(set(c)) > 1 for c in a["completions"])
    for step in range(2):
        halves = [np.array(r["given"][step]) for r in (a, b)]
        if (
            mix == "token"
        ):  # [n, T]; the first token has the smallest bonus, so the sign is that of the completion
            assert [h.shape[0] for h in halves] == [6, 6]
            signs = np.concatenate([np.sign(h[:, 0]) for h in halves])
            assert signs.tolist() == np.sign(a["scored"][step]).tolist()
            continue
        assert np.concatenate(halves) == pytest.approx(np.array(a["scored"][step]), abs=2e-3)  # TRL's float32
        assert a["trained"][step] == pytest.approx(a["scored"][step], abs=2e-3)
    if mix == "mixed":  # its perplexity needs a forward of each process's own half
        assert np.isfinite(a["nll"]).all() and a["nll"] == b["nll"]


@pytest.mark.usefixtures("sqlite")
def test_a_rank_that_is_killed_ends_the_others_and_the_run_goes_on_as_if_nothing_had_been() -> None:
    config = run_config(
        # It is killed between two iterations of the first rollout: each process must find its own half of it
        # again.
        grpo={
            "max_steps": 7, "prompts_per_step": 3, "num_processes": 2, "num_iterations": 6, "max_completion_length": 16
        },
        data={"eval": {"name": "tiny-arithmetic", "size": 4}},
        evaluation={"every": 7, "num_samples": 1, "batch_size": 3},
        checkpoint={"every": 1, "keep": 9},
    )  # fmt: skip
    straight = train(config)
    detail = queries.run_detail(straight)
    assert detail.row.status == Status.DONE, detail.log_tail
    killed, thread = started(config)
    at_step(killed, 2)
    last = max(children_of(killed))
    os.kill(last, signal.SIGKILL)
    thread.join(60)
    row = queries.run_detail(killed).row
    assert not thread.is_alive() and children_of(killed) == []
    assert (row.status, row.error_kind) == (Status.FAILED, "SIGKILL"), row.error_message
    assert lifecycle.requeue(killed)
    supervisor.supervise("test")
    assert queries.run_detail(killed).row.status == Status.DONE
    assert same(record(straight)[0], record(killed)[0]) and record(straight)[1] == record(killed)[1]
    adapters = [
        digest(settings().run_folder(i) / "adapter" / "adapter_model.safetensors") for i in (straight, killed)
    ]
    assert adapters[0] == adapters[1]


@pytest.mark.usefixtures("sqlite")
def test_two_processes_stop_at_the_same_step() -> None:
    run_id, thread = started(
        run_config(grpo={**BRIEF, "max_steps": 5000, "num_processes": 2}, checkpoint={"every": 10_000})
    )
    at_step(run_id, 1)
    lifecycle.request_stop(run_id)
    thread.join(60)
    row = queries.run_detail(run_id).row
    assert (row.status, row.checkpoint_step) == (Status.STOPPED, row.step), row.error_message
    assert children_of(run_id) == []
    saved = settings().run_folder(run_id) / f"checkpoint-{row.step}"
    assert {p.name for p in saved.glob("rng_state*")} == {"rng_state_0.pth", "rng_state_1.pth"}


CARDS = "0, GPU-aaaa, Card A, 81920, 10, 0\n1, GPU-bbbb, Card B, 81920, 10, 0"


@pytest.mark.usefixtures("sqlite")
def test_one_child_a_free_gpu_and_a_run_that_wants_two_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The driver's program is played by a script; leases, environments and processes are the real ones.

    The script is not on the PATH: another environment would need another process to fork from.
    """
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\nprintf '{CARDS}\\n'\n")
    program.chmod(0o755)
    monkeypatch.setattr(shutil, "which", {"nvidia-smi": str(program)}.get)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    from worker.common import gpus

    gpus.mine.cache_clear()
    try:
        assert gpus.slots() == 2
        small = [
            lifecycle.create_run(run_config(seed=i, grpo={**BRIEF, "max_steps": 5000})) for i in range(2)
        ]
        wide = lifecycle.create_run(run_config(grpo={**BRIEF, "max_steps": 1, "num_processes": 2}))
        behind = lifecycle.create_run(run_config(grpo={**BRIEF, "max_steps": 1}))
        threads = [threading.Thread(target=supervisor.supervise, args=(f"w{i}",)) for i in range(2)]
        for thread in threads:
            thread.start()
        for run_id in small:
            at_step(run_id, 1)
        seen = [_cards(run_id) for run_id in small]
        assert sorted(seen) == ["0", "1"]
        assert supervisor.supervise("w3") is None  # no card is free
        lifecycle.request_stop(small[0])
        wait_for("one to end", lambda: queries.run_detail(small[0]).row.status.finished)
        # one is, but the next run wants two: the one behind it does not pass it
        assert supervisor.supervise("w3") is None
        assert queries.run_detail(behind).row.status == Status.QUEUED
        lifecycle.request_stop(small[1])
        for thread in threads:
            thread.join(60)
        assert supervisor.supervise("w3") == Status.DONE
        assert queries.run_detail(wide).row.status == Status.DONE
    finally:
        gpus.mine.cache_clear()
        forget_settings()


def _cards(run_id: int) -> str:
    lines = re.findall(r"CUDA_DEVICE_ORDER=(\S+) CUDA_VISIBLE_DEVICES=(\S*)$", _log(run_id), re.MULTILINE)
    assert [order for order, _ in lines] == ["PCI_BUS_ID"]
    return str(lines[0][1])


def _log(run_id: int) -> str:
    return (settings().run_folder(run_id) / "train.log").read_text()


@pytest.mark.parametrize(
    ("grpo", "message"),
    [
        ({"num_processes": 3}, "num_processes 3 does not divide the 64 completions of a step .*; 2 would"),
        (
            {"num_processes": 2, "per_device_train_batch_size": 64},
            "does not divide the 32 completions that each of 2 processes",
        ),
        ({"num_processes": 0}, "num_processes"),
    ],
)
def test_a_step_is_shared_evenly(grpo: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(GrpoConfig, grpo)
    assert parse(GrpoConfig, {"num_processes": 4, "per_device_train_batch_size": 8}).micro_batch == 8
    assert parse(GrpoConfig, {"num_processes": 4}).micro_batch == 16


def test_a_run_of_one_process_does_not_take_its_workers_rank_for_its_own(tmp_path: Path) -> None:
    """Some launchers of machines set these for everything they start."""
    said = tmp_path / "said"
    around = {**os.environ, "RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "elsewhere"}
    names = "('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR')"
    # One write: an unbuffered print makes two, between which another process may write.
    code = f"import os; os.write(1, (str([os.environ.get(k) for k in {names}]) + '\\n').encode())"
    for n, wanted in ((1, [None] * 4), (2, ["0", "2", "0", "127.0.0.1"])):
        child = Children([sys.executable, "-c", code], n, around, said)
        assert wait_for("the end", lambda c=child: c.poll() is not None)
        child.end(1.0)
        assert said.read_text().splitlines().count(str(wanted)) == 1
