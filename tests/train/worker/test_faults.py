"""What ends a training by itself: numbers that are none, full memory, a full disk. Each is said, and
nothing good is lost."""

import json
import os
import resource
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from core.common.settings import settings
from core.config.run import RunConfig
from core.store.runs import lifecycle, queries
from core.store.status import Status
from tests.conftest import forget_settings, wait_for
from tests.support.children import children_of, standing, started
from tests.support.gate import at_gate, gated, gated_run, move
from tests.support.samples import run_config
from tests.support.trainings import STEPS, record, same, train
from worker.common import out_of_memory
from worker.supervise import supervisor
from worker.training import policy
from worker.training.train import say

pytestmark = pytest.mark.usefixtures("sqlite")


def weighted(weight: Any, **more: Any) -> dict[str, Any]:
    return {"mix": {"terms": [{"component": "closeness", "side": "hard", "weight": weight}], **more}}


LATE = {"type": "linear", "start": 1.0, "end": 1e308, "from_step": 3, "to_step": 4}
FIRST = "base_model.model.model.layers.0.self_attn.q_proj"
# One problem, at the start.
NOT_EVALUATED = {
    "data": {"eval": {"name": "tiny-arithmetic", "size": 1}},
    "evaluation": {"every": 100, "num_samples": 1},
}
NOT_FINITE = [
    # what, the last good step and its checkpoint, the message
    (
        weighted(LATE),
        3,
        2,
        ("step 4: the total reward of sample ", "(problem tiny-arithmetic/train/", "closeness contributes"),
    ),
    ({"grpo": {"beta": 1e300}}, 0, None, ("step 1: the loss of micro-batch 0 is nan", FIRST)),
    (
        {"grpo": {"beta": 1e38}},
        1,
        1,
        (f"step 2: the gradient of {FIRST}", "has norm inf, all losses are finite"),
    ),
    (weighted(1e30, advantage={"type": "none"}), 0, None, ("step 1: the gradient of", FIRST, "norm inf")),
]


@pytest.mark.parametrize(("change", "step", "checkpoint", "words"), NOT_FINITE)
def test_a_number_that_is_none_stops_at_its_step(
    change: dict[str, Any], step: int, checkpoint: int | None, words: tuple[str, ...]
) -> None:
    short = {**change, "grpo": {"max_completion_length": 16, **change.get("grpo", {})}, **NOT_EVALUATED}
    run_id = train(run_config(**short, checkpoint={"every": 1 if checkpoint == 1 else 2}))
    row = queries.run_detail(run_id).row
    assert (row.status, row.error_kind, row.step, row.checkpoint_step) == (
        Status.FAILED,
        "NotFinite",
        step,
        checkpoint,
    )
    for word in words:
        assert word in (row.error_message or "")
    assert [p.name for p in settings().run_folder(run_id).glob("checkpoint-*")] == (
        [f"checkpoint-{checkpoint}"] if checkpoint else []
    )


def test_weights_that_are_no_numbers_are_named(tmp_path: Path) -> None:
    model, tokenizer = policy.load(run_config().model)
    bad = "model.layers.1.self_attn.k_proj.weight"
    with torch.no_grad():
        dict(model.named_parameters())[bad][0, 0] = float("nan")
    model.save_pretrained(tmp_path / "bad")
    tokenizer.save_pretrained(tmp_path / "bad")
    row = queries.run_detail(train(run_config(model={"path": str(tmp_path / "bad")}))).row
    assert row.error_kind == "NotFinite" and "layers.1.self_attn.k_proj" in (row.error_message or "")


# 64 completions: after its completions are scored, a first step takes several hundred megabytes more.
BIG = {"prompts_per_step": 16, "max_completion_length": 8}
NAMES = (
    "prompts_per_step 16",
    "num_generations 4",
    "max_completion_length 8",
    "per_device_train_batch_size 64",
)


def limit(run_id: int, gate: Path) -> None:
    """Let a training that waits at the gate have 64 MiB more address space than it has: what it asks for
    beyond is refused."""
    at_gate(gate)
    (child,) = children_of(run_id)
    pages = int(Path(f"/proc/{child}/statm").read_text().split()[0])
    most = pages * os.sysconf("SC_PAGE_SIZE") + 64 * 2**20
    resource.prlimit(child, resource.RLIMIT_AS, (most, most))
    gate.unlink()


