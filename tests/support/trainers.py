"""Trainers of the tiny model, ours and stock TRL, built and trained in the process of the test."""

from pathlib import Path
from typing import Any

import torch
from transformers import set_seed
from trl import GRPOTrainer

from core.config.run import RunConfig
from core.grading.answers import extract, matches
from core.problems import arithmetic
from tests.support.samples import run_config
from worker.training import data, policy
from worker.training.trainer import ShowdownTrainer, build, grpo_config, lora_config


def stock(config: RunConfig, folder: Path) -> GRPOTrainer:
    """Stock TRL with the hard reward as TRL wants it: a function of completions and gold answers."""

    def right(completions: list[Any], gold: list[str], **_: Any) -> list[float]:
        return [float(matches(extract(c[0]["content"]), g)) for c, g in zip(completions, gold, strict=True)]

    set_seed(config.seed)
    model, tokenizer = policy.load(config.model)
    rows = data.rows(arithmetic.problems(64, "train"), config.data, conversational=True)
    return GRPOTrainer(
        model=model, reward_funcs=right, args=grpo_config(config, folder), train_dataset=rows,
        processing_class=tokenizer, peft_config=lora_config(config),
    )  # fmt: skip


def ours(config: RunConfig, folder: Path, problems: int = 64) -> ShowdownTrainer:
    set_seed(config.seed)
    model, tokenizer = policy.load(config.model)
    rows = data.rows(arithmetic.problems(problems, "train"), config.data, conversational=True)
    return build(config, model, tokenizer, rows, folder)


def history(trainer: GRPOTrainer) -> list[dict[str, float]]:
    keys = (
        "loss",
        "reward",
        "reward_std",
        "frac_reward_zero_std",
        "grad_norm",
        "entropy",
        "completions/mean_length",
        "clip_ratio/region_mean",
    )
    return [{k: row[k] for k in keys if k in row} for row in trainer.state.log_history if "loss" in row]


def terms(*names: str, **params: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"component": n, "side": "continuous", "params": params.get(n, {})} for n in names]


def made(
    folder: Path,
    mix: list[dict[str, Any]] | dict[str, Any],
    cls: type[ShowdownTrainer] = ShowdownTrainer,
    **grpo: Any,
) -> ShowdownTrainer:
    config: RunConfig = run_config(mix=mix if isinstance(mix, dict) else {"terms": mix}, grpo=grpo)
    model, tokenizer = policy.load(config.model)
    rows = data.rows(arithmetic.problems(64, "train"), config.data, conversational=True)
    trainer = build(config, model, tokenizer, rows, folder)
    trainer.__class__ = cls
    return trainer


def base(trainer: ShowdownTrainer) -> dict[str, torch.Tensor]:
    return {n: w.detach().clone() for n, w in trainer.model.named_parameters() if "lora_" not in n}
