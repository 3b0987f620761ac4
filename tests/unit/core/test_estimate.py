"""Estimates by hand: which past runs count, how their seconds are scaled, and what is said where there are
none."""

from dataclasses import replace
from typing import Any

import pytest

from core.config.estimate import LIBRARIES, Past, estimate, evaluation_count, parameters, seconds_per_step
from core.config.run import RunConfig
from tests.support.samples import run_config

# 16 completions of at most 40 tokens a step, 6 steps, evaluations at 0, 3 and 6 of 8 problems x 1 completion
PAST = Past(1, "box", "cpu", run_config(), step_seconds=2.0, evaluation_seconds=3.0, start_seconds=5.0, memory=1.5,
            rollout_seconds=1.2)  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "seconds", "why"),
    [
        ({}, 5 + 6 * 2 + 3 * 3, "the same run again"),
        ({"grpo": {"max_steps": 12}}, 5 + 12 * 2 + 5 * 3, "more steps, and an evaluation every third"),
        ({"grpo": {"prompts_per_step": 8}}, 5 + 6 * 4 + 3 * 3, "twice the completions a step"),
        ({"grpo": {"max_completion_length": 80}}, 5 + 6 * 4 + 3 * 6, "twice as long: steps and evaluations"),
        ({"grpo": {"num_processes": 2}}, 5 + 6 * 1 + 3 * 3, "each process has half of the completions"),
        (
            {"grpo": {"num_iterations": 2}},
            5 + 6 * (0.8 + 1.2 / 2) + 3 * 3,
            "a rollout takes 1.2 of the 2 seconds",
        ),
        (
            {"evaluation": {"every": 3, "num_samples": 4}},
            5 + 6 * 2 + 3 * 12,
            "four times the held-out completions",
        ),
    ],
)
def test_seconds_are_scaled(changes: dict[str, Any], seconds: float, why: str) -> None:
    assert estimate(run_config(**changes), [PAST], ["box"], gpu=False).seconds == pytest.approx(seconds), why


def test_the_median_of_the_runs_with_the_same_sizes_counts() -> None:
    slow, odd = (
        replace(PAST, step_seconds=4.0),
        replace(PAST, step_seconds=100.0, config=run_config(grpo={"num_generations": 2})),
    )
    found = estimate(run_config(), [PAST, slow, slow, odd], ["box"], gpu=False)
    assert found.seconds == pytest.approx(5 + 6 * 4 + 9) and found.basis == "from 3 runs of tiny on box (cpu)"


def test_only_the_machine_that_listens_counts_where_it_has_a_past() -> None:
    other = replace(PAST, host="old", step_seconds=50.0)
    assert estimate(run_config(), [other, PAST], ["box"], gpu=False).seconds == pytest.approx(26)
    away = estimate(run_config(), [other], ["box"], gpu=False)
    assert away.seconds == pytest.approx(314) and "on old (cpu), which does not listen now" in away.basis


def test_memory_is_measured_or_said_to_be_the_least() -> None:
    assert estimate(run_config(), [PAST], ["box"], gpu=False).memory == 1.5
    larger = estimate(run_config(grpo={"max_completion_length": 400}), [PAST], ["box"], gpu=False)
    # nothing as large was measured
    assert larger.memory == pytest.approx(LIBRARIES, abs=0.01) and not larger.measured


def of_model(path: str, **more: Any) -> RunConfig:
    return run_config(model={"path": path, **more})


def test_without_a_past_the_guess_says_so() -> None:
    found = estimate(of_model("Qwen/Qwen3-4B"), [PAST], ["box"], gpu=True)
    assert found.basis.startswith("a guess, perhaps ten times off: no run of Qwen/Qwen3-4B has trained yet")
    assert found.seconds == pytest.approx(8 * 4e9 * 6 * 16 * 40 / 2e13) and found.memory == pytest.approx(
        4e9 * 2 / 2**30
    )
    on_cpu = estimate(of_model("Qwen/Qwen3-4B"), [], [], gpu=False)
    # there all that the process has is counted
    assert on_cpu.memory == pytest.approx(4e9 * 2 / 2**30 + LIBRARIES)
    small = estimate(of_model("Qwen/Qwen3-4B", load_in_4bit=True), [], [], gpu=True)
    assert small.memory == pytest.approx(4e9 * 0.56 / 2**30) and not small.measured
    nothing = estimate(of_model("mine"), [], [], gpu=True)
    assert nothing.seconds is None and nothing.memory is None and "does not tell its size" in nothing.basis


@pytest.mark.parametrize(
    ("path", "n"),
    [
        ("Qwen/Qwen3-4B", 4e9),
        ("Qwen2.5-0.5B-Instruct", 5e8),
        ("HuggingFaceTB/SmolLM2-135M", 135e6),
        ("tiny", 0.8e6),
        ("/b/7bridges", None),
    ],
)
def test_a_name_tells_the_size(path: str, n: float | None) -> None:
    assert parameters(path) == n


@pytest.mark.parametrize(("steps", "every", "n"), [(6, 3, 3), (7, 3, 4), (2, 10, 2)])
def test_evaluations_are_counted(steps: int, every: int, n: int) -> None:
    config = run_config(grpo={"max_steps": steps}, evaluation={"every": every, "num_samples": 1})
    assert evaluation_count(config) == n


@pytest.mark.parametrize(
    ("seconds", "num_iterations", "expected", "why"),
    [
        ([1.0, 2.0, 9.0], 1, 2.0, "the median"),
        ([5.0, 1.0, 5.0, 1.0, 50.0, 10.0], 2, 3.0, "pairs take 3, 3 and 30 a step"),
        ([9.0, 5.0, 1.0], 2, 3.0, "the newest whole pair"),
        ([4.0, 2.0], 3, 3.0, "less than a rollout"),
    ],
)
def test_the_seconds_of_a_step_where_some_generate(
    seconds: list[float], num_iterations: int, expected: float, why: str
) -> None:
    assert seconds_per_step(seconds, num_iterations) == expected, why
