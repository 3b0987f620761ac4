"""Right solutions generated from templates, as models write them in LaTeX, Markdown and prose; seeded.

Imported by `benchmarks.equations`. A template writes the same few steps of arithmetic in one notation.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One step of a generated solution: `left op right = value`."""

    left: int
    op: str
    right: int

    @property
    def value(self) -> int:
        results = {"+": self.left + self.right, "-": self.left - self.right, "*": self.left * self.right}
        return results[self.op] if self.op in results else self.left // self.right


Write = Callable[[Sequence[Step], random.Random], str]


def _steps(rng: random.Random) -> list[Step]:
    value = rng.randint(2, 400)
    steps: list[Step] = []
    for _ in range(rng.randint(2, 4)):
        op = rng.choice("+-*/")
        right = rng.randint(2, 12) if op in "*/" else rng.randint(1, 900)
        if op == "-":
            right = rng.randint(1, value)
        if op == "/":
            divisors = [d for d in range(2, 13) if value % d == 0]
            right = rng.choice(divisors) if divisors else 1
        steps.append(Step(value, op, right))
        value = max(1, steps[-1].value)
        if steps[-1].value < 1:
            break
    return steps


TIMES, CDOT = {"*": r"\times", "/": r"\div"}, {"*": r"\cdot", "/": r"\div"}


def _tex(step: Step, signs: dict[str, str], numeral: str = "{:d}") -> str:
    left = numeral.format(step.left).replace(",", "{,}")
    right = numeral.format(step.right).replace(",", "{,}")
    if step.op == "/" and step.right % 2:
        return rf"\frac{{{left}}}{{{right}}}"
    return f"{left} {signs.get(step.op, step.op)} {right}"


def _thousands(value: int) -> str:
    return f"{value:,}".replace(",", "{,}")


def display(steps: Sequence[Step], _rng: random.Random) -> str:
    """Numbered steps with displayed equations, the last one boxed."""
    lines = [
        f"{i}. **Step {i}**: We compute\n\\[\n{_tex(s, TIMES)} = {s.value}\n\\]"
        for i, s in enumerate(steps, 1)
    ]
    return "\n\n".join(lines) + f"\n\nSo the answer is \\(\\boxed{{{steps[-1].value}}}\\)."


def inline(steps: Sequence[Step], _rng: random.Random) -> str:
    """Sentences with inline equations, thousands in braces."""
    parts = [f"After this he has ${_tex(s, CDOT, '{:,}')} = {_thousands(s.value)}$ left." for s in steps[:-1]]
    last = steps[-1]
    return " ".join(parts) + f"\nIn all, ${_tex(last, CDOT, '{:,}')} = \\boxed{{{_thousands(last.value)}}}$."


def units(steps: Sequence[Step], rng: random.Random) -> str:
    """A unit behind every number that counts things."""
    unit = rng.choice(["clips", "eggs", "miles", "pages", "apples"])
    named = rf" \text{{ {unit}}}"
    parts = []
    for s in steps:
        right = f"{s.right}{named}" if s.op in "+-" else str(s.right)
        parts.append(
            f"- {unit.title()}: \\( {s.left}{named} {TIMES.get(s.op, s.op)} {right} = {s.value}{named} \\)"
        )
    return "\n".join(parts) + f"\n\n**Answer:** \\boxed{{{steps[-1].value}{named}}}"


def dollars(steps: Sequence[Step], _rng: random.Random) -> str:
    """Money in mathematics."""
    parts = []
    for s in steps:
        right = rf"\${s.right}" if s.op in "+-" else str(s.right)
        parts.append(rf"The total is $\${s.left} {TIMES.get(s.op, s.op)} {right} = \${s.value}$.")
    return "\n".join(parts) + f"\n#### {steps[-1].value}"


