"""RunConfig as the settings of TRL's GRPOTrainer and of peft.

Settings of Liger and vLLM come from worker.training.options.
"""

from pathlib import Path

import torch
from peft import LoraConfig as PeftLoraConfig
from trl import GRPOConfig

from core.config.run import RunConfig
from worker.training import options

# Long, because processes wait for the others while, for example, one of them waits for the database. When one
# fails, worker.supervise.supervisor ends the rest.
WAIT_SECONDS = 7 * 24 * 3600
SHARED = (  # settings that are TRL's in name, type and meaning
    "num_generations", "learning_rate", "lr_scheduler_type", "warmup_steps", "max_steps", "num_iterations",
    "beta", "epsilon", "mask_truncated_completions", "temperature", "top_p", "top_k", "max_completion_length",
    "max_grad_norm", "weight_decay", "gradient_checkpointing", "loss_type", "importance_sampling_level",
    "delta", "top_entropy_quantile", "entropy_coef", "use_adaptive_entropy", "entropy_target",
    "entropy_coef_delta", "entropy_coef_min", "entropy_coef_max",
)  # fmt: skip


def grpo_config(config: RunConfig, folder: Path) -> GRPOConfig:
    """TRL's settings for a run, with checkpoints in `folder`.

    Generates one rollout per num_iterations steps and logs every step.
    """
    g = config.grpo
    gpu = torch.cuda.is_available()
    half = gpu and config.model.dtype in ("auto", "bfloat16") and torch.cuda.is_bf16_supported()
    return GRPOConfig(
        output_dir=str(folder),
        per_device_train_batch_size=g.micro_batch,
        gradient_accumulation_steps=g.completions_per_process // g.micro_batch,
        ddp_timeout=WAIT_SECONDS,
        epsilon_high=g.upper_epsilon,
        **{name: getattr(g, name) for name in SHARED},
        scale_rewards=config.mix.advantage.in_trl or "none",
        **options.training_arguments(config),
        bf16=half,
        use_cpu=not gpu,
        seed=config.seed,
        logging_steps=1,
        save_strategy="steps",
        save_steps=config.checkpoint.every,
        save_total_limit=None,  # TRL would remove those the database names; worker.state.checkpoints rotates
        chat_template_kwargs=config.model.chat_template_kwargs,
        report_to=[],
        disable_tqdm=True,
    )


def lora_config(config: RunConfig) -> PeftLoraConfig:
    """peft's settings for a run."""
    lora = config.lora
    modules = lora.target_modules if isinstance(lora.target_modules, str) else list(lora.target_modules)
    return PeftLoraConfig(
        r=lora.r,
        lora_alpha=lora.lora_alpha,
        lora_dropout=lora.lora_dropout,
        target_modules=modules,
        task_type="CAUSAL_LM",
    )
