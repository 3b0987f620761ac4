"""What a run will take, in time and memory, from past runs of its model; a stated guess where there are none.

Called by the Queue page with what core.store.past found. Pure. The formulas, which the page shows:
time = start + max_steps x seconds per step + evaluations x seconds of one; a past run's seconds are scaled by completions per
process and by max_completion_length, and the median over the past runs is taken. Generation and scoring count once every
num_iterations steps.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from core.config import SHIPPED_MODELS, RunConfig
from core.metrics import count

GIB = 1024.0**3
BYTES = {"auto": 2, "float32": 4, "bfloat16": 2, "float16": 2}
FOUR_BITS = 0.56  # bytes a weight, with the scales of its blocks
ON_CPU, ON_GPU = 5e10, 2e13  # multiplications and additions a second that a training gets out of them: a guess
SHIPPED_WEIGHTS = 0.8e6
LIBRARIES = 0.7  # GiB of a process on a CPU that has loaded torch, transformers, TRL and peft, before any weight
PASSES = 8  # 2 operations a weight and token, in generation, forward and (twice) backward
GENERATION = 2  # of them; once a rollout
TOLD = re.compile(r"(\d+(?:\.\d+)?)\s*([bm])(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class Past:
    """A run that trained, as far as an estimate needs it. Seconds are medians; None where it has none."""

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
    """Of generating and scoring, once every num_iterations steps; they are in `step_seconds`, shared among these."""


@dataclass(frozen=True)
class Estimate:
    """Seconds of one run, and GiB of one process; None where nothing can be said. `basis`: what it is made from.

    `measured`: the memory is the most that a past run had; else the least it can be: the weights, and without a GPU what the
    libraries take, since a process' memory is then all that it has.
    """

    seconds: float | None
    memory: float | None
    basis: str
    measured: bool = False


def estimate(config: RunConfig, past: Sequence[Past], hosts: Sequence[str], gpu: bool) -> Estimate:
    """Of one run. `hosts`: machines that listen now; runs of others count where none of theirs is there.
    `gpu`: whether a machine that listens has one, for the guess."""
    mine = [p for p in past if p.config.model.path == config.model.path]
    here = [p for p in mine if p.host in hosts] or mine
    if not here:
        return _guess(config, gpu)
    device = here[0].device  # the newest
    here = [p for p in here if p.device == device]
    same = [p for p in here if _shape(p.config) == _shape(config)] or here
    starts = [p.start_seconds for p in here if p.start_seconds is not None]
    step = median(_step_seconds(config, p) for p in same)
    evaluations = [p.evaluation_seconds * _asked(config, p.config) for p in same if p.evaluation_seconds is not None]
    total = (median(starts) if starts else 0.0) + config.grpo.max_steps * step
    total += evaluation_count(config) * median(evaluations) if evaluations else 0.0
    memory = max((p.memory for p in here if p.memory is not None and _peak(p.config) >= _peak(config)), default=None)
    away = "" if here[0].host in hosts else ", which does not listen now"
    runs = f"{count(len(same), 'run')} of {config.model.path} on {here[0].host} ({device}){away}"
    basis = f"from {runs}" + ("" if _shape(same[0].config) == _shape(config) else ", scaled")
    return Estimate(total, _least(config, device != "cpu") if memory is None else memory, basis, memory is not None)


def evaluation_count(config: RunConfig) -> int:
    """The start, every so many steps, and the last."""
    steps, every = config.grpo.max_steps, config.evaluation.every
    return 1 + steps // every + (steps % every > 0)


def _shape(config: RunConfig) -> tuple[float, ...]:
    g = config.grpo
    return (g.completions_per_process, g.num_processes, g.max_completion_length, g.num_iterations)


def seconds_per_step(seconds: Sequence[float], num_iterations: int) -> float:
    """Median, over as many steps as there are, of what a step takes; `seconds` of consecutive steps, at least one.

    A rollout makes its first step slower than the others: so many steps count as one, with their mean.
    """
    whole = len(seconds) // num_iterations * num_iterations
    if not whole:
        return fmean(seconds)
    newest = seconds[-whole:]
    return median(fmean(newest[i : i + num_iterations]) for i in range(0, whole, num_iterations))


def _step_seconds(config: RunConfig, past: Past) -> float:
    """A past run's seconds of a step, with its rollouts shared among as many steps as here, scaled by the work."""
    update = max(past.step_seconds - past.rollout_seconds / past.config.grpo.num_iterations, 0.0)
    step = update + past.rollout_seconds / config.grpo.num_iterations
    return step * _work(config) / _work(past.config)


def _work(config: RunConfig) -> float:
    """What the time of a step is taken to grow with."""
    return float(config.grpo.completions_per_process * config.grpo.max_completion_length)


def _peak(config: RunConfig) -> float:
    """What the memory of a step is taken to grow with."""
    return float(config.grpo.micro_batch * config.grpo.max_completion_length)


def _asked(config: RunConfig, other: RunConfig) -> float:
    """How much more an evaluation has to write than another one."""

    def size(c: RunConfig) -> float:
        return float((c.data.eval.size or 0) * c.evaluation.num_samples * c.grpo.max_completion_length)

    known = config.data.eval.size and other.data.eval.size
    return size(config) / size(other) if known else config.evaluation.num_samples / other.evaluation.num_samples


def parameters(path: str) -> float | None:
    """How many weights a model's name tells: 4e9 of Qwen3-4B. Those of the shipped ones are known."""
    if path in SHIPPED_MODELS:
        return SHIPPED_WEIGHTS
    told = TOLD.findall(path.rpartition("/")[2])
    return float(told[-1][0]) * (1e9 if told[-1][1] in "bB" else 1e6) if told else None


def _least(config: RunConfig, gpu: bool) -> float | None:
    """The least GiB that a process can take. None where the model's name does not tell its size."""
    n = parameters(config.model.path)
    size = FOUR_BITS if config.model.load_in_4bit else BYTES[config.model.dtype]
    return None if n is None else n * size / GIB + (0.0 if gpu else LIBRARIES)


def _guess(config: RunConfig, gpu: bool) -> Estimate:
    n, none = parameters(config.model.path), f"no run of {config.model.path} has trained yet"
    if n is None:
        return Estimate(None, None, f"{none}, and its name does not tell its size")
    speed, what = (ON_GPU, "20 TFLOP/s") if gpu else (ON_CPU, "50 GFLOP/s")
    tokens = config.grpo.max_steps * _work(config)
    passes = PASSES - GENERATION + GENERATION / config.grpo.num_iterations
    basis = f"a guess, perhaps ten times off: {none}; {passes:.3g} × {n:.2g} weights × {tokens:.2g} tokens ÷ {what}"
    return Estimate(passes * n * tokens / speed, _least(config, gpu), basis)
