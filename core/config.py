"""RunConfig and ExperimentConfig: everything that defines a training, parsed once at the edge and then trusted.

Called by the forms, the CLI, core.store (the row keeps the resolved JSON) and the training child. Names inside `grpo`
and `lora` are TRL's and peft's own. YAML in and out; the same shape everywhere.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.advantage import RULES
from core.answers import AnswerRule
from core.errors import ConfigError
from core.mix import NAME, Mix
from core.problems import arithmetic
from core.rules import COMBINATIONS
from core.schedule import SCHEDULES
from core.shaping import SHAPINGS

T = TypeVar("T", bound=BaseModel)
SHIPPED_MODELS = ("tiny", "tiny-sparse")  # worker.tiny holds their weights
UNION_TAGS = {*SCHEDULES, *SHAPINGS, *COMBINATIONS, *RULES, "number", "schedule"}  # parts of a fault's path that no file has


class _Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ModelConfig(_Config):
    """Which causal language model is trained."""

    path: str = Field("tiny", min_length=1)
    """tiny, tiny-sparse, a folder, or a hub name such as Qwen/Qwen3-4B."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Weights are loaded as this; auto: bfloat16 on a GPU, float32 on the CPU."""
    chat_template_kwargs: dict[str, Any] = {}
    """Passed to the chat template, e.g. {enable_thinking: false} for Qwen3."""


class DataSource(_Config):
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
    size: int | None = Field(None, ge=1)
    """Use the first so many problems; empty: all (tiny-arithmetic: 4096 to train, 128 to evaluate)."""

    @model_validator(mode="after")
    def _one_source(self) -> "DataSource":
        if bool(self.name) == bool(self.path):
            given = f"name {self.name!r} and path {self.path!r}" if self.name else "neither name nor path"
            raise ValueError(f"got {given}; give exactly one: a data set's name, or the path of a JSONL file")
        return self


class DataConfig(_Config):
    """What is trained on, what is held out, and what counts as an answer."""

    train: DataSource = DataSource(name=arithmetic.NAME)
    """Problems the policy is trained on."""
    eval: DataSource = DataSource(name=arithmetic.NAME, size=128)
    """Held-out problems: gold accuracy is measured on them and nothing is trained on them."""
    answer_rule: AnswerRule = "strict"
    """strict: only a number alone behind `####` or in \\boxed{}. lenient: also "the answer is N" and the last number."""
    instruction: str = ""
    """Text put after every question, e.g. how to state the answer."""


class LoraConfig(_Config):
    """peft's LoraConfig, under its names."""

    r: int = Field(16, ge=1, le=1024)
    """Rank of the adapter."""
    lora_alpha: int = Field(32, ge=1)
    """Scale of the adapter: lora_alpha / r."""
    lora_dropout: float = Field(0.0, ge=0, lt=1)
    """Dropout on the adapter's input."""
    target_modules: str | tuple[str, ...] = "all-linear"
    """Which modules get an adapter."""


