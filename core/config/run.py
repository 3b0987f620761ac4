"""RunConfig: everything that defines a training, parsed once at the edge and then trusted.

Names inside `grpo` and `lora` are TRL's and peft's own. A config has the same shape everywhere.
"""

import hashlib
import json
import re
from typing import Any, Literal

import yaml
from pydantic import Field, field_validator, model_validator

from core.common.config_model import Frozen
from core.common.messages import NAME
from core.config.grpo import MOST_STEPS, GrpoConfig
from core.grading.answers import AnswerRule
from core.metrics import FAMILIES, METRICS, describe
from core.problems import arithmetic
from core.rewards.mix import Mix

# settings of grpo that are not hashed at their default, so that older configs keep their hash
NEWER_THAN_HASHES = {"num_iterations": 1}
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(?:/[A-Za-z0-9][\w.-]{0,95})?", re.ASCII)
SHIPPED_MODELS = ("tiny", "tiny-sparse")  # worker.tiny holds their weights


class ModelConfig(Frozen):
    """Which causal language model is trained."""

    path: str = Field("tiny", min_length=1)
    """tiny, tiny-sparse, a folder, or a hub name such as Qwen/Qwen3-4B."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Weights are loaded as this; auto: bfloat16 on a GPU, float32 on the CPU."""
    attn_implementation: Literal["auto", "sdpa", "eager", "flash_attention_2"] = "auto"
    """How attention is computed; auto: the best that transformers finds for the model."""
    load_in_4bit: bool = False
    """Keep the frozen base in 4 bits (QLoRA): a quarter of bfloat16's memory, slower. Needs the extra
    `quantization`."""
    bnb_4bit_quant_type: Literal["nf4", "fp4"] = "nf4"
    """The 4-bit type."""
    bnb_4bit_use_double_quant: bool = True
    """Quantize the scales of the 4-bit blocks too: 0.4 bits a weight less."""
    bnb_4bit_compute_dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """4-bit weights are multiplied as this; auto: as dtype."""
    chat_template_kwargs: dict[str, Any] = {}
    """Passed to the chat template, e.g. {enable_thinking: false} for Qwen3."""

    @model_validator(mode="after")
    def _flash_is_half(self) -> "ModelConfig":
        if self.attn_implementation == "flash_attention_2" and self.dtype == "float32":
            raise ValueError(
                "attn_implementation flash_attention_2 works on 16 bits only; "
                "set dtype bfloat16, or choose sdpa"
            )
        return self


class DataSource(Frozen):
    """A list of problems: the generated task, a local JSONL file, or a data set from the hub."""

    name: str = ""
    """tiny-arithmetic, or a hub name such as openai/gsm8k."""
    path: str = ""
    """A local JSONL file; one problem a line."""
    subset: str = ""
    """Configuration name on the hub, e.g. main."""
    split: str = ""
    """Split on the hub; empty: train to train, test to evaluate."""
    question: str = "question"
    """Field that holds the question."""
    answer: str = "answer"
    """Field that holds the answer; the gold answer is what stands after `####`, or the whole field."""
    size: int | None = Field(None, ge=1, le=100_000_000)
    """Use the first so many problems; empty: all (tiny-arithmetic: 4096 to train, 128 to evaluate)."""

    @model_validator(mode="after")
    def _one_source(self) -> "DataSource":
        if bool(self.name) == bool(self.path):
            received = f"name {self.name!r} and path {self.path!r}" if self.name else "neither name nor path"
            raise ValueError(
                f"got {received}; give exactly one: a data set's name, or the path of a JSONL file"
            )
        if self.name and not HUB_NAME.fullmatch(self.name):
            raise ValueError(
                f"name {self.name!r} is no name on the hub, such as openai/gsm8k; give a file as path"
            )
        return self


class DataConfig(Frozen):
    """What is trained on, what is held out, and what counts as an answer."""

    train: DataSource = DataSource(name=arithmetic.NAME)
    """Problems the policy is trained on."""
    eval: DataSource = DataSource(name=arithmetic.NAME, size=128)
    """Held-out problems: gold accuracy is measured on them and nothing is trained on them."""
    answer_rule: AnswerRule = "strict"
    """strict: only a number alone behind `####` or in \\boxed{}. lenient: also "the answer is N" and the
    last number."""
    instruction: str = ""
    """Text put after every question, e.g. how to state the answer."""


