"""The circumstances of a run, so that it can be reproduced: versions, device, fingerprints."""

import hashlib
import json
import os
import platform
import socket
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import torch
from transformers import PreTrainedModel

from core.common.revision import revision
from core.config.run import RunConfig
from core.problems import Problem

# On two cores, a step with 16 threads took 1.3 times as long as with two threads; with 64 threads, 4.5 times.
MOST_THREADS_PER_CORE = 8
STACK = (
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "datasets",
    "numpy",
    "bitsandbytes",
    "liger-kernel",
    "vllm",
)


def of_problems(problems: Sequence[Problem]) -> str:
    """16 hex digits that differ when any question or gold answer, or their order, differs."""
    text = json.dumps([(p.id, p.question, p.gold) for p in problems])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def of_model(model: PreTrainedModel) -> str:
    """16 hex digits that depend on every weight, the architecture, and the type the weights are loaded as."""
    digest = hashlib.sha256(model.config.to_json_string(use_diff=False).encode())
    for name, tensor in model.state_dict().items():
        # A sum and a norm in double precision, since hashing billions of weights would take minutes. Both
        # from one copy: an embedding is gigabytes, and even a reduction with dtype=torch.float64 makes its
        # own copy.
        values = tensor.detach().double()
        sums = values.sum().item(), torch.linalg.vector_norm(values).item()
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype} {sums}".encode())
    return digest.hexdigest()[:16]


def base_key(config: RunConfig, model: str, held_out: str) -> str:
    """A key that is equal for runs whose base model would be evaluated alike.

    That is on the same problems, in the same way, and on the same kind of device.
    """
    circumstances = {
        "model": model,
        "problems": held_out,
        "evaluation": config.evaluation.model_dump(mode="json", exclude={"every"}),
        "tokens": config.grpo.max_completion_length,
        "data": [config.data.answer_rule, config.data.instruction],
        "template": config.model.chat_template_kwargs,
        "device": device(),
        "kernels": [config.model.attn_implementation, config.grpo.use_liger_kernel],
        "versions": {name: _version(name) for name in ("torch", "transformers")},
    }
    return hashlib.sha256(json.dumps(circumstances, sort_keys=True).encode()).hexdigest()[:32]


def device() -> str:
    """The name of the device that trains; on a CPU with its number of threads."""
    return (
        torch.cuda.get_device_name()
        if torch.cuda.is_available()
        else f"cpu, {torch.get_num_threads()} threads"
    )


def set_threads(recorded: int | None) -> int | None:
    """Make torch use as many CPU threads as the run recorded; returns their number, None on a GPU.

    The number decides in which order torch adds numbers up, and so the last bits of every result. Without a
    recorded number it is OMP_NUM_THREADS, else torch's default. The default is set explicitly too, because
    at::set_num_threads also stops MKL from choosing fewer threads for small matrices. A number far above this
    machine's cores is not used.
    """
    if torch.cuda.is_available():
        return None
    limit = MOST_THREADS_PER_CORE * (os.cpu_count() or 1)
    threads = recorded if recorded is not None and recorded <= limit else _default_threads()
    # read by accelerate, which otherwise chooses a number for several processes
    os.environ["OMP_NUM_THREADS"] = str(threads)
    torch.set_num_threads(threads)
    return threads


def _default_threads() -> int:
    """This machine's number of threads: OMP_NUM_THREADS, else torch's default.

    Reads the variable as it is now: a forked process's torch has read it too early.
    """
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) if first.isdigit() and int(first) > 0 else torch.get_num_threads()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def record(config: RunConfig, model: str, train: str, held_out: str) -> dict[str, object]:
    """The run's circumstances as plain JSON types, without the config, which is stored separately."""
    return {
        "revision": revision(),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in STACK}},
        "platform": platform.platform(),
        "host": socket.gethostname(),
        "device": device(),
        "gpus": torch.cuda.device_count(),
        "cpus": os.cpu_count(),
        "seed": config.seed,
        "config_hash": config.hash(),
        "model": {"path": config.model.path, "fingerprint": model},
        "data": {"train": train, "eval": held_out},
        "command": "showdown submit config.yaml",
    }
