"""The writing styles that the tiny bases are taught, and how each goes wrong.

A base that answers in one style leaves RL nothing to select; a mixture of careful and careless styles
leaves headroom that a reader can see in the completions. Pure Python.
"""

import random
from collections.abc import Callable

from core.problems.arithmetic import Draft, Step, apply

Mixture = dict[str, float]
WORDS = ("left", "in all", "total")


def _work(
    rng: random.Random, draft: Draft, slip: float, wrong_op: float, drop: float
) -> tuple[list[str], int]:
    """Worked lines with mistakes, and their result.

    `slip`, `wrong_op` and `drop` are the chances that a line has a wrong result, uses the wrong operation, or
    is left out.
    """
    lines: list[str] = []
    value = draft.steps[0].left
    for i, step in enumerate(draft.steps):
        if rng.random() < drop and len(draft.steps) > 1:
            continue
        op = step.op
        if rng.random() < wrong_op:
            op = rng.choice([o for o in "+-" if o != step.op])
        operand = value if i else step.left
        result = max(0, apply(operand, op, step.right))
        if rng.random() < slip:
            result = max(0, result + rng.choice((-10, -2, -1, 1, 2, 10)))
        lines.append(f"{operand}{op}{step.right}={result}")
        value = result
    return lines, value


def near(rng: random.Random, gold: int) -> int:
    """A wrong guess near the gold answer."""
    return max(0, gold + rng.choice((-1, 1)) * rng.choice((1, 2, 3, 5, 10, 20)))


def careful(rng: random.Random, draft: Draft, slip: float = 0.05, other: float = 0.0) -> str:
    lines, value = _work(rng, draft, slip, other, other)
    return "\n".join([*lines, f"#### {value}"])


def sloppy(rng: random.Random, draft: Draft) -> str:
    lines, value = _work(rng, draft, 0.25, 0.15, 0.3)
    return "\n".join(["maybe", *lines, f"#### {value}"])


def guess(rng: random.Random, draft: Draft, right: float) -> str:
    return f"#### {draft.gold if rng.random() < right else near(rng, draft.gold)}"


def odd(rng: random.Random, draft: Draft) -> str:
    """Worked lines, then an ending that the strict answer rule does not accept."""
    lines, value = _work(rng, draft, 0.05, 0.03, 0.03)
    ending = rng.choice(
        (f"so {value}", f"the answer is {value}", "####", f"#### {value} {rng.choice(WORDS)}")
    )
    return "\n".join([*lines, ending])


def odd_named(rng: random.Random, draft: Draft) -> str:
    """Worked lines, then the result in a form that earns nothing; unlike `odd`, never a bare marker."""
    lines, value = _work(rng, draft, 0.05, 0.03, 0.03)
    ending = rng.choice(
        (f"so {value}", f"the answer is {value}", f"#### {value} {draft.name}", f"{value} left")
    )
    return "\n".join([*lines, ending])


def writer(
    mixture: Mixture, guess_right: float, careful_other: float = 0.0
) -> Callable[[random.Random, Draft], str]:
    """A function that answers a draft in a style drawn from `mixture` (style name -> share)."""
    styles: dict[str, Callable[[random.Random, Draft], str]] = {
        "careful": lambda r, d: careful(r, d, 0.05, careful_other),
        "sloppy": sloppy,
        "guess": lambda r, d: guess(r, d, guess_right),
        "odd": odd,
        "odd_named": odd_named,
    }
    names = list(mixture)
    shares = list(mixture.values())
    return lambda rng, draft: styles[rng.choices(names, shares)[0]](rng, draft)


__all__ = ["Mixture", "Step", "writer"]
