"""How fast rewards are: samples per second of every text component, and of a mix of all of them.

Called by the CLI and by benchmarks/rewards.py. Made-up samples in the shape of GSM8K's; no model and no file.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from core.batch import RolloutBatch
from core.engine import RewardEngine, score_term
from core.mix import Mix, Term
from core.problems import arithmetic
from core.problems.problem import Problem
from core.rewards import COMPONENTS
from core.rewards.component import FROM_TEXT

SAMPLES = 64
GROUP = 8
SECONDS = 0.1  # spent on each measurement; the fastest repeat counts, since only other programs make one slower
ENGINE = "whole engine"


@dataclass(frozen=True, slots=True)
class Rate:
    """Speed of one component, or of the engine with all of them (`ENGINE`), on a batch of SAMPLES."""

    name: str
    samples_per_second: float
    batch_seconds: float


def _completions(problem: Problem) -> list[str]:
    """GROUP ways a policy answers: right, wrong, unmarked, wordy, in LaTeX, repeating itself, cut short, empty-handed."""
    solution, gold = problem.solution, int(problem.gold)
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
    """One term, with defaults, of every component that reads nothing but texts."""
    texts = (c for c in COMPONENTS.values() if c.needs <= FROM_TEXT)
    return tuple(Term(component=c.name, side="always", weight=1.0) for c in texts)


def _alone(term: Term) -> Callable[[RolloutBatch], object]:
    return lambda made: score_term(made, term)


def _seconds(score: Callable[[RolloutBatch], object]) -> float:
    best, until = float("inf"), time.perf_counter() + SECONDS
    while time.perf_counter() < until:
        fresh = batch()
        began = time.perf_counter()
        score(fresh)
        best = min(best, time.perf_counter() - began)
    return best


def _rate(name: str, seconds: float) -> Rate:
    return Rate(name, SAMPLES / seconds, seconds)


def component_rates() -> list[Rate]:
    """Every text component alone on a fresh batch, so with the parsing it needs, and the whole engine; slowest first."""
    terms = text_terms()
    mix = Mix(terms=terms)
    rates = [_rate(t.label, _seconds(_alone(t))) for t in terms]
    rates.append(_rate(ENGINE, _seconds(lambda made: RewardEngine(mix).score(made, 1))))
    return sorted(rates, key=lambda rate: rate.samples_per_second)
