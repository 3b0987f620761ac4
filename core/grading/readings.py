"""Reads texts that hold only an answer: the content of a box, the rest of a `####` line, a gold answer.

One function reads them all, so that an answer and its gold are cleaned alike. A text is read whole or not at
all.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from core.grading.latex import JOINT, plain
from core.grading.numerals import INVISIBLE, NUMBER, PLAIN, SIGN, WORDS, number, value_of
from core.grading.units import CODES, CURRENCIES, DOUBT, NO_UNIT, REST

MAX_READ = 200  # characters of an answer worth comparing

ABOUT = re.compile(
    r"(?:\s|\\approx(?![a-z])|\\sim(?![a-z])|[\u2248~]|(?:about|approximately|approx\.?|around)\s"
    r"|(?:the\s)?(?:final\s)?answer(?:\sis)?\s*:?)*",
    re.IGNORECASE,
)
NAMED = re.compile(r"\s*\\?[A-Za-z][\w\\(){}' ]{0,30}\s*(?:=|\\approx|\u2248|:(?=\s))\s*(?P<value>[^=,;]*)")
SUM = re.compile(r"[\d\s+\-*/.()$\u00d7\u00f7\u2212\u2013]{1,80}=(?P<value>[^=,;]*)")
START = re.compile(
    rf"(?P<code>(?:{CODES}|Rs\.?)\s{{0,6}})?(?P<far>[{SIGN}]\ |(?:negative|minus)\ )?{NUMBER}",
    re.VERBOSE | re.IGNORECASE,
)
SEPARATORS = re.compile(rf"[\\,_'\u2019\s{JOINT}{CURRENCIES}]|\.0*\Z")
DIGITS = re.compile(r"-?\d+(?:\.\d+)?")
BRACKETED = re.compile(r"\s*\(\s*([^()]*)\s*\)\s*")
BOX = re.compile(r"\\f?boxed\s*\{")
DELIMITERS = (("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("**", "**"), ("*", "*"), ("`", "`"))
UNIT_BEHIND = re.compile(
    r"(?:\\[,;:! ]|\s|~)*\\(?:text|mathrm|mbox)\s*\{\s*(?P<unit>[^{}\d]{2,60})\}(?:\^\{?\d\}?)?\s*\Z"
)
PROSE = re.compile(
    r"(?<![A-Za-z])(?!(?:sqrt|frac|sin|cos|tan|log|exp|max|min|mod|inf)\b)(?:[A-Za-z]{3,}|or\b|to\b)"
)
LABEL = re.compile(r"[A-Z][a-z]+\s\d+(?:,\s\d{4})?")  # `June 20`


@dataclass(frozen=True, slots=True)
class Reading:
    """What the text of an answer means.

    `value` is exact, None for an expression; `text` is what represents the answer elsewhere.
    """

    value: Fraction | None
    percent: bool
    text: str


@lru_cache(maxsize=16_384)  # the completions of a group mostly state the same few answers
def read(content: str) -> Reading:
    """The number that the whole text states; else an expression.

    At most a name may stand before the number, and a unit after it.
    """
    if PLAIN.fullmatch(content):
        return Reading(number(content), False, content)
    inner = unwrapped(content)
    clean = unwrapped(plain(INVISIBLE.sub("", inner)))
    for pattern in (NAMED, SUM):
        if match := pattern.fullmatch(clean):
            clean = match["value"].strip()
    if match := BRACKETED.fullmatch(clean):
        clean = match[1].strip()
    clean = re.sub(r"\s*/\s*(?=\d)", "/", clean[ABOUT.match(clean).end() :])  # type: ignore[union-attr]
    clean = re.sub(r"\s{2,}", " ", clean)
    numeral = START.match(clean)
    if numeral and (suffix := REST.fullmatch(clean, numeral.end())) and not DOUBT.match(clean, numeral.end()):
        value = value_of(numeral)
        if value is not None:
            return Reading(
                value, bool(suffix["percent"]), _bare(numeral.group(), value) + "%" * bool(suffix["percent"])
            )
    word = WORDS.get(clean.strip(".").lower().replace("-", " "))
    if word is not None:
        return Reading(word, False, str(word))
    return Reading(None, False, expression(inner))


def _bare(numeral: str, value: Fraction) -> str:
    """The numeral without currency and separators if that leaves digits; else as it is written."""
    digits = SEPARATORS.sub("", numeral)
    if DIGITS.fullmatch(digits):
        return digits
    return numeral.replace(JOINT, "").strip() if JOINT not in numeral or "." in numeral else str(value)


def unwrapped(text: str) -> str:
    """The text without a box, maths delimiters, emphasis or full stop around the whole of it."""
    text = text.strip()
    for _ in range(4):
        previous = text
        if (
            (box := BOX.match(text))
            and text.endswith("}")
            and closing_brace(text, box.end()) == len(text) - 1
        ):
            text = text[box.end() : -1].strip()
        if text.startswith("{") and text.endswith("}") and closing_brace(text, 1) == len(text) - 1:
            text = text[1:-1].strip()
        for opening, closing in DELIMITERS:
            inner = text[len(opening) : -len(closing)]
            if (
                len(text) > len(opening + closing)
                and text.startswith(opening)
                and text.endswith(closing)
                and opening[-1] not in inner[-1:]
            ):
                if opening not in ("$", "*") or opening not in inner.replace("\\$", ""):
                    text = inner.strip()
        if text[-1:] in (".", "\u3002") and not text.endswith("\\."):
            text = text[:-1].rstrip()
        if text == previous:
            break
    return text


def closing_brace(text: str, start: int, stop: int | None = None) -> int:
    """Where the brace just before `start` is closed; -1 if it is not closed, or not before `stop`."""
    depth = 1
    for place in range(start, len(text) if stop is None else min(len(text), stop)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place
    return -1


def expression(text: str) -> str:
    """An expression without a unit in words after it."""
    unit = UNIT_BEHIND.search(text)
    head = text[: unit.start()].strip() if unit else ""
    if unit is None or not head or re.search(r"[-+*/=,(\\^]\Z|\b(?:or|and)\Z", head) or START.fullmatch(head):
        return text
    return head if re.match(NO_UNIT, unit["unit"]) else text


def _is_expression(text: str) -> bool:
    """Whether a text is mathematics, a choice or a word, so that another text can be compared with it."""
    if not text or len(text) > MAX_READ or not any(c.isalnum() for c in text):
        return False
    if "\\" in text or not any(c.isdigit() for c in text) or LABEL.fullmatch(text):
        return True
    return PROSE.search(text) is None


@lru_cache(maxsize=16_384)
def read_gold(text: str) -> Reading | None:
    """A gold answer, read as answers are; None if nobody could decide whether an answer equals it.

    It may be a worked solution that ends in `#### N`. Prose about numbers (`72 dollars and 50 cents`) is not
    read.
    """
    if PLAIN.fullmatch(text):
        return read(text)
    text = text.strip()
    if "####" in text:
        text = text.rsplit("####", 1)[1].strip().partition("\n")[0]
    if not text or len(text) > 4 * MAX_READ:
        return None
    reading = read(text)
    return reading if reading.value is not None or _is_expression(reading.text) else None
