"""Memory: its peak, and, after it ran out, what to lower and the smaller micro-batch to go on with.

Light: the supervisor loads it, so it recognizes torch's errors by their names.
"""

import resource
import sys
from pathlib import Path

from core.config.grpo import GrpoConfig
from core.config.run import RunConfig

NAMES = {"OutOfMemoryError", "MemoryError"}
SAYINGS = ("can't allocate memory", "not enough memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


def peak_gib() -> float:
    """Peak memory of this process in GiB: torch's on the GPU, else the whole process's."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        return float(torch.cuda.max_memory_allocated()) / 1024**3
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (1024**3 if sys.platform == "darwin" else 1024**2)


def ran_out(error: BaseException) -> bool:
    """Whether the error means that the GPU's or the host's memory is full."""
    is_oserror = isinstance(error, OSError) and error.errno == 12
    says = isinstance(error, RuntimeError) and any(x in str(error) for x in SAYINGS)
    return type(error).__name__ in NAMES or is_oserror or says


def said(error: BaseException) -> str:
    """The first line of the error, at most 300 characters: torch's own text fills a page."""
    lines = str(error).strip().splitlines()
    return lines[0][:300] if lines else type(error).__name__


def advice(grpo: GrpoConfig) -> str:
    """The sizes that decide how much memory a step needs, and what to lower."""
    small = grpo.micro_batch == 1
    first = (
        ""
        if small
        else "lower per_device_train_batch_size first (the same training, more accumulation), then "
    )
    return (
        f"a step has prompts_per_step {grpo.prompts_per_step} x num_generations {grpo.num_generations} = "
        f"{grpo.completions_per_step} completions of up to max_completion_length "
        f"{grpo.max_completion_length} tokens, "
        f"per_device_train_batch_size {grpo.micro_batch} of them at once: {first or 'lower '}"
        "max_completion_length, num_generations or prompts_per_step"
    )


def _file(folder: Path) -> Path:
    return folder / "micro_batch"


def fitted(config: RunConfig, folder: Path) -> RunConfig:
    """The config with the micro-batch that fits this machine, where a smaller one was recorded."""
    try:
        size = int(_file(folder).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # missing, or cut short by an older version on a full disk
        return config
    grpo = config.grpo.model_copy(update={"per_device_train_batch_size": size})
    return config.model_copy(update={"grpo": grpo})


def smaller(config: RunConfig, folder: Path) -> str | None:
    """Record half the micro-batch, or the next size that divides a step, for the run to go on with.

    Returns a message that says so; None when there is no smaller size.
    """
    grpo = fitted(config, folder).grpo
    if not config.retry.smaller_micro_batch or grpo.micro_batch == 1:
        return None
    share = grpo.completions_per_process
    half = next(n for n in range(grpo.micro_batch // 2, 0, -1) if share % n == 0)
    part = _file(folder).with_suffix(".part")
    part.write_text(str(half), encoding="utf-8")
    part.replace(_file(folder))
    return (
        f"out of memory with per_device_train_batch_size {grpo.micro_batch}: goes on with {half} and "
        f"{share // half} accumulated, the same {grpo.completions_per_step} completions a step"
    )
