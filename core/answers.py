"""Pulls the final answer out of a completion and compares it with the gold answer.

Every number we show stands on this module: it never raises on text, and its time is linear in the text's length. What a model
only thinks is not an answer (core.replies); where an answer stands is for core.statements to say, what it means for
core.readings, which reads gold answers too. Comparing is a fast path of exact fractions; only what is not a number (LaTeX from
a `\\boxed{}`) goes to core.symbolic.
"""

from core.number_search import Answer, How
from core.readings import Reading, read, read_gold
from core.statements import AnswerRule, Statement, locate, statement
from core.symbolic import same_expression


def extract(text: str, rule: AnswerRule = "strict", begun: str = "") -> Answer | None:
    """The final answer of a completion, or None when it states none under `rule`.

    `begun`: what the prompt's end already wrote of the completion, as core.replies.opened says: `<think>` of a chat template.
    """
    located = locate(text, rule, begun)
    return located[0] if located else None


def matches(answer: Answer | None, gold: str) -> bool:
    """The parsed answer is the gold answer: by value; `50%` also equals 0.5; expressions by core.symbolic.

    A gold answer that cannot be read matches nothing: ask `read_gold` first.
    """
    if answer is None:
        return False
    target = read_gold(gold)
    if target is None:
        return False
    value, percent = target.value, target.percent
    if value is None or answer.value is None:
        return same_expression(_spelled(read(answer.text)), _spelled(target))
    # A fraction's own `==` asks for types first, which takes longer than all the rest.
    if answer.value is value or (answer.value.numerator == value.numerator and answer.value.denominator == value.denominator):
        return True
    return answer.percent != percent and answer.value * (100 if percent else 1) == value * (100 if answer.percent else 1)


def _spelled(reading: Reading) -> str:
    return reading.text if reading.value is None else str(reading.value)


__all__ = [
    "Answer",
    "AnswerRule",
    "How",
    "Reading",
    "Statement",
    "extract",
    "matches",
    "read_gold",
    "statement",
]
