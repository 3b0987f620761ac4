"""Turns groups of completions into preference pairs, in the shape that TRL's trainers take. Pure."""

from collections.abc import Sequence
from typing import Any, Literal, Protocol, TypeVar

Rule = Literal["gold", "advantage"]
RULES: dict[Rule, str] = {
    "gold": (
        "of each group with right and wrong answers: "
        "the right one with the highest total, the wrong one with the lowest"
    ),
    "advantage": "of each group that is not dead: the highest advantage, the lowest advantage",
}


class Scored(Protocol):
    """What a rule reads of a sample."""

    @property
    def correct(self) -> bool: ...
    @property
    def total(self) -> float | None: ...
    @property
    def advantage(self) -> float | None: ...


T = TypeVar("T", bound=Scored)


def pair(group: Sequence[T], rule: Rule) -> tuple[T, T] | None:
    """(chosen, rejected) of one group by a rule; None if it has no such pair. Ties go to the first sample."""
    if rule == "gold":
        right = [s for s in group if s.correct]
        wrong = [s for s in group if not s.correct]
        return (max(right, key=_total), min(wrong, key=_total)) if right and wrong else None
    scored = [s for s in group if s.advantage is not None]
    if not scored:
        return None
    best = max(scored, key=_advantage)
    worst = min(scored, key=_advantage)
    return (best, worst) if _advantage(best) > _advantage(worst) else None


def _total(s: Scored) -> float:
    return 0.0 if s.total is None else s.total


def _advantage(s: Scored) -> float:
    return s.advantage or 0.0


def row(question: str, instruction: str, chosen: str, rejected: str) -> dict[str, Any]:
    """One row of a conversational preference data set; the trainer applies the chat template.

    The question comes with the run's instruction, as the policy was asked.
    """
    prompt = f"{question}\n{instruction}" if instruction else question
    return {
        "prompt": [{"role": "user", "content": prompt}],
        "chosen": [{"role": "assistant", "content": chosen}],
        "rejected": [{"role": "assistant", "content": rejected}],
    }
