"""Extracts the final answer from a completion and compares it with the gold answer.

Every number we show depends on this module: it never raises on text, and its time is linear in the text's
length. Thoughts are not answers (core.grading.replies). core.grading.statements finds where an answer stands;
core.grading.readings says what it means, and reads gold answers too. Comparing is a fast path of exact
fractions; only what is not a number (LaTeX from a `\\boxed{}`) goes to core.grading.symbolic.
"""

from core.grading.number_search import Answer, How
from core.grading.readings import Reading, read, read_gold
from core.grading.statements import AnswerRule, Statement, locate, statement
from core.grading.symbolic import same_expression


def extract(text: str, rule: AnswerRule = "strict", begun: str = "") -> Answer | None:
    """The final answer of a completion, or None when it states none under `rule`.

    `begun`: what the end of the prompt already contains of the completion, such as the `<think>` of a chat
    template, as core.grading.replies.opened returns it.
    """
    located = locate(text, rule, begun)
    return located[0] if located else None


def matches(answer: Answer | None, gold: str) -> bool:
    """Whether the parsed answer equals the gold answer.

    Numbers are compared by value, and `50%` also equals 0.5; expressions are compared by
    core.grading.symbolic. A gold answer that cannot be read matches nothing: check `read_gold` first.
    """
    if answer is None:
        return False
    target = read_gold(gold)
    if target is None:
        return False
    value = target.value
    percent = target.percent
    if value is None or answer.value is None:
        return same_expression(_spelled(read(answer.text)), _spelled(target))
    # Fraction's own `==` checks types first, which takes longer than all of this.
    if answer.value is value or (
        answer.value.numerator == value.numerator and answer.value.denominator == value.denominator
    ):
        return True
    return answer.percent != percent and answer.value * (100 if percent else 1) == value * (
        100 if answer.percent else 1
    )


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
