"""A seeded generator of GSM8K-style word problems.

Each takes one to three steps of + - * on small numbers; some have a distractor. Pure Python and
reproducible: problem `i` of (`seed`, `split`) never depends on how many are requested.
Sizes follow the measured recipe in docs/tiny-model.md.
"""

import random
from dataclasses import dataclass

from core.problems.problem import Problem

NAME = "tiny-arithmetic"
MAX_VALUE = 169
NAMES = (
    "Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gina", "Hugo", "Ida", "Jon",
    "Kira", "Leo", "Mia", "Noah", "Olga", "Pia", "Rosa", "Sam", "Tom", "Uma",
)  # fmt: skip
OBJECTS = (
    "apples", "books", "cards", "coins", "eggs", "figs", "hats",
    "keys", "mugs", "pens", "rings", "shells", "stamps", "toys",
)  # fmt: skip
PLUS = ("buys {n} more", "finds {n} more", "gets {n} from a friend")
MINUS = ("gives {n} away", "loses {n}", "sells {n}")


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the worked solution, `left op right = result`."""

    left: int
    op: str
    right: int

    @property
    def result(self) -> int:
        return apply(self.left, self.op, self.right)


def apply(left: int, op: str, right: int) -> int:
    """The value of `left op right`; `op` is one of + - *."""
    return left + right if op == "+" else left - right if op == "-" else left * right


@dataclass(frozen=True, slots=True)
class Draft:
    """A problem before it becomes a `Problem`: its question and the steps that solve it."""

    question: str
    name: str
    steps: tuple[Step, ...]

    @property
    def gold(self) -> int:
        return self.steps[-1].result


def _next_step(rng: random.Random, value: int) -> tuple[Step, str]:
    """Draw one more step from `value`, and its sentence with `{who}` left open.

    Results stay within 1..MAX_VALUE.
    """
    while True:
        op = rng.choices("+-*", weights=(40, 40, 20))[0]
        n = rng.randint(2, 5) if op == "*" else rng.randint(2, 30)
        result = apply(value, op, n)
        if not 1 <= result <= MAX_VALUE or (op == "*" and value > 30):
            continue
        if op == "*":
            return Step(value, op, n), f"Then {{who}} has {n} times as many."
        verb = rng.choice(PLUS if op == "+" else MINUS).format(n=n)
        return Step(value, op, n), f"{{who}} {verb}."


def draft(rng: random.Random) -> Draft:
    """Draw one problem."""
    name = rng.choice(NAMES)
    thing = rng.choice(OBJECTS)
    n_steps = rng.randint(1, 3)
    steps: list[Step] = []
    if rng.random() < 0.3:
        boxes = rng.randint(2, 9)
        each = rng.randint(2, 12)
        steps.append(Step(boxes, "*", each))
        sentences = [f"{name} has {boxes} boxes of {each} {thing}."]
        value = boxes * each
    else:
        value = rng.randint(2, 30)
        sentences = [f"{name} has {value} {thing}."]
    while len(steps) < n_steps:
        step, sentence = _next_step(rng, value)
        steps.append(step)
        sentences.append(sentence.format(who=name))
        value = step.result
    if rng.random() < 0.2:
        bystander = rng.choice([n for n in NAMES if n != name])
        sentences.insert(
            rng.randint(1, len(sentences)), f"{bystander} has {rng.randint(2, 30)} {rng.choice(OBJECTS)}."
        )
    sentences.append(f"How many {thing} does {name} have?")
    return Draft(" ".join(sentences), name, tuple(steps))


def worked(steps: tuple[Step, ...]) -> str:
    """The solution in the careful style: one equation a line."""
    return "\n".join(f"{s.left}{s.op}{s.right}={s.result}" for s in steps)


def problem(index: int, split: str, seed: int = 0) -> Problem:
    """Problem `index` of a split ("train" and "eval" draw from different streams)."""
    problem_draft = draft(random.Random(f"{NAME}/{split}/{seed}/{index}"))
    solution = f"{worked(problem_draft.steps)}\n#### {problem_draft.gold}"
    return Problem(
        f"{NAME}/{split}/{seed}-{index}", problem_draft.question, str(problem_draft.gold), solution
    )


def problems(size: int, split: str, seed: int = 0) -> list[Problem]:
    """The first `size` problems of a split.

    The eval split does not depend on the seed of the training.
    """
    return [problem(i, split, seed) for i in range(size)]
