"""Every GRPO setting acts, or core.config.ineffective_settings says that it does not: held to what trainings
of the tiny model become.

Each config of the table is trained. Two of them end with the same adapter exactly where `effective` says
that they do. A new setting fails here until it is in the table, or among those that are not to change what
is trained.
"""

import copy
import functools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PrinterCallback, set_seed
from transformers.trainer_utils import SaveStrategy

from core.config.grpo import GrpoConfig
from core.config.ineffective_settings import effective
from core.config.run import RunConfig
from core.problems import arithmetic
from tests.support.samples import run_config
from worker.training import data, policy
from worker.training.trainer import build, grpo_config

NEVER_CHANGE_NUMBERS = {
    "num_processes": "the same step, shared; tests/train/worker/test_processes.py",
    "per_device_train_batch_size": "memory against time; test_a_micro_batch_changes_memory_not_the_samples",
    "gradient_checkpointing": "memory against time",
    "use_liger_kernel": "needs a GPU; the same sums",
    "use_vllm": "needs a GPU",
}
TINY = {
    "prompts_per_step": 2,
    "num_generations": 4,
    "max_steps": 2,
    "max_completion_length": 24,
    "learning_rate": 5e-3,
}
# Of a weight, which a step moves by about learning_rate. Measured: at most 3e-5 where nothing acts, else at
# least 2.5e-4.
ROUNDING = 1e-4
ADAPTIVE = {"use_adaptive_entropy": True, "entropy_coef": 0.05, "entropy_target": 9.0}
# The entropy is above the target for two steps, which lowers the coefficient, and below it in the third.
LOWERED = {**ADAPTIVE, "entropy_target": 3.2, "entropy_coef_delta": 0.05, "max_steps": 4}
TWICE = {"num_iterations": 2}
POSITIVE = {"type": "group", "positive_only": True}
BY_PLACE = {"type": "group", "position_gamma": 0.5}
Changes = dict[str, Any]

# What is changed in TINY; beside `rule`, the mix's advantage rule, a field of GrpoConfig.
TABLE: list[Changes] = [
    {},
    # sampling, sizes and the optimizer always act
    {"num_generations": 2, "prompts_per_step": 4},
    {"prompts_per_step": 3},
    {"max_steps": 1},
    {"temperature": 0.5},
    {"top_p": 0.5},
    {"top_k": 2},
    {"max_completion_length": 12},
    {"mask_truncated_completions": True, "max_completion_length": 12},
    {"learning_rate": 2e-3},
    {"lr_scheduler_type": "linear", "max_steps": 3},
    {"lr_scheduler_type": "cosine", "max_steps": 3},
    {"lr_scheduler_type": "constant_with_warmup"},
    {"lr_scheduler_type": "constant_with_warmup", "warmup_steps": 2},
    {"max_grad_norm": 0.01},
    {"weight_decay": 0.5},
    {"beta": 0.5},
    {"top_entropy_quantile": 0.2},
    # the entropy bonus, and what its controller reads
    {"entropy_coef": 0.05},
    {"entropy_target": 0.1},
    {"entropy_coef_delta": 0.1},
    {"entropy_coef_min": 0.1},
    {"entropy_coef_max": 0.5},
    ADAPTIVE,
    {**ADAPTIVE, "entropy_coef_delta": 0.1},
    {**ADAPTIVE, "entropy_coef_max": 0.01},
    LOWERED,
    {**LOWERED, "entropy_target": 9.0},
    {**LOWERED, "entropy_coef_min": 0.05},
    # on policy: the ratio is 1
    {"epsilon": 0.01},
    {"epsilon_high": 0.9},
    {"delta": 1.25},
    {"importance_sampling_level": "sequence"},
    {"importance_sampling_level": "sequence", "top_entropy_quantile": 0.2},
    {"importance_sampling_level": "sequence", "rule": BY_PLACE},
    {"rule": BY_PLACE},
    {"loss_type": "grpo"},
    {"loss_type": "sapo"},
    {"loss_type": "dr_grpo"},
    {"loss_type": "bnpo"},
    {"loss_type": "bnpo", "per_device_train_batch_size": 4},
    {"loss_type": "luspo", "importance_sampling_level": "sequence"},
    {"loss_type": "vespo"},
    {"loss_type": "vespo", "importance_sampling_level": "sequence"},
    {"loss_type": "cispo"},
    {"loss_type": "cispo", "epsilon_high": 2.0, "delta": 1.25},
    {"loss_type": "cispo", "epsilon_high": 0.2},
    {"loss_type": "cispo", "importance_sampling_level": "sequence", "top_entropy_quantile": 0.2},
    # two steps on a rollout: the ratio of the second is another
    TWICE,
    {"num_iterations": 3},  # more than there are steps
    {**TWICE, "epsilon": 0.01},
    {**TWICE, "epsilon_high": 0.01},
    {**TWICE, "delta": 1.25},
    {**TWICE, "importance_sampling_level": "sequence"},
    {**TWICE, "rule": POSITIVE},
    {**TWICE, "rule": POSITIVE, "delta": 1.25},
    {**TWICE, "rule": POSITIVE, "epsilon_high": 0.2, "epsilon": 0.01},
    {**TWICE, "loss_type": "grpo"},
    {**TWICE, "loss_type": "sapo"},
    {**TWICE, "loss_type": "sapo", "epsilon": 0.01, "epsilon_high": 0.01},
    {**TWICE, "loss_type": "sapo", "importance_sampling_level": "sequence"},
    {**TWICE, "loss_type": "luspo", "importance_sampling_level": "sequence"},
    {**TWICE, "loss_type": "vespo"},
    {**TWICE, "loss_type": "vespo", "importance_sampling_level": "sequence", "delta": 1.25},
    {**TWICE, "loss_type": "cispo"},
    {**TWICE, "loss_type": "cispo", "epsilon": 0.01},
    {**TWICE, "loss_type": "cispo", "epsilon_high": 1.0},
    {**TWICE, "loss_type": "cispo", "importance_sampling_level": "sequence"},
    # without vLLM its settings are not read
    {"vllm_mode": "server"},
    {"vllm_server_base_url": "http://localhost:8000"},
    {"vllm_gpu_memory_utilization": 0.5},
    {"vllm_max_model_length": 512},
    {"vllm_enable_sleep_mode": True},
    {"vllm_tensor_parallel_size": 2},
    {"vllm_importance_sampling_correction": False},
    {"vllm_importance_sampling_mode": "token_mask"},
    {"vllm_importance_sampling_clip_max": 2.0},
]


