"""Options for bigger models: what can run on a CPU runs; what cannot is refused early, and its arguments
are TRL's."""

import math
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import LoraConfig, get_peft_model
from trl.generation.vllm_generation import VLLMGeneration

from core.common.errors import ConfigError
from core.config.local_checks import settled
from core.config.run import ModelConfig, RunConfig
from core.store.runs import queries
from core.store.status import Status
from tests.support.samples import run_config
from tests.support.trainers import base, history, made, ours, terms
from tests.support.trainings import train
from worker.training import options, policy
from worker.training.trainer import ShowdownTrainer, grpo_config

SHORT = {"max_steps": 2, "max_completion_length": 12}
COLOCATE = {
    "use_vllm": True,
    "vllm_gpu_memory_utilization": 0.5,
    "vllm_max_model_length": 300,
    "vllm_enable_sleep_mode": True,
}
SERVER = {
    "use_vllm": True, "vllm_mode": "server", "vllm_server_base_url": "http://10.0.0.5:8000",
    "vllm_importance_sampling_mode": "token_truncate", "vllm_importance_sampling_clip_max": 2.0,
}  # fmt: skip


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"use_vllm": False, "use_liger_kernel": False}),
        ({"use_liger_kernel": True}, {"use_liger_kernel": True}),
        (
            COLOCATE,
            {
                **COLOCATE,
                "vllm_mode": "colocate",
                "vllm_server_base_url": None,
                "vllm_tensor_parallel_size": 1,
            },
        ),
        (SERVER, SERVER),
        (
            {"vllm_gpu_memory_utilization": 0.9},
            {"vllm_gpu_memory_utilization": 0.3},
        ),  # without use_vllm: TRL's own
    ],
)
def test_settings_reach_trl_under_its_names(
    tmp_path: Path, given: dict[str, Any], expected: dict[str, Any]
) -> None:
    args = grpo_config(run_config(grpo=given), tmp_path)
    assert {name: getattr(args, name) for name in expected} == expected


@pytest.mark.parametrize("compute", ["auto", "float16"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_4_bit_base_is_described_as_transformers_wants_it(dtype: torch.dtype, compute: str) -> None:
    asked = ModelConfig.model_validate(
        {
            "load_in_4bit": True,
            "bnb_4bit_quant_type": "fp4",
            "bnb_4bit_use_double_quant": False,
            "bnb_4bit_compute_dtype": compute,
        }
    )
    made = options.quantization(asked, dtype)
    assert made.load_in_4bit and made.bnb_4bit_quant_type == "fp4" and not made.bnb_4bit_use_double_quant
    assert made.bnb_4bit_compute_dtype == (dtype if compute == "auto" else torch.float16)


NEEDS = [
    ({"grpo": {"use_vllm": True}}, "vllm", "grpo.use_vllm", "'.[worker,vllm]'"),
    ({"grpo": {"use_liger_kernel": True}}, "liger_kernel", "grpo.use_liger_kernel", "'.[liger]'"),
    ({"model": {"load_in_4bit": True}}, "bitsandbytes", "model.load_in_4bit", "'.[quantization]'"),
    (
        {"model": {"attn_implementation": "flash_attention_2"}},
        "flash_attn",
        "model.attn_implementation",
        "flash-attn",
    ),
]


@pytest.mark.parametrize(("change", "package", "field", "repair"), NEEDS)
def test_a_missing_package_is_named_with_its_repair(
    home: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], package: str, field: str, repair: str
) -> None:
    """When queueing, where this machine trains too, and again on the machine that trains."""
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed, whether it is or not
    config = run_config(**change)
    for refuse in (settled, options.check):
        with pytest.raises(ConfigError) as caught:
            refuse(config)
        ((where, message),) = caught.value.problems
        assert where == field and f"needs the package {package}," in message and repair in message


@pytest.mark.parametrize(("change", "package", "field"), [n[:3] for n in NEEDS if n[1] != "bitsandbytes"])
@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], package: str, field: str
) -> None:
    (tmp_path / f"{package}.py").touch()  # something of that name is installed; it is not imported
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=f"^{field}: needs a GPU, and torch finds none"):
        options.check(run_config(**change))


