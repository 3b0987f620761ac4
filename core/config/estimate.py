"""Estimates a run's time and memory from past runs of its model, or by a stated guess where there are none.

Pure. The formulas, which the page shows: time = start + max_steps x seconds per step + evaluations x
seconds of one; a past run's seconds are scaled by completions per process and by max_completion_length,
and the median over the past runs is taken. Generation and scoring count once every num_iterations steps.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from core.config.run import SHIPPED_MODELS, RunConfig
from core.metrics import count

GIB = 1024.0**3
BYTES = {"auto": 2, "float32": 4, "bfloat16": 2, "float16": 2}
FOUR_BITS = 0.56  # bytes a weight, with the scales of its blocks
# multiplications and additions per second that a training achieves: a guess
ON_CPU = 5e10
ON_GPU = 2e13
SHIPPED_WEIGHTS = 0.8e6
# GiB of a process on a CPU that has loaded torch, transformers, TRL and peft, before any weight
LIBRARIES = 0.7
PASSES = 8  # 2 operations a weight and token, in generation, forward and (twice) backward
GENERATION = 2  # those of PASSES that are done once a rollout
TOLD = re.compile(r"(\d+(?:\.\d+)?)\s*([bm])(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class Past:
    """What an estimate needs to know of a past run; seconds are medians, None where there are none."""

    run_id: int
    host: str
    device: str
    config: RunConfig
    step_seconds: float
    evaluation_seconds: float | None
    start_seconds: float | None
    memory: float | None
    """Largest memory of a process, in GiB."""
    rollout_seconds: float = 0.0
    """Seconds of generating and scoring, once every num_iterations steps.

    `step_seconds` includes them, shared among these steps.
    """


@dataclass(frozen=True)
class Estimate:
    """Seconds of one run, and GiB of one process; None where nothing can be said.

    `basis`: what the estimate is made from. `measured`: the memory is the most that a past run had; else it
    is a lower bound: the weights, and without a GPU also the libraries, which a process then holds in the
    same memory.
    """

    seconds: float | None
    memory: float | None
    basis: str
    measured: bool = False


def estimate(config: RunConfig, past: Sequence[Past], hosts: Sequence[str], gpu: bool) -> Estimate:
    """Estimate one run.

    `hosts`: machines that listen now; runs of other machines count only where these have none.
    `gpu`: whether a machine that listens has one, for the guess.
    """
    model_runs = [p for p in past if p.config.model.path == config.model.path]
    candidates = [p for p in model_runs if p.host in hosts] or model_runs
    if not candidates:
        return _guess(config, gpu)
    device = candidates[0].device  # the newest
    candidates = [p for p in candidates if p.device == device]
    same_shape = [p for p in candidates if _shape(p.config) == _shape(config)] or candidates
    starts = [p.start_seconds for p in candidates if p.start_seconds is not None]
    step = median(_step_seconds(config, p) for p in same_shape)
    evaluations = [
        p.evaluation_seconds * _asked(config, p.config)
        for p in same_shape
        if p.evaluation_seconds is not None
    ]
    total = (median(starts) if starts else 0.0) + config.grpo.max_steps * step
    total += evaluation_count(config) * median(evaluations) if evaluations else 0.0
    memory = max(
        (p.memory for p in candidates if p.memory is not None and _peak(p.config) >= _peak(config)),
        default=None,
    )
    absence = "" if candidates[0].host in hosts else ", which does not listen now"
    runs = (
        f"{count(len(same_shape), 'run')} of {config.model.path} on {candidates[0].host} ({device}){absence}"
    )
    basis = f"from {runs}" + ("" if _shape(same_shape[0].config) == _shape(config) else ", scaled")
    return Estimate(
        total, _least(config, device != "cpu") if memory is None else memory, basis, memory is not None
    )


def evaluation_count(config: RunConfig) -> int:
    """Number of evaluations: at the start, every `evaluation.every` steps, and at the last step."""
    steps = config.grpo.max_steps
    every = config.evaluation.every
    return 1 + steps // every + (steps % every > 0)


def _shape(config: RunConfig) -> tuple[float, ...]:
    g = config.grpo
    return (g.completions_per_process, g.num_processes, g.max_completion_length, g.num_iterations)


def seconds_per_step(seconds: Sequence[float], num_iterations: int) -> float:
    """Median seconds of a step; `seconds` are those of consecutive steps, at least one.

    A rollout makes its first step slower than the others, so `num_iterations` steps count as one, with their
    mean.
    """
    whole_rollouts = len(seconds) // num_iterations * num_iterations
    if not whole_rollouts:
        return fmean(seconds)
    newest = seconds[-whole_rollouts:]
    return median(fmean(newest[i : i + num_iterations]) for i in range(0, whole_rollouts, num_iterations))


def _step_seconds(config: RunConfig, past: Past) -> float:
    """A past run's seconds per step, scaled to this config's work.

    The time of a rollout is shared among as many steps as in this config.
    """
    update = max(past.step_seconds - past.rollout_seconds / past.config.grpo.num_iterations, 0.0)
    step = update + past.rollout_seconds / config.grpo.num_iterations
    return step * _work(config) / _work(past.config)


def _work(config: RunConfig) -> float:
    """Tokens that a process generates in a step: its time is taken to grow with them."""
    return float(config.grpo.completions_per_process * config.grpo.max_completion_length)


def _peak(config: RunConfig) -> float:
    """Tokens of a micro-batch: the memory of a step is taken to grow with them."""
    return float(config.grpo.micro_batch * config.grpo.max_completion_length)


def _asked(config: RunConfig, other: RunConfig) -> float:
    """Ratio of the text that an evaluation generates to that of the other run's."""

    def size(c: RunConfig) -> float:
        return float((c.data.eval.size or 0) * c.evaluation.num_samples * c.grpo.max_completion_length)

    sizes_known = config.data.eval.size and other.data.eval.size
    return (
        size(config) / size(other)
        if sizes_known
        else config.evaluation.num_samples / other.evaluation.num_samples
    )


def parameters(path: str) -> float | None:
    """Number of weights that a model's name tells (4e9 for Qwen3-4B); known for the shipped models."""
    if path in SHIPPED_MODELS:
        return SHIPPED_WEIGHTS
    sizes = TOLD.findall(path.rpartition("/")[2])
    return float(sizes[-1][0]) * (1e9 if sizes[-1][1] in "bB" else 1e6) if sizes else None


def _least(config: RunConfig, gpu: bool) -> float | None:
    """Lower bound of a process' memory in GiB; None where the model's name does not tell its size."""
    n = parameters(config.model.path)
    size = FOUR_BITS if config.model.load_in_4bit else BYTES[config.model.dtype]
    return None if n is None else n * size / GIB + (0.0 if gpu else LIBRARIES)


def _guess(config: RunConfig, gpu: bool) -> Estimate:
    n = parameters(config.model.path)
    no_runs = f"no run of {config.model.path} has trained yet"
    if n is None:
        return Estimate(None, None, f"{no_runs}, and its name does not tell its size")
    speed, speed_text = (ON_GPU, "20 TFLOP/s") if gpu else (ON_CPU, "50 GFLOP/s")
    tokens = config.grpo.max_steps * _work(config)
    passes = PASSES - GENERATION + GENERATION / config.grpo.num_iterations
    basis = (
        f"a guess, perhaps ten times off: {no_runs}; "
        f"{passes:.3g} × {n:.2g} weights × {tokens:.2g} tokens ÷ {speed_text}"
    )
    return Estimate(passes * n * tokens / speed, _least(config, gpu), basis)
