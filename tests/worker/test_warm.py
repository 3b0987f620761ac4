"""Trainings forked from a process that has imported the training stack: what cold ones are, and in need of nothing."""

import logging
import sys
from pathlib import Path
from typing import Any

import pytest

from core.settings import settings
from core.store import queries
from core.store.states import Status
from migrations import upgrade
from tests.conftest import forget_settings
from tests.samples import run_config
from tests.worker.conftest import record, same, train

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt others' children")


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
    config = run_config(grpo={"max_steps": 3, **grpo}, evaluation={"every": 3, "num_samples": 2})
    outcomes = []
    for warm in ("1", "0"):
        monkeypatch.setenv("SHOWDOWN_HOME", str(tmp_path / warm))  # in one, the second would take over the base's evaluation
        monkeypatch.setenv("SHOWDOWN_WARM", warm)
        forget_settings()
        upgrade()
        outcomes.append(outcome(train(config)))
        assert forks(told) == config.grpo.num_processes
    (warm_samples, *warm_rest), (cold_samples, *cold_rest) = outcomes
    assert len(warm_samples) > 0 and same(warm_samples, cold_samples)
    assert warm_rest == cold_rest
    forget_settings()