def config_of(changes: Changes) -> RunConfig:
    grpo = {name: value for name, value in changes.items() if name != "rule"}
    term = {"component": "perplexity", "side": "hard"}  # tells any two texts apart
    mix = {"terms": [term], "advantage": changes.get("rule", {"type": "group"})}
    return run_config(mix=mix, grpo={**TINY, **grpo}, lora={"r": 4})


@functools.cache
def base_model() -> Any:
    """The tiny model's first layer: what it writes is nonsense, which is as good here, and made in a third
    of the time."""
    model, tokenizer = policy.load(run_config().model)
    model.model.layers = model.model.layers[:1]
    model.config.num_hidden_layers = 1
    model.config.layer_types = model.config.layer_types[:1]
    return model, tokenizer


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> list[torch.Tensor]:
    """The trained weights of each row as one vector. Rows that give TRL the same settings share a training."""
    folder, trained = tmp_path_factory.mktemp("settings"), dict[str, torch.Tensor]()
    vectors, threads = [], torch.get_num_threads()
    torch.set_num_threads(1)  # so small a model only waits for a second one
    for changes in TABLE:
        config = config_of(changes)
        given = grpo_config(config, folder).to_dict()
        key = json.dumps([given, config.mix.resolved()], sort_keys=True, default=str)
        if key not in trained:
            trained[key] = train(config, folder)
        vectors.append(trained[key])
    torch.set_num_threads(threads)
    return vectors


def train(config: RunConfig, folder: Path) -> torch.Tensor:
    set_seed(config.seed)
    model, tokenizer = base_model()
    rows = data.rows(arithmetic.problems(16, "train"), config.data, conversational=True)
    trainer = build(config, copy.deepcopy(model), tokenizer, rows, folder)
    trainer.args.save_strategy = SaveStrategy.NO
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return torch.cat([p.detach().flatten() for p in trainer.model.parameters() if p.requires_grad])


def test_two_configs_train_the_same_exactly_where_it_is_said(adapters: list[torch.Tensor]) -> None:
    said = [what_trains(config_of(changes)) for changes in TABLE]
    wrong = []
    for i, one in enumerate(TABLE):
        for k in range(i):
            apart = float((adapters[i] - adapters[k]).abs().max())
            if (apart <= ROUNDING) != (said[i] == said[k]):
                wrong.append(
                    f"{TABLE[k]} and {one}: {apart:.2g} apart, said to be {'the same' if said[i] == said[k] else 'not'}"
                )
    assert not wrong, "\n".join(wrong)


def what_trains(config: RunConfig) -> str:
    values = {k: v for k, v in effective(config.grpo, config.mix).items() if k not in NEVER_CHANGE_NUMBERS}
    return json.dumps([values, config.mix.advantage.model_dump(mode="json")], sort_keys=True)


def test_every_setting_is_in_the_table() -> None:
    changed = {name for changes in TABLE for name in changes} - {"rule"}
    assert changed | NEVER_CHANGE_NUMBERS.keys() == set(GrpoConfig.model_fields)
