"""What makes bigger models fit and generate faster, one function an option: 4-bit base, attention, Liger, vLLM.

Called by worker.train (`check`), .policy and .trainer. Light at the top: `check` comes before the training stack is imported.
Settings that do not go together are refused before, by core.grpo and core.config.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from core.config import ModelConfig, RunConfig
from core.errors import ConfigError
from core.launch import packages_missing
from worker import ranks

if TYPE_CHECKING:
    import torch
    from transformers import BitsAndBytesConfig

VLLM = (  # settings that are TRL's in name, type and meaning
    "use_vllm", "vllm_mode", "vllm_gpu_memory_utilization", "vllm_max_model_length", "vllm_enable_sleep_mode",
    "vllm_tensor_parallel_size", "vllm_importance_sampling_correction", "vllm_importance_sampling_mode",
    "vllm_importance_sampling_clip_max",
)  # fmt: skip


def check(config: RunConfig) -> None:
    """ConfigError where this Python lacks a package, or this machine the GPU, that a setting needs."""
    if missing := packages_missing(config):
        raise ConfigError(missing)
    grpo, flash = config.grpo, config.model.attn_implementation == "flash_attention_2"
    switches = {
        "grpo.use_vllm": grpo.use_vllm, "grpo.use_liger_kernel": grpo.use_liger_kernel, "model.attn_implementation": flash,
    }  # fmt: skip
    if wanted := [field for field, on in switches.items() if on]:
        import torch

        if not torch.cuda.is_available():
            raise ConfigError([(f, "needs a GPU, and torch finds none on this machine; turn it off here") for f in wanted])


def model_arguments(config: ModelConfig, dtype: "torch.dtype") -> dict[str, Any]:
    """What from_pretrained is given beside path and dtype."""
    found: dict[str, Any] = {}
    if config.attn_implementation != "auto":
        found["attn_implementation"] = config.attn_implementation
    if config.load_in_4bit:
        import torch

        found["quantization_config"] = quantization(config, dtype)
        if torch.cuda.is_available():  # else every process of a run would load onto the first GPU
            found["device_map"] = {"": ranks.rank()}
    return found


def quantization(config: ModelConfig, dtype: "torch.dtype") -> "BitsAndBytesConfig":
    """The 4-bit base of QLoRA (arXiv 2305.14314), under transformers' names. `dtype`: of the weights that stay whole."""
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
    """On CPUs with AVX512-BF16 bitsandbytes 0.50 packs 4-bit weights anew at the first look without a gradient, an
    evaluation say, and passes none or a wrong one through packed weights. Here they are never packed."""
    for module in model.modules():
        if getattr(module, "support_avx512bf16_for_cpu", False):
            module.support_avx512bf16_for_cpu = False  # type: ignore[assignment]


def training_arguments(config: RunConfig) -> dict[str, Any]:
    """What GRPOConfig is given for Liger and vLLM."""
    return {**liger_arguments(config), **vllm_arguments(config)}


def liger_arguments(config: RunConfig) -> dict[str, Any]:
    """Layer kernels only: TRL computes the loss with a head of its own. TRL 1.16 says that it will drop this in 2.0."""
    return {"use_liger_kernel": True} if config.grpo.use_liger_kernel else {}


def vllm_arguments(config: RunConfig) -> dict[str, Any]:
    """Nothing without vLLM."""
    grpo = config.grpo
    if not grpo.use_vllm:
        return {}
    server = {"vllm_server_base_url": grpo.vllm_server_base_url} if grpo.vllm_mode == "server" else {}
    return {name: getattr(grpo, name) for name in VLLM} | server


def sync_without_merging(generation: Any) -> None:
    """Let TRL's VLLMGeneration send merged weights without merging: see `merged_parameters`."""
    generation._iter_named_params = lambda: merged_parameters(generation.model)


def merged_parameters(model: Any) -> Iterator[tuple[str, "torch.Tensor"]]:
    """Each weight of a LoRA model with its adapter added, under the base model's name.

    TRL merges the adapter into the base, sends it, and takes it out again: in bfloat16 that rounds the frozen base anew at
    every step. The sums here are the same to the last bit; the base stays as it is.
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