@pytest.mark.skipif(
    not hasattr(resource, "prlimit"), reason="only Linux limits the memory of another process"
)
def test_out_of_memory_names_what_to_lower(sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = gated(sqlite, monkeypatch, 0)
    run_id, thread = started(gated_run(grpo=BIG))
    limit(run_id, gate)
    thread.join()
    row = queries.run_detail(run_id).row
    assert (row.status, row.error_kind, row.step) == (Status.FAILED, "OutOfMemory", 0)
    for name in (*NAMES, "lower per_device_train_batch_size first", "tried to allocate"):
        assert name in (row.error_message or ""), row.error_message


@pytest.mark.skipif(
    not hasattr(resource, "prlimit"), reason="only Linux limits the memory of another process"
)
def test_out_of_memory_goes_on_from_the_checkpoint_with_a_smaller_micro_batch(
    sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = gated(sqlite, monkeypatch, 1)
    retried = {"retry": {"smaller_micro_batch": True}, "checkpoint": {"every": 1}}
    run_id = train(gated_run(grpo={**BIG, "max_steps": 1}, **retried))
    assert queries.run_detail(run_id).row.checkpoint_step == 1 and lifecycle.extend(run_id, 2)
    move(gate, 0)  # the first step of the next process
    thread = threading.Thread(target=supervisor.supervise, args=("test",))
    thread.start()
    limit(run_id, gate)
    thread.join()
    row = queries.run_detail(run_id).row
    assert (row.status, row.step, row.attempt) == (Status.DONE, 2, 2), queries.run_detail(run_id).log_tail
    events = [(e.kind, e.detail) for e in queries.events(run_id)]
    assert [d for k, d in events if k == "smaller batch"] == [
        "out of memory with per_device_train_batch_size 64: goes on with 32 and 2 accumulated, the same 64 completions a step"
    ]
    assert [d for k, d in events if k == "resumed"] == ["attempt 2, from the checkpoint of step 1"] * 2
    assert queries.series(run_id)["policy/loss"].steps == [1, 2]
    straight = train(gated_run(grpo={**BIG, "max_steps": 2, "max_completion_length": 1}))
    for step in (1, 2):  # the same problems at the same steps, whatever is written of them
        ids = [[s.problem_id for s in queries.samples_at(i, step)] for i in (run_id, straight)]
        assert len(ids[0]) == 64 and ids[0] == ids[1]


def test_the_micro_batch_is_halved_until_one(tmp_path: Path) -> None:
    def config(**retry: bool) -> RunConfig:
        return run_config(grpo={"num_generations": 3}, retry=retry)

    assert out_of_memory.smaller(config(), tmp_path) is None
    sizes = []
    while out_of_memory.smaller(config(smaller_micro_batch=True), tmp_path):
        fitted = out_of_memory.fitted(config(), tmp_path).grpo
        sizes.append(fitted.micro_batch)
        assert fitted.completions_per_step == 12
    assert sizes == [6, 3, 1]


OUT = [
    (MemoryError(), True),
    (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
    (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling"), True),
    (OSError(12, "Cannot allocate memory"), True),
    (RuntimeError("shape mismatch"), False),
    (OSError(28, "No space left on device"), False),
]


@pytest.mark.parametrize(("error", "expected"), OUT)
def test_which_errors_say_that_memory_is_full(error: Exception, expected: bool) -> None:
    assert out_of_memory.ran_out(error) == expected


def test_memory_that_torch_refuses_is_known() -> None:
    """The words of this torch, asked for more than the addresses of any machine reach."""
    with pytest.raises(RuntimeError) as refused:
        torch.zeros(2**58)
    assert out_of_memory.ran_out(refused.value)


@pytest.fixture
def small_disk(home: Path) -> Iterator[Path]:
    """The runs' folders on a file system of 48 MiB."""
    folder = home / "runs"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("a small disk needs root and the right to mount a tmpfs")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(path: Path, leave: int) -> None:
    """Take all room of a disk but `leave` bytes."""
    path.write_bytes(bytes(shutil.disk_usage(path.parent).free - leave))


def test_a_full_disk_keeps_the_checkpoint_before(small_disk: Path, trained_home: Path) -> None:
    config = run_config(grpo={"max_steps": STEPS})
    run_id, thread = started(config)
    wait_for("a checkpoint", lambda: queries.run_detail(run_id).row.checkpoint_step)
    with standing(run_id):
        fill(small_disk / "filler", 100_000)
    thread.join()
    row, folder = queries.run_detail(run_id).row, settings().run_folder(run_id)
    assert (row.status, row.error_kind) == (Status.FAILED, "DiskFull"), row.error_message
    assert f"the disk of {folder} is full (" in (row.error_message or "") and "bytes were free" in (
        row.error_message or ""
    )
    at = row.checkpoint_step
    assert at in (2, 4) and {p.name for p in folder.glob("checkpoint-*")} <= {
        "checkpoint-2",
        f"checkpoint-{at}",
    }
    (small_disk / "filler").unlink()
    # As after a kill in the middle of a checkpoint: newer, and not whole.
    shutil.copytree(folder / f"checkpoint-{at}", folder / f"checkpoint-{at + 1}")
    (folder / f"checkpoint-{at + 1}" / "reward_engine.json").unlink()
    assert lifecycle.requeue(run_id)
    supervisor.supervise("test")
    assert queries.run_detail(run_id).row.status == Status.DONE, queries.run_detail(run_id).log_tail
    assert [e.step for e in queries.events(run_id) if e.kind == "resumed"] == [at]
    assert sorted(p.name for p in folder.glob("checkpoint-*")) == ["checkpoint-4", "checkpoint-6"]
    resumed = record(run_id)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOWDOWN_HOME", str(trained_home))
        forget_settings()
        straight = record(1)
    forget_settings()
    assert same(resumed[0], straight[0]) and resumed[1] == straight[1]


def test_what_a_full_disk_left_of_the_micro_batch_does_not_stop_the_run(tmp_path: Path) -> None:
    config = run_config(retry={"smaller_micro_batch": True})
    (tmp_path / "micro_batch").write_text("")
    assert out_of_memory.fitted(config, tmp_path) == config
    assert (
        out_of_memory.smaller(config, tmp_path)
        and out_of_memory.fitted(config, tmp_path).grpo.micro_batch == 8
    )


def test_the_first_reason_of_several_processes_stays(tmp_path: Path) -> None:
    for kind in ("OutOfMemory", "ConnectionClosed"):  # the second only lost its partner
        say(tmp_path, kind, "why")
    assert json.loads((tmp_path / "error.json").read_text())["kind"] == "OutOfMemory"
    assert [p.name for p in tmp_path.glob("error*")] == ["error.json"]
