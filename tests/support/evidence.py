"""Runs that comparisons are tested on: small curves that can be checked by hand."""

from collections.abc import Sequence
from typing import Any

from core.compare.evidence import GOLD, Evidence
from core.metrics.series import Series

CONFIG: dict[str, Any] = {
    "name": "hard", "seed": 0, "model": {"path": "tiny"}, "data": {"eval": {"name": "tiny-arithmetic", "size": 128}},
    "grpo": {"prompts_per_step": 4, "num_generations": 4, "max_steps": 40, "beta": 0.0, "max_completion_length": 40},
    "evaluation": {"every": 10, "num_samples": 2, "temperature": 1.0}, "mix": {"terms": [{"component": "correctness"}]},
}  # fmt: skip
FLAT = dict.fromkeys(("reward/total", "policy/loss", "policy/grad_norm"), 0.5)


def each_step(values: Sequence[float]) -> Series:
    """A metric of the steps 1, 2, ..."""
    return Series(range(1, len(values) + 1), values)


def run_of(
    gold: Sequence[float], arm: str = "hard", seed: int = 0, status: str = "done", every: int = 10, max_steps: int = 40,
    config: dict[str, Any] | None = None, environment: dict[str, Any] | None = None, run_id: int | None = None,
    **series: Sequence[float],
) -> Evidence:  # fmt: skip
    """Gold accuracy every so many steps from 0 on; further metrics of each step, named with __ for /."""
    step = max_steps if status == "done" else max(0, every * (len(gold) - 1))
    lines = {name: each_step([value] * step) for name, value in FLAT.items()}
    lines |= {name.replace("__", "/"): each_step(values) for name, values in series.items()}
    lines[GOLD] = Series(range(0, every * len(gold), every), gold)
    number = run_id if run_id is not None else 100 * (ord(arm[0]) - 96) + seed
    made = {**CONFIG, **(config or {}), "seed": seed}
    return Evidence(number, arm, seed, status, step, max_steps, lines, 128, 2, 1.0, made, environment or {})


def changed(path: str, value: Any) -> dict[str, Any]:
    """CONFIG with one setting changed."""
    part, _, name = path.partition(".")
    return {**CONFIG, part: {**CONFIG[part], name: value}}
