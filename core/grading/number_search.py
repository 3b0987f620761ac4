"""Finds the number that a statement gives: directly after a marker or phrase, or the last one on a line.

A number is read whole or not at all: if several are named, or if what stands beside it makes it part of
another one, the statement is UNREADABLE. Lines are freed of LaTeX (core.grading.latex) before they are read;
spans refer to the completion.
"""

import re
from collections import deque
from collections.abc import Hashable
from fractions import Fraction
from typing import Literal, NamedTuple

from core.grading.latex import plain
from core.grading.numerals import DIGIT, FIND, SIGN, UNSURE, WORD, WORDS, number
from core.grading.units import CURRENCIES, DOUBT, DOUBT_BEFORE, RANGE

How = Literal["marker", "boxed", "phrase", "last_number"]

LINE = 400  # characters after a marker or phrase that are searched for its answer

PERCENT = re.compile(r" {0,3}\*?(?:\\?[%\uff05]|per ?cent\b)", re.IGNORECASE)
# What may stand between a marker or phrase and its number without putting the number in doubt.
GAP = re.compile(
    r"""(?:[\s*_`:=>~\[({"'|\u2248#<\uff1a\u7ea6\u7d04\u5171]|\\[\[(]|\\approx(?![a-z])"""
    r"""|\$\$|(?:the|final|answer|an?|about
    |approximately|approx|around|exactly|only|just|simply|therefore|thus|then|indeed|still|now"""
    r"""|in\ fact|actually|probably|maybe
    |either|equals?|to|be|is|are|result)\b)*""",
    re.VERBOSE | re.IGNORECASE,
)
MINUS = re.compile(
    rf"[{SIGN}] {{1,3}}(?=\S)|(?:negative|minus|\u043c\u0438\u043d\u0443\u0441) |[\u8d1f\u8ca0]",
    re.IGNORECASE,
)
MINUS_BEFORE = re.compile(
    rf"(?:[=:(] ?([{SIGN}] )|\b(negative )|(?:[=:(]|\bis|\bbe) ?(minus )|([\u8d1f\u8ca0]))\Z", re.IGNORECASE
)
# a digit, but not the power of a unit
UNREAD = re.compile(rf"(?<!\^)(?<!\^\{{)(?<!\^[-\u2212]){DIGIT.pattern}")
# after these, nothing follows that would change the number
SURE = ("", "\n", ".", ",", ";", ")", "}", "<")
LAST = ("", "\n", ".")  # after these, no other number is named
# Last characters of what may, before a space, change the number that follows.
TELLING = frozenset([*SIGN, *"*/^(\u00d7\u00f7\u00b7gnspte\u7b2c", ""])
EQUALS = re.compile(r"[ %*_`$)\\]{0,4}=")
SUM = re.compile(
    r"[ %*_`$)\\]{0,4}(?:[A-Za-z]{2,15} )?"
    r"(?:[-+*/x\u00d7\u00f7\u00b7\u22c5\u2212\u2013=]|times|cdot|div|plus|minus)[ $(\\]{0,3}\d"
)
MORE = re.compile(
    rf"[ %*_`$)\\]{{0,4}}(?:(?:[,;|/&\uff0c\u3001\uff1b]|[ ](?=[-$\d]))|[ (]{{0,2}}(?:[^\W\d_]{{1,15}}[ ])?"
    rf"(?:or|and|y|e|und|et|\u0438|\u0438\u043b\u0438|\u6216|\u548c)(?![a-z]))"
    rf"[ *_`$(\\]{{0,4}}(?:or |and )?[{SIGN}]?[{CURRENCIES}]?\d",
    re.IGNORECASE,
)


class Answer(NamedTuple):
    """A parsed answer: the text it was read from, where it stands, and which form states it.

    `value` is exact; None for an expression that is not a plain number. `percent`: a per cent sign follows.
    This is a tuple because one is made for each text that is judged, and making a frozen dataclass takes
    three times as long.
    """

    value: Fraction | None
    text: str
    start: int
    end: int
    how: How
    percent: bool = False

    @property
    def key(self) -> Hashable:
        """Equal for equal answers: the value, or the expression without its spaces."""
        return self.value if self.value is not None else "".join(self.text.split())


# a statement that names several answers, breaks off, or is not read whole
UNREADABLE = Answer(None, "", 0, 0, "phrase")


def as_answer(text: str, base: int, line: str, start: int, end: int, how: How) -> Answer | None:
    """The numeral `line[start:end]` as an answer; None if it is not a number.

    UNREADABLE if what follows makes it part of another number. `line` is plain text that begins at `base` in
    the completion.
    """
    value = number(line[start:end])
    if value is None:
        return None
    if line[end : end + 1] not in SURE and DOUBT.match(line, end):
        return UNREADABLE
    percent = line[end : end + 1] in " \\%*\uff05" and PERCENT.match(line, end) is not None
    return Answer(value, text[base + start : base + end], base + start, base + end, how, percent)