class GrpoConfig(_Config):
    """TRL's GRPOConfig, under its names; plus prompts_per_step. One generation per optimizer step."""

    num_generations: int = Field(8, ge=2)
    """Completions per prompt: the group size G."""
    prompts_per_step: int = Field(8, ge=1)
    """Prompts per optimizer step; completions per step = prompts_per_step x num_generations."""
    per_device_train_batch_size: int | None = Field(None, ge=1)
    """Completions per forward pass; smaller saves memory through gradient accumulation. Empty: all of a step."""
    learning_rate: float = Field(1e-5, gt=0, lt=1)
    """AdamW's learning rate."""
    lr_scheduler_type: Literal["constant", "linear", "cosine", "constant_with_warmup"] = "constant"
    """How the learning rate moves."""
    warmup_steps: int = Field(0, ge=0)
    """Steps of learning-rate warm-up."""
    max_steps: int = Field(200, ge=1)
    """Optimizer steps of the run."""
    beta: float = Field(0.0, ge=0)
    """Coefficient of the KL penalty to the starting model; 0 loads no reference."""
    epsilon: float = Field(0.2, gt=0, lt=1)
    """Clip range of the policy ratio."""
    epsilon_high: float | None = Field(None, gt=0)
    """Upper clip range; empty: epsilon."""
    loss_type: Literal["grpo", "dapo", "dr_grpo", "bnpo", "cispo", "sapo", "luspo", "vespo"] = "dapo"
    """Which loss, and how token losses are averaged."""
    importance_sampling_level: Literal["token", "sequence"] = "token"
    """Ratio of each token, or of the whole completion (GSPO)."""
    delta: float | None = Field(None, gt=0)
    """Upper bound of the ratio in the unclipped term (two-sided clipping); empty: none."""
    top_entropy_quantile: float = Field(1.0, gt=0, le=1)
    """Only this share of the tokens, those with the highest entropy, enters the loss; 0.2 is usual."""
    entropy_coef: float = Field(0.0, ge=0)
    """Coefficient of an entropy bonus."""
    use_adaptive_entropy: bool = False
    """Move entropy_coef so that the entropy stays near entropy_target."""
    entropy_target: float = Field(0.2, gt=0)
    """Entropy in nats per token that use_adaptive_entropy holds."""
    entropy_coef_delta: float = Field(0.005, gt=0)
    """How far entropy_coef moves a step."""
    entropy_coef_min: float = Field(0.0, ge=0)
    """Smallest entropy_coef under use_adaptive_entropy."""
    entropy_coef_max: float = Field(1.0, gt=0)
    """Largest entropy_coef under use_adaptive_entropy."""
    mask_truncated_completions: bool = False
    """Leave completions cut at the length limit out of the loss."""
    temperature: float = Field(1.0, gt=0)
    """Sampling temperature."""
    top_p: float = Field(1.0, gt=0, le=1)
    """Nucleus sampling."""
    top_k: int = Field(0, ge=0)
    """Top-k sampling; 0: off."""
    max_completion_length: int = Field(256, ge=1)
    """Tokens a completion may have."""
    max_grad_norm: float = Field(1.0, gt=0)
    """Gradients are clipped to this norm."""
    weight_decay: float = Field(0.0, ge=0)
    """AdamW's weight decay."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, more time."""

    @model_validator(mode="before")
    @classmethod
    def _from_batch_size(cls, values: Any) -> Any:
        """TRL users may give generation_batch_size (completions per step) in place of prompts_per_step."""
        if not isinstance(values, dict) or "generation_batch_size" not in values:
            return values
        values = dict(values)
        size, group = values.pop("generation_batch_size"), values.get("num_generations", 8)
        if "prompts_per_step" in values:
            raise ValueError("generation_batch_size and prompts_per_step say the same thing twice; give one")
        if not isinstance(size, int) or not isinstance(group, int) or group < 1 or size % group:
            raise ValueError(f"generation_batch_size {size} is not divisible by num_generations {group}")
        return {**values, "prompts_per_step": size // group}

    @model_validator(mode="after")
    def _loss_is_whole(self) -> "GrpoConfig":
        if self.loss_type == "luspo" and self.importance_sampling_level != "sequence":
            raise ValueError("loss_type luspo needs importance_sampling_level sequence; set it, or choose another loss_type")
        if self.entropy_coef_min > self.entropy_coef_max:
            low, high = self.entropy_coef_min, self.entropy_coef_max
            raise ValueError(f"entropy_coef_min {low:g} is above entropy_coef_max {high:g}: swap them")
        if self.delta is not None and self.delta <= 1 + self.epsilon:
            raise ValueError(f"delta {self.delta:g} must be above 1 + epsilon = {1 + self.epsilon:g}, or empty")
        return self

    @model_validator(mode="after")
    def _warmup_acts(self) -> "GrpoConfig":
        if self.warmup_steps and self.lr_scheduler_type == "constant":
            raise ValueError(
                f"warmup_steps {self.warmup_steps} does nothing under lr_scheduler_type constant; choose "
                "constant_with_warmup, or warmup_steps 0"
            )
        return self

    @model_validator(mode="after")
    def _divisible(self) -> "GrpoConfig":
        total, micro = self.completions_per_step, self.per_device_train_batch_size
        if micro is not None and total % micro:
            fits = [d for d in range(1, total + 1) if total % d == 0]
            near = min(fits, key=lambda d: abs(d - micro))
            raise ValueError(
                f"per_device_train_batch_size {micro} does not divide the {total} completions of a step "
                f"({self.prompts_per_step} prompts_per_step x {self.num_generations} num_generations); {near} would"
            )
        return self

    @property
    def completions_per_step(self) -> int:
        return self.prompts_per_step * self.num_generations

    @property
    def micro_batch(self) -> int:
        return self.per_device_train_batch_size or self.completions_per_step


class EvaluationConfig(_Config):
    """How gold accuracy is measured: the same problems, decoding and random numbers at every evaluation of every arm."""

    every: int = Field(10, ge=1)
    """Steps between evaluations; the start and the last step are always evaluated."""
    num_samples: int = Field(2, ge=1)
    """Completions per held-out problem; pass@k and maj@k come from them."""
    greedy: bool = False
    """Also answer every problem once greedily."""
    temperature: float = Field(1.0, ge=0)
    """Sampling temperature; 0: greedy."""
    batch_size: int = Field(256, ge=1)
    """Completions generated at once."""


class CheckpointConfig(_Config):
    """When a run saves what it needs to go on."""

    every: int = Field(10, ge=1)
    """Steps between checkpoints; a stop always writes one."""
    keep: int = Field(2, ge=1)
    """How many of the newest are kept."""


class RunConfig(_Config):
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
    seed: int = Field(0, ge=0, lt=2**31)
    """Seed of everything random in the run."""

    @property
    def trained_mix(self) -> Mix:
        """The mix with its schedules in steps of this run."""
        return self.mix.in_steps(self.grpo.max_steps)

    def resolved(self) -> dict[str, Any]:
        """The config with every default filled in, as plain JSON types."""
        return self.model_dump(mode="json", by_alias=True)

    def hash(self) -> str:
        """16 hex digits that differ when anything in the config differs."""
        text = json.dumps(self.resolved(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.resolved(), sort_keys=False, allow_unicode=True)


class Arm(_Config):
    """One mix in an experiment."""

    name: str = Field(pattern=NAME)
    """Name of the arm, unique in the experiment."""
    mix: Mix


class ExperimentConfig(_Config):
    """Arms x seeds under one question; everything but the mix is the same in every arm."""

    name: str = Field(min_length=1, max_length=120)
    """Title."""
    question: str = ""
    """What the experiment asks."""
    arms: tuple[Arm, ...] = Field(min_length=1, max_length=16)
    """The mixes compared."""
    seeds: tuple[int, ...] = Field((0,), min_length=1, max_length=64)
    """One run per arm and seed."""
    run: dict[str, Any] = {}
    """Everything else of a RunConfig, common to all arms."""

    @model_validator(mode="after")
    def _expands(self) -> "ExperimentConfig":
        given: dict[str, list[str]] = {"arm": [a.name for a in self.arms], "seed": [str(s) for s in self.seeds]}
        for what, items in given.items():
            twice = [x for x in items if items.count(x) > 1]
            if twice:
                raise ValueError(f"{what} {twice[0]} is given twice")
        extra = sorted(set(self.run) & {"mix", "name", "seed"})
        if extra:
            raise ValueError(f"run.{extra[0]} comes from the arms and seeds; leave it out of `run`")
        self.runs()
        return self

    def runs(self) -> list[RunConfig]:
        """The runs in the order in which they are queued: every arm of the first seed, then of the next."""
        return [
            RunConfig.model_validate({**self.run, "name": arm.name, "mix": arm.mix, "seed": seed})
            for seed in self.seeds
            for arm in self.arms
        ]


def explain(error: ValidationError) -> ConfigError:
    """pydantic's faults as (field path, message) pairs in our words."""
    faults = error.errors(include_url=False)
    inner = [f["loc"] for f in faults]
    problems = []
    for fault in faults:
        loc = fault["loc"]
        if fault["type"] == "too_short" and any(other[: len(loc)] == loc and other != loc for other in inner):
            continue  # the list is short only because its items were refused
        path = ".".join(str(p) for p in loc if p not in UNION_TAGS)
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            message = "no such setting; check the spelling, or remove it"
        elif fault["type"] == "missing":
            message = "is missing; give it a value"
        elif fault["type"] != "value_error" and not isinstance(fault.get("input"), dict):
            message = f"{message} (got {fault.get('input')!r})"
        problems.append((path, message))
    return ConfigError(problems)


def parse(kind: type[T], values: Any) -> T:
    """`values` as a config of that kind; ConfigError with a message per fault."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise explain(error) from error


def read_yaml(path: Path) -> Any:
    """The content of a YAML file; ConfigError naming file and place when it cannot be read."""
    try:
        return yaml.safe_load(path.read_text())
    except OSError as error:
        raise ConfigError([(str(path), f"cannot be read: {error.strerror}")]) from error
    except yaml.YAMLError as error:
        raise ConfigError([(str(path), f"is not YAML: {error}")]) from error


def load(path: Path) -> RunConfig | ExperimentConfig:
    """A run or an experiment from a YAML file; an experiment is what has `arms`."""
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise ConfigError([(str(path), "holds no settings; a run needs at least `mix`")])
    return parse(ExperimentConfig, values) if "arms" in values else parse(RunConfig, values)


def load_mix(path: Path, arm: str | None = None) -> tuple[Mix, RunConfig | None]:
    """A mix from a YAML file that holds one, a run, or an experiment (then `arm` says whose); and the run, if there is one."""
    values = read_yaml(path)
    if isinstance(values, dict) and "terms" in values:
        return parse(Mix, values), None
    return mix_of(load(path), arm, str(path))


def mix_of(made: RunConfig | ExperimentConfig, arm: str | None, where: str) -> tuple[Mix, RunConfig]:
    """The mix of a run, or of an experiment's arm."""
    if isinstance(made, RunConfig):
        return made.mix, made
    names = [a.name for a in made.arms]
    if arm is None and len(names) == 1:
        arm = names[0]
    if arm not in names:
        raise ConfigError([("arm", f"{arm!r} is no arm of {where}; say which with --arm: {', '.join(names)}")])
    run = made.runs()[names.index(arm)]
    return run.mix, run