def test_processes_that_cannot_share_a_vllm_are_named() -> None:
    shared = {"use_vllm": True, "vllm_tensor_parallel_size": 2, "prompts_per_step": 6}
    with pytest.raises(
        ConfigError, match="vllm_tensor_parallel_size 2 does not divide num_processes 3; 1 would"
    ):
        run_config(grpo={**shared, "num_processes": 3})
    run_config(grpo={**shared, "num_processes": 4})


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed")
def test_a_run_that_wants_vllm_fails_with_the_command_before_a_model_is_loaded(sqlite: Path) -> None:
    run_id = train(run_config(model={"path": "no-such-model"}, grpo={"use_vllm": True}))
    detail = queries.run_detail(run_id)
    assert detail.row.status == Status.FAILED and detail.row.error_kind == "ConfigError"
    assert "grpo.use_vllm: needs the package vllm" in str(detail.row.error_message)
    assert "pip install -e '.[worker,vllm]'" in str(detail.row.error_message)


class Sampled(ShowdownTrainer):
    """Its sampler gives log-probs too, as vLLM does: of the nucleus only, and some missing."""

    def _generate_single_turn(self, *args: Any, **kwargs: Any) -> Any:
        completion_ids, _ = super()._generate_single_turn(*args, **kwargs)
        return completion_ids, [[None, *(-0.25 for _ in ids[1:])] for ids in completion_ids]


def test_perplexity_is_the_policys_whoever_samples(tmp_path: Path) -> None:
    """A sampler's log-probs are those after top_p and top_k, in its own arithmetic: another number than
    the policy's."""
    found = []
    for cls in (ShowdownTrainer, Sampled):
        torch.manual_seed(0)
        trainer = made(tmp_path, terms("perplexity"), cls, max_steps=1)
        trainer.train()
        assert trainer.rollout is not None
        found.append(trainer.rollout.batch)
    assert found[0].completions == found[1].completions
    assert (found[0].mean_nll == found[1].mean_nll).all() and len(set(found[0].mean_nll)) > 1


def adapted(folder: Path, dtype: str) -> ShowdownTrainer:
    """A trainer whose adapter changes the model."""
    trainer = ours(run_config(model={"path": "tiny", "dtype": dtype}), folder)
    with torch.no_grad():
        for name, weight in trainer.model.named_parameters():
            if "lora_B" in name:
                weight.normal_(std=0.01)
    return trainer


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_vllm_is_sent_what_trl_sends_and_the_base_stays_as_it_is(tmp_path: Path, dtype: str) -> None:
    trainer = adapted(tmp_path, dtype)
    generation = object.__new__(VLLMGeneration)  # without vLLM itself: only what sync_weights walks
    generation.model, generation._dist = trainer.model, trainer._dist
    before = base(trainer)
    options.sync_without_merging(generation)
    sent = {name: weight.clone() for name, weight in generation._iter_named_params()}
    for name, weight in base(trainer).items():
        assert torch.equal(weight, before[name]), name
    assert not any(w.requires_grad for w in sent.values())

    del generation._iter_named_params
    theirs = {name: weight.clone() for name, weight in generation._iter_named_params()}
    assert list(sent) == list(theirs)
    for name, weight in theirs.items():
        assert weight.dtype == sent[name].dtype and torch.equal(weight, sent[name]), name
    moved = [n for n, w in base(trainer).items() if not torch.equal(w, before[n])]
    assert moved, "TRL leaves the base as it is by now: sync_without_merging can go"


