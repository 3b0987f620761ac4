"""Measures the speed of rewards: samples per second of every text component, and of a mix of them all.

Uses generated samples in the shape of GSM8K's; needs no model and no file.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.problems import arithmetic
from core.problems.problem import Problem
from core.rewards.batch import RolloutBatch
from core.rewards.component import FROM_TEXT
from core.rewards.components import COMPONENTS
from core.rewards.engine import RewardEngine, score_term
from core.rewards.mix import Mix, Term

SAMPLES = 64
GROUP = 8
# for each measurement; the fastest repeat counts, since only other programs make one slower
SECONDS = 0.1
ENGINE = "whole engine"


@dataclass(frozen=True, slots=True)
class Rate:
    """Speed of one component, or of the engine with all of them (`ENGINE`), on a batch of SAMPLES."""

    name: str
    samples_per_second: float
    batch_seconds: float


def _completions(problem: Problem) -> list[str]:
    """GROUP ways in which a policy answers.

    Right, wrong, unmarked, wordy, in LaTeX, repeating itself, cut short, empty-handed.
    """
    solution = problem.solution
    gold = int(problem.gold)
    worked = solution.rsplit("####", 1)[0]
    return [
        solution,
        f"{worked}#### {gold + 1}",
        f"{worked}So the answer is {gold}.",
        f"Let us work step by step.\n{worked}That makes {gold - 2} in all.",
        f"{worked}\\boxed{{{gold}}}",
        f"{worked * 4}#### {gold * 10}",
        solution[: len(solution) // 2],
        "I do not know.",
    ]


def batch() -> RolloutBatch:
    """A new batch: nothing in it is parsed yet, as at every step of a training."""
    problems = arithmetic.problems(SAMPLES // GROUP, "train")
    each = [(p, text) for p in problems for text in _completions(p)]
    return RolloutBatch(
        prompts=[p.question for p, _ in each],
        completions=[text for _, text in each],
        golds=[p.gold for p, _ in each],
        problem_ids=[p.id for p, _ in each],
        group=np.arange(SAMPLES) // GROUP,
        n_tokens=np.array([len(text.split()) for _, text in each]),
        truncated=np.zeros(SAMPLES, dtype=bool),
        mean_nll=np.full(SAMPLES, 0.5),
        answer_rule="lenient",
        solutions=[p.solution for p, _ in each],
    )


def text_terms() -> tuple[Term, ...]:
    """One term, with defaults, for every component that reads nothing but texts."""
    texts = (c for c in COMPONENTS.values() if c.needs <= FROM_TEXT)
    return tuple(Term(component=c.name, side="always", weight=1.0) for c in texts)


def _alone(term: Term) -> Callable[[RolloutBatch], object]:
    return lambda rollouts: score_term(rollouts, term)


def _seconds(score: Callable[[RolloutBatch], object]) -> float:
    best = float("inf")
    until = time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        fresh = batch()
        began = time.perf_counter()
        score(fresh)
        best = min(best, time.perf_counter() - began)
    return best


def _rate(name: str, seconds: float) -> Rate:
    return Rate(name, SAMPLES / seconds, seconds)


def component_rates() -> list[Rate]:
    """Rates of every text component alone and of the whole engine, slowest first.

    Each is measured on fresh batches, so with the parsing that it needs.
    """
    terms = text_terms()
    mix = Mix(terms=terms)
    rates = [_rate(t.label, _seconds(_alone(t))) for t in terms]
    rates.append(_rate(ENGINE, _seconds(lambda rollouts: RewardEngine(mix).score(rollouts, 1))))
    return sorted(rates, key=lambda rate: rate.samples_per_second)
