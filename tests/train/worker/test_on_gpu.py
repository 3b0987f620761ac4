"""Options that need an NVIDIA GPU, each in a short real training of the tiny model. `pytest -m gpu` on a
machine with one."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from core.config.run import ModelConfig
from core.store.runs import queries
from core.store.status import Status
from tests.support.samples import run_config
from tests.support.trainers import base, history, ours
from tests.support.trainings import train
from worker.training import policy

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU"),
    pytest.mark.filterwarnings("default"),  # of packages that no CI has
]


def done(**changes: Any) -> dict[str, list[float]]:
    """The metrics of a run that was queued, trained in a child and ended well."""
    run_id = train(run_config(**changes))
    detail = queries.run_detail(run_id)
    assert detail.row.status == Status.DONE, detail.log_tail
    found = {name: series.values for name, series in queries.series(run_id).items()}
    assert all(
        math.isfinite(x) for name in ("policy/grad_norm", "eval/kl", "score/perplexity") for x in found[name]
    )
    return found


def test_bfloat16_is_what_auto_means(sqlite: Path) -> None:
    model, _ = policy.load(ModelConfig(path="tiny"))
    assert model.dtype == (torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32)
    done()


def test_4_bits(sqlite: Path) -> None:
    pytest.importorskip("bitsandbytes")
    done(model={"path": "tiny", "load_in_4bit": True}, grpo={"gradient_checkpointing": True})


def test_liger_trains_nearly_the_same_numbers(tmp_path: Path) -> None:
    pytest.importorskip("liger_kernel")
    found = []
    for on in (False, True):
        config = run_config(
            model={"path": "tiny", "dtype": "float32"}, grpo={"max_steps": 1, "use_liger_kernel": on}
        )
        trainer = ours(config, tmp_path / str(on))
        trainer.train()
        norms = {
            type(m).__name__ + m.forward.__qualname__
            for n, m in trainer.model.named_modules()
            if n.endswith("norm")
        }
        assert any("Liger" in name for name in norms) == on
        found.append(history(trainer)[0])
    assert found[1] == pytest.approx(found[0], abs=5e-3)


def test_vllm_in_the_process_generates_from_the_policy_as_it_is_now(tmp_path: Path) -> None:
    pytest.importorskip("vllm")
    grpo = {"use_vllm": True, "vllm_gpu_memory_utilization": 0.2, "max_steps": 4, "learning_rate": 5e-3}
    trainer = ours(run_config(grpo=grpo), tmp_path)
    before = base(trainer)
    trainer.train()
    gaps = [
        row["sampling/sampling_logp_difference/mean"] for row in trainer.state.log_history if "loss" in row
    ]
    assert len(gaps) == 4 and max(gaps) < 0.1  # nats: more, were vLLM left with the weights of the start
    assert trainer.rollout is not None and (trainer.rollout.batch.mean_nll > 0).all()
    for name, weight in base(trainer).items():
        assert torch.equal(weight, before[name]), name


def test_vllm_in_a_run(sqlite: Path) -> None:
    pytest.importorskip("vllm")
    done(grpo={"use_vllm": True, "vllm_gpu_memory_utilization": 0.2, "vllm_enable_sleep_mode": True})