def test_bfloat16_trains_on_the_cpu(tmp_path: Path) -> None:
    trainer = ours(run_config(model={"path": "tiny", "dtype": "bfloat16"}, grpo=SHORT), tmp_path)
    kinds = {("lora_" in n, w.dtype) for n, w in trainer.model.named_parameters()}
    assert kinds == {(True, torch.float32), (False, torch.bfloat16)}
    trainer.train()
    rows = history(trainer)
    assert len(rows) == 2 and all(math.isfinite(x) for row in rows for x in row.values())
    assert any(row["grad_norm"] > 0 for row in rows)
    assert trainer.rollout is not None and np.isfinite(trainer.rollout.batch.mean_nll).all()


def test_gradient_checkpointing_changes_memory_not_the_numbers(tmp_path: Path) -> None:
    found = []
    for on in (False, True):
        trainer = ours(run_config(grpo={**SHORT, "gradient_checkpointing": on}), tmp_path / str(on))
        recomputed = [m for m in trainer.model.modules() if getattr(m, "gradient_checkpointing", False)]
        trainer.train()
        recomputed += [m for m in trainer.model.modules() if getattr(m, "gradient_checkpointing", False)]
        assert bool(recomputed) == on
        found.append((history(trainer), trainer.rollout.batch.completions if trainer.rollout else []))
    assert found[0][1] == found[1][1] and found[0][0][0]["grad_norm"] > 0
    for plain, lean in zip(found[0][0], found[1][0], strict=True):
        assert lean == pytest.approx(plain, abs=1e-5)


needs_bitsandbytes = pytest.mark.skipif(
    find_spec("bitsandbytes") is None, reason="needs bitsandbytes: the extra `quantization`"
)


def _gradients(model: Any, ids: torch.Tensor) -> dict[str, torch.Tensor]:
    """Of every adapter weight, after a look without gradient, as an evaluation takes it between two steps."""
    torch.manual_seed(1)
    model = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM"))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.05)
    with torch.no_grad():
        model.eval()(input_ids=ids)
    model.train()(input_ids=ids, labels=ids).loss.backward()
    return {n: p.grad for n, p in model.named_parameters() if p.grad is not None}


@needs_bitsandbytes
def test_gradients_through_a_4_bit_base_are_those_through_the_weights_it_stands_for() -> None:
    import bitsandbytes

    four, _ = policy.load(ModelConfig(path="tiny", dtype="float32", load_in_4bit=True))
    plain, tokenizer = policy.load(ModelConfig(path="tiny", dtype="float32"))
    packed = {n: m for n, m in four.named_modules() if isinstance(m, bitsandbytes.nn.Linear4bit)}
    assert len(packed) == 28  # 4 layers x (q, k, v, o, gate, up, down)
    for name, module in packed.items():
        weight = module.weight
        plain.get_submodule(name).weight.data = bitsandbytes.functional.dequantize_4bit(
            weight.data, weight.quant_state
        )
    ids = torch.tensor([tokenizer("Add 3 and 5, then double it.\n3+5=8\n8*2=16\n#### 16")["input_ids"]])
    expected, found = _gradients(plain, ids), _gradients(four, ids)
    assert list(expected) == list(found) and len(found) == 56
    for name, gradient in expected.items():
        assert gradient.norm() > 0
        assert torch.allclose(found[name], gradient, rtol=1e-3, atol=1e-5 * float(gradient.norm())), name


@needs_bitsandbytes
def test_a_4_bit_run_trains_and_evaluates(sqlite: Path) -> None:
    small = {"max_steps": 2, "num_generations": 2, "prompts_per_step": 2, "max_completion_length": 12}
    config: RunConfig = run_config(
        model={"path": "tiny", "load_in_4bit": True},
        grpo=small,
        data={"eval": {"name": "tiny-arithmetic", "size": 4}},
    )
    run_id = train(config)
    detail = queries.run_detail(run_id)
    assert detail.row.status == Status.DONE, detail.log_tail
    found = queries.series(run_id)
    assert found["eval/kl"].values[0] == 0 and all(math.isfinite(x) for x in found["eval/kl"].values)
    assert all(math.isfinite(x) for x in found["policy/grad_norm"].values)
