"""GRPO settings that are legal but cannot change what is trained, each with the reason.

They follow from TRL 1.16's loss, read and measured. With num_iterations 1 a rollout is trained once, by the
policy that wrote it, so the policy ratio is exactly 1: nothing is clipped, and losses that differ only in how
they treat the ratio are the same loss. vLLM does not change that: TRL compares the policy with itself, and
corrects for vLLM by a factor of its own, which only `vespo` takes into its ratio.
tests/train/worker/test_settings_act.py trains every setting with two values and holds this module to it.
"""

from collections.abc import Iterator

from core.config.grpo import GrpoConfig
from core.rewards.mix import Mix

ON_POLICY = "the policy ratio is 1 while num_iterations is 1"
CLIPPED = ("grpo", "dapo", "dr_grpo", "bnpo", "luspo")  # losses with a clip range
ADAPTIVE_ENTROPY = ("entropy_target", "entropy_coef_delta", "entropy_coef_min", "entropy_coef_max")
COLOCATED = (
    "vllm_gpu_memory_utilization", "vllm_max_model_length",
    "vllm_enable_sleep_mode", "vllm_tensor_parallel_size",
)  # fmt: skip
CORRECTION = ("vllm_importance_sampling_mode", "vllm_importance_sampling_clip_max")


def idle_settings(grpo: GrpoConfig, mix: Mix) -> dict[str, str]:
    """Map each setting that cannot act to the reason why it trains the same with every value.

    loss_type, lr_scheduler_type and num_iterations map to the other value as which they train.
    """
    reasons = dict(_idle(grpo, mix))
    reasons |= {
        name: f"trains as {value} here: {reason}" for name, (value, reason) in _as_another(grpo).items()
    }
    return reasons


def effective(grpo: GrpoConfig, mix: Mix) -> dict[str, object]:
    """The settings in a normal form that is equal where the training is equal, rounding aside.

    What cannot act has its default, and what trains as another value has that value. Memory and speed may
    still differ.
    """
    high = grpo.epsilon if grpo.upper_epsilon is None else grpo.upper_epsilon
    values: dict[str, object] = grpo.model_dump() | {"epsilon_high": high}
    for name, _ in _idle(grpo, mix):
        values[name] = GrpoConfig.model_fields[name].default
    return values | {name: value for name, (value, _) in _as_another(grpo).items()}


def _idle(grpo: GrpoConfig, mix: Mix) -> Iterator[tuple[str, str]]:
    loss = f"loss_type {grpo.loss_type}"
    on_policy = grpo.num_iterations == 1
    if grpo.loss_type in CLIPPED and on_policy:
        yield from (
            (name, f"{ON_POLICY}, so nothing is clipped") for name in ("epsilon", "epsilon_high", "delta")
        )
    elif grpo.loss_type in CLIPPED and mix.advantage.positive_only:
        reason = "acts on samples with a negative advantage, and positive_only leaves none"
        if grpo.delta is None or grpo.delta >= 1 + (grpo.epsilon_high or grpo.epsilon):
            yield "delta", reason
        if grpo.epsilon_high is not None:
            yield "epsilon", reason
    elif grpo.loss_type == "cispo":
        yield from ((name, f"{loss} bounds the ratio by epsilon_high alone") for name in ("epsilon", "delta"))
        if on_policy and (grpo.upper_epsilon or 0) >= 1:
            yield "epsilon_high", f"{ON_POLICY}, below every bound from 1 on"
    elif grpo.loss_type in ("sapo", "vespo"):
        yield from ((name, f"{loss} does not clip") for name in ("epsilon", "epsilon_high", "delta"))
    if grpo.loss_type == "vespo":
        yield "importance_sampling_level", f"{loss} weighs whole completions by itself"
    elif (
        on_policy
        and grpo.loss_type != "luspo"
        and (grpo.loss_type == "cispo" or not _tokens_differ(grpo, mix))
    ):
        yield "importance_sampling_level", ON_POLICY
    if not grpo.use_adaptive_entropy:
        yield from ((name, "is read only under use_adaptive_entropy") for name in ADAPTIVE_ENTROPY)
    yield from _idle_vllm(grpo)


def _tokens_differ(grpo: GrpoConfig, mix: Mix) -> bool:
    """Whether the tokens of one completion have factors of their own in the loss.

    A ratio of the whole completion spreads each of these over all its tokens.
    """
    by_token = mix.advantage.position_gamma > 0
    corrected = grpo.use_vllm and grpo.vllm_importance_sampling_correction
    return (
        by_token
        or grpo.top_entropy_quantile < 1
        or (corrected and grpo.vllm_importance_sampling_mode.startswith("token"))
    )


def _idle_vllm(grpo: GrpoConfig) -> Iterator[tuple[str, str]]:
    if not grpo.use_vllm:
        names = [name for name in GrpoConfig.model_fields if name.startswith("vllm_")]
        yield from ((name, "is read only under use_vllm") for name in names)
        return
    server = grpo.vllm_mode == "server"
    unread = COLOCATED if server else ("vllm_server_base_url",)
    yield from ((name, f"is not read under vllm_mode {grpo.vllm_mode}") for name in unread)
    if not grpo.vllm_importance_sampling_correction:
        yield from ((name, "is read only under vllm_importance_sampling_correction") for name in CORRECTION)


def _as_another(grpo: GrpoConfig) -> dict[str, tuple[object, str]]:
    """Map a setting to the value that trains the same, and the reason."""
    equivalents: dict[str, tuple[object, str]] = {}
    corrected = grpo.use_vllm and grpo.vllm_importance_sampling_correction
    on_policy = grpo.num_iterations == 1
    if on_policy and grpo.loss_type == "sapo":
        equivalents["loss_type"] = "grpo", ON_POLICY
    elif on_policy and grpo.loss_type == "cispo" and (grpo.upper_epsilon or 0) >= 1:
        equivalents["loss_type"] = "dapo", ON_POLICY
    elif on_policy and grpo.loss_type == "vespo" and not corrected:
        equivalents["loss_type"] = "dapo", ON_POLICY
    elif grpo.loss_type == "bnpo" and grpo.micro_batch == grpo.completions_per_step:
        equivalents["loss_type"] = "dapo", "they differ only between micro-batches, and a step has one"
    if grpo.lr_scheduler_type == "constant_with_warmup" and not grpo.warmup_steps:
        equivalents["lr_scheduler_type"] = "constant", "warmup_steps is 0"
    if grpo.num_iterations > grpo.max_steps:
        equivalents["num_iterations"] = grpo.max_steps, "max_steps ends the first rollout"
    return equivalents
