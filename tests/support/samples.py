"""Configs and batches that tests build on. Small numbers that can be checked by hand."""

from typing import Any

import numpy as np

from core.config.parsing import parse
from core.config.run import RunConfig
from core.rewards.batch import RolloutBatch

HARD: list[dict[str, Any]] = [{"component": "correctness", "side": "hard", "weight": 1.0}]
CONTINUOUS: list[dict[str, Any]] = [
    {"component": "closeness", "side": "continuous", "weight": 0.4},
    {"component": "perplexity", "side": "continuous", "weight": 0.2},
    {"component": "reasoning", "side": "continuous", "weight": 0.2},
    {"component": "format", "side": "continuous", "weight": 0.2},
]
RAMP = {"type": "linear", "start": 0.0, "end": 1.0, "from_step": 1, "to_step": 5}
HYBRID: dict[str, Any] = {"blend": RAMP, "terms": HARD + CONTINUOUS}


# to make the 4096 of the default takes a quarter of the smallest training
FEW = {"name": "tiny-arithmetic", "size": 64}
# Steps that cost next to nothing, where what is trained proves nothing. Merge into `grpo`.
BRIEF: dict[str, Any] = {"num_generations": 2, "prompts_per_step": 2, "max_completion_length": 8}


def run_config(**changes: Any) -> RunConfig:
    """A run of the tiny model: 6 steps of 4 prompts x 4 completions unless changed; `grpo` and `data` are
    merged."""
    grpo = {
        "num_generations": 4,
        "prompts_per_step": 4,
        "learning_rate": 6e-4,
        "max_steps": 6,
        "max_completion_length": 40,
    }
    values: dict[str, Any] = {
        "name": "hybrid",
        "model": {"path": "tiny"},
        "mix": HYBRID,
        "evaluation": {"every": 3, "num_samples": 1},
        "checkpoint": {"every": 2},
        **changes,
    }
    values["grpo"] = {**grpo, **changes.get("grpo", {})}
    values["data"] = {"train": FEW, "eval": {"name": "tiny-arithmetic", "size": 8}, **changes.get("data", {})}
    return parse(RunConfig, values)


def batch(
    completions: list[str], golds: list[str] | None = None, group_size: int | None = None, **more: Any
) -> RolloutBatch:
    """A batch of completions; gold answer 72 and one group unless told."""
    n = len(completions)
    values: dict[str, Any] = {
        "prompts": ["q"] * n,
        "completions": completions,
        "golds": golds or ["72"] * n,
        "problem_ids": [f"p{i // (group_size or n)}" for i in range(n)],
        "group": np.arange(n) // (group_size or n),
        "n_tokens": np.array([len(c.split()) for c in completions]),
        "truncated": np.zeros(n, dtype=bool),
        "mean_nll": np.full(n, 0.5),
        "solutions": ["48/2=<<48/2=24>>24\n24+48=72\n#### 72"] * n,
        "nll_without_prompt": np.full(n, 1.5),
        "self_certainty": np.full(n, 10.0),
        "reference_probability": np.full(n, 0.7),
        "reference_baseline": np.full(n, 0.2),
        **more,
    }
    return RolloutBatch(**values)
