"""Texts that show what a mix pays for besides being right; a policy finds them sooner or later.

Pure: a problem in, texts out.
"""

from dataclasses import dataclass

from core.grading.numerals import number
from core.problems.problem import Problem

RIGHT = "Right answer"
LONG = 40  # times the worked part is repeated in the very long text


@dataclass(frozen=True, slots=True)
class Probe:
    """A named completion of a problem."""

    name: str
    text: str


def near(gold: str) -> str:
    """A wrong answer close to the gold one; a plainly wrong text if the gold answer is not a number."""
    value = number(gold)
    return "0" if value is None else str(int(value) + 2)


def probes(problem: Problem) -> list[Probe]:
    """The gold solution first (`RIGHT`), then texts that should not beat it."""
    worked = problem.solution.rsplit("####", 1)[0].strip() or "1+1=2"
    solution = problem.solution if "####" in problem.solution else f"{worked}\n#### {problem.gold}"
    value = number(problem.gold)
    listed = (
        [str(int(value) + i) for i in range(-4, 6)]
        if value is not None
        else [problem.gold, *map(str, range(9))]
    )
    first = worked.splitlines()[0]
    return [
        Probe(RIGHT, solution),
        Probe("Near miss", f"{worked}\n#### {near(problem.gold)}"),
        Probe("Empty", ""),
        Probe("Wrong answer only", f"#### {near(problem.gold)}"),
        Probe("Gold answer without reasoning", f"#### {problem.gold}"),
        Probe("Ten answers listed", "\n".join(f"#### {x}" for x in listed)),
        Probe("Repeated steps", "\n".join([first] * 10 + [f"#### {near(problem.gold)}"])),
        Probe("Very long", "\n".join([worked] * LONG + [f"#### {near(problem.gold)}"])),
        Probe("Prompt copied", problem.question),
        Probe("True but useless equations", "1+1=2\n2+2=4\n" + f"#### {near(problem.gold)}"),
    ]