def _filled(line: str, start: int, stop: int = LINE) -> int:
    """Where the filler that begins at `start` ends."""
    return GAP.match(line, start, stop).end()  # type: ignore[union-attr]  # also matches no filler


def _directly(text: str, base: int, line: str, start: int, lead: int, stop: int, how: How) -> Answer | None:
    """The number or number word at `lead` of `line`. Only filler stands between `start` and `lead`."""
    begin = lead
    if minus := MINUS.match(line, lead, stop):
        # `- 5` on a line of its own is an item of a list, not a negative number.
        item = "\n" in line[start:lead] and minus.group()[0] in SIGN
        begin = minus.end() if item else lead
        lead = minus.end()
    if numeral := FIND.match(line, lead, stop):
        cut = numeral.end() == stop == LINE and base + stop < len(text)
        return UNREADABLE if cut else as_answer(text, base, line, begin, numeral.end(), how)
    if word := WORD.match(line, lead, stop):
        for spelled in (word.group(), re.split("[- ]", word.group())[0]):
            value = WORDS.get(spelled.lower().replace("-", " "))
            end = lead + len(spelled)
            if value is not None and not UNSURE.match(line, end):
                signed = -value if begin < lead else value
                return Answer(signed, text[base + begin : base + end], base + begin, base + end, how)
    return None


def _behind(text: str, base: int, line: str, sign: int, stop: int, how: How) -> Answer | None:
    """The number or number word after the equals sign at `sign` of `line`."""
    return _directly(text, base, line, sign + 1, _filled(line, sign + 1, stop), stop, how)


def stated_number(text: str, base: int, how: How) -> Answer | None:
    """The number that follows `base` on one line; for a sum (`3 + 4 = 7`), its result.

    None if no number follows directly, UNREADABLE if more than one is named.
    """
    line = plain(text[base : base + LINE])
    lead = _filled(line, 0)
    stop = line_end(line, lead)
    answer = _directly(text, base, line, 0, lead, stop, how)
    if answer is None or (answer is UNREADABLE and "=" not in line[:stop]):
        return answer
    if answer is not UNREADABLE and line[answer.end - base : answer.end - base + 1] in LAST:
        return answer
    equals = line.rfind("=", 0, stop)
    if answer is UNREADABLE:  # `3 x 4 = 12`
        first = FIND.match(line, lead, stop)
        if not first or not SUM.match(line, first.end(), stop):
            return UNREADABLE
    elif not SUM.match(line, answer.end - base, stop):
        return UNREADABLE if MORE.match(line, answer.end - base, stop) else answer
    elif EQUALS.match(line, answer.end - base) and not SUM.match(line, equals + 1, stop):
        tail = _behind(text, base, line, equals, stop, how)
        if tail is None or tail is UNREADABLE or SUM.match(line, tail.end - base, stop):
            return answer  # `72 = 48 + 24`
        return tail
    result = _behind(text, base, line, equals, stop, how) if equals >= 0 else None
    if result is None or result is UNREADABLE or SUM.match(line, result.end - base, stop):
        return UNREADABLE
    return UNREADABLE if MORE.match(line, result.end - base, stop) else result


def line_end(line: str, place: int) -> int:
    """The end of the line that `place` stands on."""
    newline = line.find("\n", place)
    return len(line) if newline < 0 else newline


def _doubtful(line: str, begin: int) -> bool:
    """Whether the text before a number makes it part of another one, or one end of a range."""
    # most numbers follow a word
    quiet = line[begin - 1 : begin] == " " and line[begin - 2 : begin - 1] not in TELLING
    if not quiet and DOUBT_BEFORE.search(line, max(0, begin - 6), begin):
        return True
    return ("between" in line or "from" in line) and RANGE.search(line, max(0, begin - 60), begin) is not None


def last_number(text: str, base: int, stop: int, how: How) -> Answer | None:
    """The last number of `text[base:stop]`; UNREADABLE if it is doubtful or unread digits follow."""
    line = plain(text[base:stop])
    numerals = deque(FIND.finditer(line), maxlen=1)
    if not numerals:
        return None
    begin, end = numerals[0].span()
    if UNREAD.search(line, end) or _doubtful(line, begin):
        return UNREADABLE
    telling = line[begin - 2 : begin - 1] in TELLING or line[begin - 1 : begin] in "\u8d1f\u8ca0"
    if telling and (minus := MINUS_BEFORE.search(line, max(0, begin - 12), begin)):
        begin = minus.start(minus.lastindex or 0)
    return as_answer(text, base, line, begin, end, how)