class LoraConfig(Frozen):
    """peft's LoraConfig, under its names."""

    r: int = Field(16, ge=1, le=1024)
    """Rank of the adapter."""
    lora_alpha: int = Field(32, ge=1, le=1_000_000)
    """Scale of the adapter: lora_alpha / r."""
    lora_dropout: float = Field(0.0, ge=0, lt=1)
    """Dropout on the adapter's input."""
    target_modules: str | tuple[str, ...] = "all-linear"
    """Which modules get an adapter."""

    @field_validator("target_modules")
    @classmethod
    def _not_the_head(cls, names: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if any(n.rpartition(".")[2] == "lm_head" for n in ([names] if isinstance(names, str) else names)):
            raise ValueError(
                "target_modules names lm_head, which TRL refuses: it computes log-probabilities from "
                "lm_head's own weight, so an adapter there would never be trained; remove lm_head"
            )
        return names


class EvaluationConfig(Frozen):
    """How gold accuracy is measured: the same problems, decoding and random numbers at every evaluation of
    every arm."""

    every: int = Field(10, ge=1, le=MOST_STEPS)
    """Steps between evaluations; the start and the last step are always evaluated."""
    num_samples: int = Field(2, ge=1, le=4096)
    """Completions per held-out problem; pass@k and maj@k come from them."""
    greedy: bool = False
    """Also answer every problem once greedily."""
    temperature: float = Field(1.0, ge=0)
    """Sampling temperature; 0: greedy."""
    batch_size: int = Field(256, ge=1, le=1_000_000)
    """Completions generated at once."""


class CheckpointConfig(Frozen):
    """When a run saves what it needs to go on."""

    every: int = Field(10, ge=1, le=MOST_STEPS)
    """Steps between checkpoints; a stop always writes one."""
    keep: int = Field(2, ge=1, le=MOST_STEPS)
    """How many of the newest are kept."""
    best: bool = True
    """Also keep the one whose step had the highest eval/accuracy; of equal ones the later."""


class JournalConfig(Frozen):
    """How much a training keeps in its folder while the database is away; beyond it the training waits."""

    max_steps: int = Field(1000, ge=1, le=MOST_STEPS)
    """Steps, at most."""
    max_megabytes: float = Field(256.0, gt=0, le=1_000_000)
    """Size of the file, at most."""


class RetryConfig(Frozen):
    """What is tried again by itself when a training fails."""

    smaller_micro_batch: bool = False
    """Out of memory: go on from the last checkpoint with half per_device_train_batch_size and twice the
    accumulation."""


class Guard(Frozen):
    """Watches one metric of a run, and warns or stops when it stays beyond a bound."""

    metric: str
    """A recorded metric, e.g. eval/kl, policy/entropy, length/mean, signal/dead_groups."""
    above: float | None = None
    """It is bad above this."""
    below: float | None = None
    """It is bad below this."""
    for_steps: int = Field(1, ge=1, le=MOST_STEPS)
    """So many recorded values in a row must be bad; an eval/ metric is recorded once an evaluation."""
    action: Literal["warn", "stop"] = "warn"
    """warn: one event. stop: the run ends as STOPPED, with a checkpoint, and the event says why."""

    @field_validator("metric")
    @classmethod
    def _is_recorded(cls, key: str) -> str:
        try:
            describe(key)
        except KeyError:
            families = [f"{prefix}<n>" if prefix.endswith("@") else f"{prefix}<term>" for prefix in FAMILIES]
            raise ValueError(
                f"no metric is called {key!r}; there are {', '.join([*METRICS, *families])}"
            ) from None
        return key

    @model_validator(mode="after")
    def _one_bound(self) -> "Guard":
        if (self.above is None) == (self.below is None):
            raise ValueError(f"the guard on {self.metric} needs exactly one of above and below")
        return self


class RunConfig(Frozen):
    """One training: one mix, one seed."""

    name: str = Field("run", pattern=NAME)
    """Name of the arm: lower case, digits, - and _."""
    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    lora: LoraConfig = LoraConfig()
    grpo: GrpoConfig = GrpoConfig()
    mix: Mix
    evaluation: EvaluationConfig = EvaluationConfig()
    checkpoint: CheckpointConfig = CheckpointConfig()
    journal: JournalConfig = JournalConfig()
    retry: RetryConfig = RetryConfig()
    guards: tuple[Guard, ...] = ()
    """Metrics that warn or stop the run when they leave their bounds."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Seed of everything random in the run."""

    @model_validator(mode="after")
    def _vllm_is_given_whole_weights(self) -> "RunConfig":
        if self.grpo.use_vllm and self.model.load_in_4bit:
            raise ValueError(
                "grpo.use_vllm and model.load_in_4bit do not go together: vLLM is sent base and adapter as "
                "one each step, and merged into 4 bits the adapter is rounded away; turn one of them off"
            )
        return self

    @model_validator(mode="after")
    def _guards_see_something(self) -> "RunConfig":
        conditions = {
            "policy/kl": (self.grpo.beta > 0, "grpo.beta is above 0; eval/kl is always recorded"),
            "eval/greedy": (self.evaluation.greedy, "evaluation.greedy is on"),
        }
        for guard in self.guards:
            is_recorded, condition = conditions.get(guard.metric, (True, ""))
            if not is_recorded:
                raise ValueError(f"guards: {guard.metric} is recorded only where {condition}")
            family = next((f for f in FAMILIES if guard.metric.startswith(f)), None)
            term = guard.metric.removeprefix(family) if family else None
            if family and not family.endswith("@") and term not in self.mix.labels:
                raise ValueError(
                    f"guards: {guard.metric}: the mix has no term {term!r}; "
                    f"it has {', '.join(self.mix.labels)}"
                )
        return self

    @property
    def trained_mix(self) -> Mix:
        """The mix with its schedules in steps of this run."""
        return self.mix.in_steps(self.grpo.max_steps)

    def resolved(self) -> dict[str, Any]:
        """The config with every default filled in, as plain JSON types."""
        return self.model_dump(mode="json", by_alias=True)

    def hash(self) -> str:
        """16 hex digits that differ when anything in the config differs."""
        values = self.resolved()
        values["grpo"] = {
            name: v for name, v in values["grpo"].items() if NEWER_THAN_HASHES.get(name, ()) != v
        }
        text = json.dumps(values, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.resolved(), sort_keys=False, allow_unicode=True)