def prose_dollars(steps: Sequence[Step], _rng: random.Random) -> str:
    """Money in prose, with Markdown."""
    signs = {"*": "\u00d7", "/": "\u00f7"}
    parts = []
    for i, s in enumerate(steps, 1):
        right = f"${s.right:,}" if s.op in "+-" else str(s.right)
        parts.append(f"{i}. Cost of part {i}: ${s.left:,} {signs.get(s.op, s.op)} {right} = **${s.value:,}**")
    return "\n".join(parts) + f"\n\nThe answer is **${steps[-1].value:,}**."


def aligned(steps: Sequence[Step], _rng: random.Random) -> str:
    """One chain over several lines of an `align` environment."""
    rows = []
    for s in steps:
        rows.append(rf"\text{{Now }} {_tex(s, TIMES)} &= {s.value - 1} + 1 \\")
        rows.append(rf"&= {s.value} \\")
    return (
        "\\begin{align*}\n"
        + "\n".join(rows)
        + f"\n\\end{{align*}}\nThe final answer is $\\boxed{{{steps[-1].value}}}$."
    )


def below(steps: Sequence[Step], _rng: random.Random) -> str:
    """The equals sign on a line of its own."""
    parts = [f"${_tex(s, CDOT)}$\n$= {s.value}$" for s in steps]
    return "\n\n".join(parts) + f"\n\n$\\boxed{{{steps[-1].value}}}$"


def percents(steps: Sequence[Step], rng: random.Random) -> str:
    """Shares, in three notations, before the steps."""
    share, whole = rng.choice([(10, 300), (20, 50), (25, 48), (75, 80), (5, 400)])
    part = share * whole // 100
    ways = [
        rf"\({share}\% \times {whole} = {part}\)",
        rf"\[ \frac{{{share}}}{{100}} \times {whole} = {part} \]",
        f"{share}% of {whole} = {part}",
        rf"${share / 100} \times {whole} = {part}$",
    ]
    return rng.choice(ways) + "\n" + inline(steps, rng)


def grouped(steps: Sequence[Step], rng: random.Random) -> str:
    """Brackets and factors without a sign."""
    a, b, c = (rng.randint(2, 20) for _ in range(3))
    first = rf"${a}({b} + {c}) = {a} \cdot {b + c} = {a * (b + c)}$"
    half = rf"$\frac{{1}}{{2}}\left({2 * b} + {2 * c}\right) = {b + c}$"
    return f"{first} and {half}.\n{display(steps, rng)}"


def named(steps: Sequence[Step], _rng: random.Random) -> str:
    """Names and variables before the equations."""
    parts = [rf"\[ \text{{Total}}_{{{i}}} = {_tex(s, TIMES)} = {s.value} \]" for i, s in enumerate(steps, 1)]
    return (
        "Let $x$ be the total.\n"
        + "\n".join(parts)
        + "\n"
        + rf"Thus $x = {steps[-1].value}$. \boxed{{{steps[-1].value}}}"
    )


def words(steps: Sequence[Step], _rng: random.Random) -> str:
    """Units in words, which are not read inside of an expression."""
    parts = [
        f"{s.left} clips {s.op} {s.right}{' clips' if s.op in '+-' else ''} = {s.value} clips" for s in steps
    ]
    return "\n".join(parts) + f"\n#### {steps[-1].value}"


def algebra(steps: Sequence[Step], rng: random.Random) -> str:
    """An equation with a variable, then its solution."""
    s = steps[-1]
    return f"Let $x$ be what is asked for. $x + {s.value} = {2 * s.value}$\n" + display(steps, rng)


WAYS: tuple[Write, ...] = (
    display, inline, units, dollars, prose_dollars, aligned, below, percents, grouped, named, words, algebra,
)  # fmt: skip


def generated(size: int) -> list[str]:
    """`size` right solutions, every template as often as the others."""
    rng = random.Random("equations")
    return [WAYS[i % len(WAYS)](_steps(rng), rng) for i in range(size)]
