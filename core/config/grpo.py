"""GrpoConfig: TRL's GRPOConfig as far as people set it, under TRL's names."""

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from core.common.config_model import Frozen

MOST_STEPS = 10_000_000
MOST_TOKENS = 10_000_000
MOST_COMPLETIONS = 1_000_000  # in a step
# TRL's documentation of epsilon_high recommends it for cispo, after arXiv 2510.13786
CISPO_EPSILON_HIGH = 5.0


class GrpoConfig(Frozen):
    """TRL's GRPOConfig, under its names; plus prompts_per_step. A step is an optimizer step."""

    num_generations: int = Field(8, ge=2, le=4096)
    """Completions per prompt: the group size G."""
    prompts_per_step: int = Field(8, ge=1, le=65_536)
    """Prompts per optimizer step; completions per step = prompts_per_step x num_generations."""
    num_iterations: int = Field(1, ge=1, le=1000)
    """Steps that train on each rollout (mu of the GRPO paper). Above 1 the policy ratio leaves 1, and
    clipping acts."""
    num_processes: int = Field(1, ge=1, le=64)
    """Processes that share each step (accelerate's num_processes): one a GPU, all on one machine."""
    per_device_train_batch_size: int | None = Field(None, ge=1, le=1_000_000)
    """Completions per forward pass of a process; smaller saves memory through gradient accumulation.
    Empty: all it has."""
    learning_rate: float = Field(1e-5, gt=0, lt=1)
    """AdamW's learning rate."""
    lr_scheduler_type: Literal["constant", "linear", "cosine", "constant_with_warmup"] = "constant"
    """How the learning rate moves."""
    warmup_steps: int = Field(0, ge=0, le=MOST_STEPS)
    """Steps of learning-rate warm-up."""
    max_steps: int = Field(200, ge=1, le=MOST_STEPS)
    """Optimizer steps of the run."""
    beta: float = Field(0.0, ge=0)
    """Coefficient of the KL penalty to the starting model; 0 loads no reference."""
    epsilon: float = Field(0.2, gt=0, lt=1)
    """Clip range of the policy ratio; acts from num_iterations 2 on."""
    epsilon_high: float | None = Field(None, gt=0)
    """Upper clip range; empty: epsilon. Under loss_type cispo the largest ratio itself; empty: 5."""
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
    top_k: int = Field(0, ge=0, le=MOST_TOKENS)
    """Top-k sampling; 0: off."""
    max_completion_length: int = Field(256, ge=1, le=MOST_TOKENS)
    """Tokens a completion may have."""
    max_grad_norm: float = Field(1.0, gt=0)
    """Gradients are clipped to this norm."""
    weight_decay: float = Field(0.0, ge=0)
    """AdamW's weight decay."""
    gradient_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, more time."""
    use_liger_kernel: bool = False
    """Liger's Triton kernels for the model's layers: less memory. Needs a GPU and the extra `liger`."""
    use_vllm: bool = False
    """Generate with vLLM: much faster. Needs a GPU and the extra `vllm`."""
    vllm_mode: Literal["colocate", "server"] = "colocate"
    """colocate: in the training process, on its GPU. server: a `vllm serve` of its own, which serves one
    run at a time."""
    vllm_server_base_url: str = ""
    """server: its address, e.g. http://localhost:8000."""
    vllm_gpu_memory_utilization: float = Field(0.3, gt=0, le=1)
    """colocate: share of the GPU's memory that vLLM takes."""
    vllm_max_model_length: int | None = Field(None, ge=1, le=MOST_TOKENS)
    """colocate: tokens of prompt and completion together; empty: all that the model can take."""
    vllm_enable_sleep_mode: bool = False
    """colocate: vLLM gives its memory back while the policy is trained, and takes it again."""
    vllm_tensor_parallel_size: int = Field(1, ge=1, le=64)
    """colocate: processes that share one vLLM; divides their number."""
    vllm_importance_sampling_correction: bool = True
    """Weigh completions by the ratio of the policy's probability to vLLM's, which differ a little."""
    vllm_importance_sampling_mode: Literal[
        "sequence_mask", "sequence_truncate", "token_mask", "token_truncate"
    ] = "sequence_mask"
    """That ratio: of the whole completion or of each token; beyond its bound masked or truncated."""
    vllm_importance_sampling_clip_max: float = Field(3.0, gt=0)
    """Bound of that ratio."""

    @field_validator("num_generations", mode="before")
    @classmethod
    def _a_group_is_compared(cls, size: Any) -> Any:
        if isinstance(size, int) and size < 2:
            raise ValueError(
                f"num_generations {size} is too small: GRPO takes a completion's advantage from the others "
                "of its group, so TRL wants at least 2"
            )
        return size

    @model_validator(mode="before")
    @classmethod
    def _from_batch_size(cls, values: Any) -> Any:
        """Accept TRL's generation_batch_size (completions per step) in place of prompts_per_step."""
        if not isinstance(values, dict) or "generation_batch_size" not in values:
            return values
        values = dict(values)
        size = values.pop("generation_batch_size")
        group = values.get("num_generations", 8)
        if "prompts_per_step" in values:
            raise ValueError("generation_batch_size and prompts_per_step say the same thing twice; give one")
        if not isinstance(size, int) or not isinstance(group, int) or group < 1 or size % group:
            raise ValueError(f"generation_batch_size {size} is not divisible by num_generations {group}")
        return {**values, "prompts_per_step": size // group}

    @model_validator(mode="after")
    def _a_step_has_an_end(self) -> "GrpoConfig":
        completions = self.prompts_per_step * self.num_generations
        if completions > MOST_COMPLETIONS:
            raise ValueError(
                f"prompts_per_step {self.prompts_per_step} x num_generations {self.num_generations} are "
                f"{completions:,} completions a step, and {MOST_COMPLETIONS:,} are the most; "
                "make one of them smaller"
            )
        return self

    @model_validator(mode="after")
    def _loss_is_whole(self) -> "GrpoConfig":
        if self.loss_type == "luspo" and self.importance_sampling_level != "sequence":
            raise ValueError(
                "loss_type luspo needs importance_sampling_level sequence; "
                "set it, or choose another loss_type"
            )
        if self.entropy_coef_min > self.entropy_coef_max:
            low = self.entropy_coef_min
            high = self.entropy_coef_max
            raise ValueError(f"entropy_coef_min {low:g} is above entropy_coef_max {high:g}: swap them")
        if self.delta is not None and self.delta <= 1 + self.epsilon:
            raise ValueError(
                f"delta {self.delta:g} must be above 1 + epsilon = {1 + self.epsilon:g}, or empty"
            )
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
    def _vllm_is_whole(self) -> "GrpoConfig":
        """Refuse what TRL and vLLM would refuse only when the model is loaded."""
        if not self.use_vllm:
            return self
        url = self.vllm_server_base_url
        length = self.vllm_max_model_length
        mode = self.vllm_importance_sampling_mode
        if self.vllm_mode == "server" and not url.startswith(("http://", "https://")):
            raise ValueError(
                f"vllm_mode server needs vllm_server_base_url (got {url!r}); "
                "give one, e.g. http://localhost:8000"
            )
        if length is not None and length <= self.max_completion_length:
            raise ValueError(
                f"vllm_max_model_length {length} has no room for a prompt beside max_completion_length "
                f"{self.max_completion_length}; raise it, or leave it empty"
            )
        if (
            self.loss_type == "vespo"
            and self.vllm_importance_sampling_correction
            and not mode.startswith("token")
        ):
            raise ValueError(
                "loss_type vespo with vLLM needs vllm_importance_sampling_mode token_truncate or token_mask, "
                f"not {mode}"
            )
        return self

    @model_validator(mode="after")
    def _divisible(self) -> "GrpoConfig":
        total = self.completions_per_step
        n = self.num_processes
        micro = self.per_device_train_batch_size
        step = (
            f"{total} completions of a step "
            f"({self.prompts_per_step} prompts_per_step x {self.num_generations} num_generations)"
        )
        if total % n:
            raise ValueError(f"num_processes {n} does not divide the {step}; {_nearest(total, n)} would")
        share = total // n
        if micro is not None and share % micro:
            share_text = (
                f"{share} completions that each of {n} processes has of the {step}" if n > 1 else step
            )
            raise ValueError(
                f"per_device_train_batch_size {micro} does not divide the {share_text}; "
                f"{_nearest(share, micro)} would"
            )
        if self.use_vllm and n % self.vllm_tensor_parallel_size:
            parallel_size = self.vllm_tensor_parallel_size
            raise ValueError(
                f"vllm_tensor_parallel_size {parallel_size} does not divide num_processes {n}; "
                f"{_nearest(n, parallel_size)} would"
            )
        return self

    @property
    def upper_epsilon(self) -> float | None:
        """The epsilon_high that is passed to TRL; None: TRL takes epsilon.

        Under cispo it is never None: epsilon would only scale every gradient.
        """
        if self.epsilon_high is None and self.loss_type == "cispo":
            return CISPO_EPSILON_HIGH
        return self.epsilon_high

    @property
    def rollouts(self) -> int:
        """How many times the run generates completions to train on; the last rollout may have fewer steps."""
        return -(-self.max_steps // self.num_iterations)

    def rollout_step(self, step: int) -> int:
        """The step at which the completions that `step` (from 1) trains on were generated and scored."""
        return step - (step - 1) % self.num_iterations

    @property
    def completions_per_step(self) -> int:
        return self.prompts_per_step * self.num_generations

    @property
    def micro_batch(self) -> int:
        return self.per_device_train_batch_size or self.completions_per_process

    @property
    def completions_per_process(self) -> int:
        return self.completions_per_step // self.num_processes


def _nearest(whole: int, wanted: int) -> int:
    """The divisor of `whole` that is nearest to `wanted`."""
    return min((d for d in range(1, whole + 1) if whole % d == 0), key=lambda d: abs(d - wanted))
