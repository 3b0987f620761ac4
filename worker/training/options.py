"""Options for bigger models and faster generation: 4-bit base, attention, Liger, vLLM.

Light at the top: `check` runs before the training stack is imported. core.config.grpo and core.config.run
refuse settings that do not go together before that.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from core.common.errors import ConfigError
from core.config.local_checks import packages_missing
from core.config.run import ModelConfig, RunConfig
from worker.training import distributed

if TYPE_CHECKING:
    import torch
    from transformers import BitsAndBytesConfig

VLLM = (  # settings that are TRL's in name, type and meaning
    "use_vllm", "vllm_mode", "vllm_gpu_memory_utilization", "vllm_max_model_length", "vllm_enable_sleep_mode",
    "vllm_tensor_parallel_size", "vllm_importance_sampling_correction", "vllm_importance_sampling_mode",
    "vllm_importance_sampling_clip_max",
)  # fmt: skip


def check(config: RunConfig) -> None:
    """Raises ConfigError if a setting needs a package or a GPU that is missing here."""
    if missing := packages_missing(config):
        raise ConfigError(missing)
    grpo = config.grpo
    flash = config.model.attn_implementation == "flash_attention_2"
    switches = {
        "grpo.use_vllm": grpo.use_vllm,
        "grpo.use_liger_kernel": grpo.use_liger_kernel,
        "model.attn_implementation": flash,
    }
    if gpu_fields := [field for field, on in switches.items() if on]:
        import torch

        if not torch.cuda.is_available():
            raise ConfigError(
                [
                    (f, "needs a GPU, and torch finds none on this machine; turn it off here")
                    for f in gpu_fields
                ]
            )


def model_arguments(config: ModelConfig, dtype: "torch.dtype") -> dict[str, Any]:
    """The arguments of from_pretrained besides path and dtype."""
    arguments: dict[str, Any] = {}
    if config.attn_implementation != "auto":
        arguments["attn_implementation"] = config.attn_implementation
    if config.load_in_4bit:
        import torch

        arguments["quantization_config"] = quantization(config, dtype)
        if torch.cuda.is_available():  # else every process of a run would load onto the first GPU
            arguments["device_map"] = {"": distributed.rank()}
    return arguments


def quantization(config: ModelConfig, dtype: "torch.dtype") -> "BitsAndBytesConfig":
    """The 4-bit base of QLoRA (arXiv 2305.14314), under transformers' names.

    `dtype` is the type of the weights that are not quantized.
    """
    import torch
    from transformers import BitsAndBytesConfig

    compute = config.bnb_4bit_compute_dtype
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type=config.bnb_4bit_quant_type,
        bnb_4bit_use_double_quant=config.bnb_4bit_use_double_quant,
        bnb_4bit_compute_dtype=dtype if compute == "auto" else getattr(torch, compute),
    )


def keep_trainable(model: "torch.nn.Module") -> None:
    """Keep bitsandbytes from packing 4-bit weights on CPUs with AVX512-BF16, which breaks their gradients.

    bitsandbytes 0.50 packs the weights anew at the first forward without a gradient, such as an evaluation,
    and passes no gradient or a wrong one through packed weights.
    """
    for module in model.modules():
        if getattr(module, "support_avx512bf16_for_cpu", False):
            module.support_avx512bf16_for_cpu = False  # type: ignore[assignment]


def training_arguments(config: RunConfig) -> dict[str, Any]:
    """The arguments of GRPOConfig for Liger and vLLM."""
    return {**liger_arguments(config), **vllm_arguments(config)}


def liger_arguments(config: RunConfig) -> dict[str, Any]:
    """The arguments of GRPOConfig for Liger: layer kernels only, as TRL computes the loss with its own head.

    TRL 1.16 announces that 2.0 will drop this.
    """
    return {"use_liger_kernel": True} if config.grpo.use_liger_kernel else {}


def vllm_arguments(config: RunConfig) -> dict[str, Any]:
    """The arguments of GRPOConfig for vLLM; empty without it."""
    grpo = config.grpo
    if not grpo.use_vllm:
        return {}
    server = {"vllm_server_base_url": grpo.vllm_server_base_url} if grpo.vllm_mode == "server" else {}
    return {name: getattr(grpo, name) for name in VLLM} | server


def sync_without_merging(generation: Any) -> None:
    """Let TRL's VLLMGeneration send merged weights without merging; see `merged_parameters`."""
    generation._iter_named_params = lambda: merged_parameters(generation.model)


def merged_parameters(model: Any) -> Iterator[tuple[str, "torch.Tensor"]]:
    """Each weight of a LoRA model with its adapter added, under the base model's name.

    TRL merges the adapter into the base, sends it, and takes it out again: in bfloat16 that rounds the frozen
    base anew at every step. The sums here are equal to TRL's to the last bit; the base stays unchanged.
    """
    from peft.tuners.lora import LoraLayer

    adapted = {id(m.get_base_layer().weight): m for m in model.modules() if isinstance(m, LoraLayer)}
    for name, weight in model.named_parameters():
        if model.prefix in name:
            continue
        value = weight.data
        if layer := adapted.get(id(weight)):
            for adapter in layer.active_adapters:
                value = (value + layer.get_delta_weight(adapter).detach()).to(weight.dtype)
        yield name.removeprefix("base_model.model.").replace(".base_layer", ""), value
