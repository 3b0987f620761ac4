"""What the config refuses for TRL's sake, TRL refuses: each case is given to both."""

from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

from core.common.errors import ConfigError
from core.config.parsing import parse
from core.config.run import RunConfig
from tests.support.samples import run_config
from worker.tiny import folder

BATCH = {"per_device_train_batch_size": 16, "num_generations": 4}


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        ({"num_generations": 1}, {"num_generations": 1}, "at least 2"),
        (
            {"num_generations": 3, "generation_batch_size": 16},
            {"num_generations": 3, "generation_batch_size": 16},
            "divisible by num_generations",
        ),
        (
            {"generation_batch_size": 16, "per_device_train_batch_size": 5},
            {"generation_batch_size": 16, "per_device_train_batch_size": 5},
            "divi",
        ),
    ],
)
def test_a_batch_that_trl_refuses(
    tmp_path: Path, ours: dict[str, Any], theirs: dict[str, Any], said: str
) -> None:
    sizes = {
        k: v
        for k, v in {"prompts_per_step": 4, **ours}.items()
        if k != "prompts_per_step" or "generation_batch_size" not in ours
    }
    with pytest.raises(ConfigError, match=said):
        run_config_without_prompts(sizes)
    with pytest.raises(ValueError, match=said):
        GRPOConfig(
            output_dir=str(tmp_path), report_to="none", use_cpu=True, bf16=False, **{**BATCH, **theirs}
        )


def run_config_without_prompts(grpo: dict[str, Any]) -> None:
    """run_config merges prompts_per_step in, which says the same thing as generation_batch_size."""
    parse(RunConfig, {**run_config().resolved(), "grpo": {"max_steps": 2, **grpo}})


@pytest.mark.filterwarnings("ignore:Model has `tie_word_embeddings=True`")  # the tiny models have
def test_an_adapter_on_the_head_that_trl_refuses(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="lm_head's own weight"):
        run_config(lora={"target_modules": ["q_proj", "lm_head"]})
    args = GRPOConfig(output_dir=str(tmp_path), report_to="none", use_cpu=True, bf16=False, **BATCH)
    with pytest.raises(ValueError, match="Remove `'lm_head'`"):
        GRPOTrainer(
            AutoModelForCausalLM.from_pretrained(folder("tiny")), lambda completions, **_: [0.0] * len(completions), args,
            Dataset.from_dict({"prompt": ["1+1"] * 16}), processing_class=AutoTokenizer.from_pretrained(folder("tiny")),
            peft_config=LoraConfig(target_modules=["q_proj", "lm_head"], task_type="CAUSAL_LM"),
        )  # fmt: skip
