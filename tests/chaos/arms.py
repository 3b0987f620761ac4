"""What is trained while everything is killed: arms whose numbers would show a lost, doubled or repeated step."""

from typing import Any

from core.config.run import RunConfig
from tests.support.samples import CONTINUOUS, HARD, HYBRID, run_config

# Dropout draws from torch's generator; blend and z-score remember steps before, and each switch of the blend
# is an event.
BLEND = {
    "type": "adaptive",
    "signal": "kl",
    "threshold": 0.0,
    "start": 0.7,
    "end": 0.0,
    "rate": 0.3,
    "memory": 0.5,
}
ZSCORED = {**CONTINUOUS[0], "shaping": {"type": "zscore"}}
ARMS: dict[str, dict[str, Any]] = {
    "hard": {
        "mix": {"terms": HARD},
        "evaluation": {"every": 4, "num_samples": 1},
        "checkpoint": {"every": 3},
    },
    "hybrid": {
        "mix": HYBRID,
        "evaluation": {"every": 5, "num_samples": 2},
        "checkpoint": {"every": 2, "keep": 2},
    },
    # Steps 2, 4, ... train on the samples of the step before: most checkpoints lie in the middle of such a
    # pair.
    "adaptive": {
        "mix": {"blend": BLEND, "terms": [*HARD, ZSCORED]},
        "lora": {"lora_dropout": 0.1},
        "evaluation": {"every": 3, "num_samples": 2, "greedy": True},
        "checkpoint": {"every": 1},
        "grpo": {"num_iterations": 2},
    },
}


def config(arm: str, seed: int, steps: int) -> RunConfig:
    """A run of an arm: small steps, with a checkpoint and an evaluation every few of them."""
    changes = ARMS[arm]
    grpo = {"prompts_per_step": 2, "max_completion_length": 12, "max_steps": steps, **changes.get("grpo", {})}
    return run_config(**{**changes, "name": arm, "seed": seed, "grpo": grpo})
