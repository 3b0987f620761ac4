"""Pulls the final answer out of a completion and compares it with the gold answer.

Called by core.batch (once per sample) and core.problems.jsonl (for gold answers). Every number we show stands on this
module: it never raises on text and every pattern is linear in the text's length.

Two rules. `strict`: the last `####` or `\\boxed{}` marker, with nothing but the number behind it on its line.
`lenient`: a marker with anything behind it, else "the answer is N", else the last number of the text. In both the
*last* marker counts, so that printing many answers does not win.
"""

import re
from collections import deque
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal

AnswerRule = Literal["strict", "lenient"]
How = Literal["marker", "boxed", "phrase", "last_number"]

MAX_DIGITS = 40
TAIL = 4000  # characters: an answer is looked for at the end, so hostile length costs nothing
SIGN = "-+\u2212"
# Digits are bounded so that no numeral, however long, makes matching or arithmetic slow.
WHOLE = rf"(?:\d{{1,3}}(?:,\d{{3}}){{1,12}}(?!\d)|\d{{1,{MAX_DIGITS}}})"
DECIMALS = rf"\.\d{{1,{MAX_DIGITS}}}"
NUMBER = rf"[{SIGN}]?\$?{WHOLE}(?:{DECIMALS})?|[{SIGN}]?\$?{DECIMALS}"
# A number may not begin inside another or inside a word: `x12` and `12.5`'s tail are not answers.
STANDALONE = re.compile(rf"(?<![\w.,])(?:{NUMBER})(?![\w])")
FIRST = re.compile(NUMBER)
MARKER = re.compile(r"####|\\boxed\s*\{")
PHRASE = re.compile(r"answer\s*(?:is|:|=)", re.IGNORECASE)
STRICT_MARKER = re.compile(rf"[ \t]*\$?[ \t]*({NUMBER})[ \t]*[.%]?[ \t\r]*(?=\n|$)")
STRICT_BOXED = re.compile(rf"\s*\$?\s*({NUMBER})\s*%?\s*\}}")


@dataclass(frozen=True, slots=True)
class Answer:
    """A parsed answer: its value, the text it was read from, where it stands, and which rule found it."""

    value: Decimal
    text: str
    start: int
    end: int
    how: How


def number(text: str) -> Decimal | None:
    """The value of a numeral such as `-1,234.50`, `$7` or `.5`; None when it is not one."""
    cleaned = text.strip().replace(",", "").replace("$", "").replace("\u2212", "-").rstrip("%.")
    if not cleaned or len(cleaned) > 2 * MAX_DIGITS + 2 or not re.fullmatch(r"[-+]?(?:\d+\.?\d*|\.\d+)", cleaned):
        return None
    try:
        return Decimal(cleaned)
    except InvalidOperation:
        return None


def _answer(text: str, start: int, end: int, how: How) -> Answer | None:
    value = number(text[start:end])
    return None if value is None else Answer(value, text[start:end], start, end, how)


def _after_marker(text: str, rule: AnswerRule) -> tuple[bool, Answer | None]:
    """(is there a marker, the answer behind the last one)."""
    found = _last(MARKER, text, max(0, len(text) - TAIL))
    if found is None:
        return False, None
    boxed = found.group() != "####"
    how: How = "boxed" if boxed else "marker"
    if rule == "strict":
        match = (STRICT_BOXED if boxed else STRICT_MARKER).match(text, found.end())
        return True, match and _answer(text, *match.span(1), how)
    stop = text.find("}" if boxed else "\n", found.end())
    match = FIRST.search(text, found.end(), len(text) if stop < 0 else stop)
    return True, match and _answer(text, *match.span(), how)


def _last(pattern: re.Pattern[str], text: str, start: int = 0) -> re.Match[str] | None:
    found = deque(pattern.finditer(text, start), maxlen=1)
    return found[0] if found else None


def extract(text: str, rule: AnswerRule = "strict") -> Answer | None:
    """The final answer of a completion, or None when it states none under `rule`."""
    marked, answer = _after_marker(text, rule)
    if answer is not None or rule == "strict":
        return answer
    if marked:  # a marker with no number behind it: the text before it may still state the answer
        text = text[: text.rfind("####")] if "####" in text else text
    start = max(0, len(text) - TAIL)
    phrase = _last(PHRASE, text, start)
    match = STANDALONE.search(text, phrase.end()) if phrase else None
    if match:
        return _answer(text, *match.span(), "phrase")
    match = _last(STANDALONE, text, start)
    return match and _answer(text, *match.span(), "last_number")


def matches(answer: Answer | None, gold: str) -> bool:
    """The parsed answer has the gold answer's value."""
    value = number(gold)
    return answer is not None and value is not None and answer.value == value
