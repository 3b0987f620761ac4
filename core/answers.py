"""Pulls the final answer out of a completion and compares it with the gold answer.

Called by core.batch (once per sample) and core.problems.jsonl (for gold answers). Every number we show stands on this
module: it never raises on text, and its time is linear in the text's length.

Two rules. `strict`: the last `####` or `\\boxed{}`, and behind `####` nothing but the number on its line; blanks, emphasis
(`**`), a per cent sign and a full stop are not text. `lenient`: a marker with anything behind the number, else "the answer
is N" or "A: N", else the last number. In both the *last* statement counts, and one that names several answers (`72 or 73`)
is none, so printing many answers never wins. What a model only thinks (up to `</think>`) is no answer.

Comparing is a fast path of exact fractions; only what is no number (LaTeX from a `\\boxed{}`) goes to math-verify.
"""

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from core.numerals import DIGIT, FIND, INVISIBLE, MAX_DIGITS, NUMBER, SIGN, UNSURE, WORD, WORDS, number
from core.symbolic import same_expression

AnswerRule = Literal["strict", "lenient"]
How = Literal["marker", "boxed", "phrase", "last_number"]

MAX_BOXED = 200  # characters of an expression worth comparing
LINE = 400  # characters behind a marker or phrase in which its answer is looked for
WINDOWS = (64, 1000, 20_000)  # characters at the end in which the last number is looked for
TRIES = 8  # markers and phrases looked at, from the last one on

PERCENT = re.compile(r"[ *]?(?:\\?%|per ?cent\b)", re.IGNORECASE)
MARKER = re.compile(r"####|\\boxed\s*\{")
ONLY_A_NUMBER = re.compile(r" ?(-?\d{1,15})\s*\Z", re.ASCII)
STRICT = re.compile(rf"[ \t*_`]*+({NUMBER.strip()})(?:\ ?\\?%)?[ \t\r*_`$.]*(?=\n|\Z)", re.VERBOSE)
SHORTLY = re.compile(r"[^\w\n]{0,4}[^\W\d]{0,12}[^\w\n]{0,4}(?=\n|\Z)")
HEADING = re.compile(r"\W*(?:(?:step|part|case|method|option|question|section|phase)\b|\d{1,2}[.)]\s+[^\W\d])", re.IGNORECASE)
# What may follow "answer" where it states one: `:`, `is`, a heading's end; not "the answer is correct".
STATES = re.compile(
    r"""s?(?:[ \t]+(?:to|for)\b[^.\n:=\d]{0,60}?)?
    (?: [ \t*_`"')]{0,6}(?:[:=>]|(?:is|are|was|be|equals|comes[ ]to)\b) | [ \t*_`]*\n )
    (?!\W{0,4}(?:not|correct|right|wrong|incorrect|reasonable|consistent|clear|based|found|given|valid|confirmed|unknown)\b)""",
    re.VERBOSE | re.IGNORECASE,
)
# What may stand between a marker or phrase and its number without putting the number in doubt.
GAP = re.compile(
    r"""(?:[\s*_`:=>~\[({"'|\u2248#<]|\\[\[(]|\$\$|(?:the|final|answer|an?|about|approximately|approx|around|exactly|only|just|
    simply|therefore|thus|then|indeed|still|now|in\ fact|actually|probably|maybe|either|equals?|to|be|is|are|result)\b)*""",
    re.VERBOSE | re.IGNORECASE,
)
MINUS = re.compile(rf"[{SIGN}] (?=\S)|(?:negative|minus) ", re.IGNORECASE)
MINUS_BEFORE = re.compile(rf"(?:[=:(] ?([{SIGN}] )|\b(negative )|(?:[=:(]|\bis|\bbe) ?(minus ))\Z", re.IGNORECASE)
EQUALS = re.compile(r"[ %*_`$)\\]{0,4}=")
SUM = re.compile(r"[ %*_`$)\\]{0,4}(?:[A-Za-z]{2,15} )?(?:[-+*/x\u00d7\u00f7\u2212\u2013=]|times|cdot|div)[ $(\\]{0,3}\d")
MORE = re.compile(
    rf"[ %*_`$)\\]{{0,4}}(?:(?:[,;|/&]|[ ](?=[-$\d]))|(?:[ ]?[a-z]{{1,15}}[ ])?(?:or|and)\b)[ *_`$(\\]{{0,4}}(?:or |and )?"
    rf"[{SIGN}]?[$]?\d",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Answer:
    """A parsed answer: the text it was read from, where it stands, which rule found it.

    `value` is exact; None for an expression that is no plain number. `percent`: a per cent sign follows.
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


SEVERAL = Answer(None, "", 0, 0, "phrase")  # a statement that names more than one answer


def _answer(text: str, start: int, end: int, how: How) -> Answer | None:
    value = number(text[start:end])
    if value is None:
        return None
    percent = text[end : end + 1] in " \\%*" and PERCENT.match(text, end) is not None
    return Answer(value, text[start:end], start, end, how, percent)


WRAPPED = re.compile(r"\\(?:text(?:bf|rm|it)?|math(?:rm|bf)|mbox|bf)\s*\{([^{}]{0,60})\}")
UNWANTED = re.compile(r"\^\{?\\circ\}?|\\degree|\u00b0|\\left(?![a-z])|\\right(?![a-z])|\\!|\$\Z|\\[()\[\]]")
NAMED = re.compile(r"\s*\\?[A-Za-z][A-Za-z_{} ]{0,30}=(?P<value>[^=,;]*)")
WITH_UNIT = re.compile(r"(?P<value>[^A-Za-z]*[^A-Za-z\s])(?:\s*[A-Za-z]{2,}[A-Za-z ./]*|\s+[A-Za-z])")


def _boxed(text: str, start: int) -> Answer | None:
    """The content of a box whose brace opens just before `start`: a number, or an expression."""
    depth, end = 1, start
    for end in range(start, min(len(text), start + MAX_BOXED)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if depth == 0:
            break
    inner = text[start:end]
    if depth or not any(c.isalnum() for c in inner):
        return None
    value, percent = _content(inner)
    return Answer(value, inner, start, end, "boxed", percent)


@lru_cache(maxsize=4096)
def _content(inner: str) -> tuple[Fraction | None, bool]:
    """The value of what a box holds, None when it is no single number; and whether it is a per cent."""
    clean = WRAPPED.sub(lambda m: m[1] if any(c.isdigit() for c in m[1]) else " ", inner)
    # LaTeX's thin spaces and its bare comma separate thousands; as a plain space they would separate two numbers.
    clean = UNWANTED.sub("", clean).replace("{,}", ",").replace("\\,", "\u2009").replace("~", " ").strip().strip("$()")
    for pattern in (NAMED, WITH_UNIT):
        if found := pattern.fullmatch(clean):
            clean = found["value"].strip()
    value = number(re.sub(r"\s*/\s*", "/", clean))
    return value, value is not None and clean.endswith("%")


def _directly(text: str, start: int, stop: int, how: How) -> Answer | None:
    """The number or number word that begins behind `start`, with nothing but filler between."""
    gap = GAP.match(text, start, stop)
    lead = begin = gap.end() if gap else start
    if minus := MINUS.match(text, lead, stop):
        # `- 5` on a line of its own is an item of a list, not a negative number.
        begin, lead = (minus.end() if "\n" in text[start:lead] and minus.end() - lead == 2 else lead), minus.end()
    if found := FIND.match(text, lead, stop):
        cut = found.end() == stop < len(text) and text[stop] != "\n"
        return None if cut else _answer(text, begin, found.end(), how)
    if word := WORD.match(text, lead, stop):
        for said in (word.group(), re.split("[- ]", word.group())[0]):
            value = WORDS.get(said.lower().replace("-", " "))
            end = lead + len(said)
            if value is not None and not UNSURE.match(text, end):
                return Answer(-value if begin < lead else value, text[begin:end], begin, end, how)
    return None


def _stated(text: str, start: int, how: How) -> Answer | None:
    """As _directly, on one line; of a sum (`3 + 4 = 7`) its result; SEVERAL where more than one number is named."""
    gap = GAP.match(text, start, start + LINE)
    stop = _line_end(text, start, gap.end() if gap else start)
    answer = _directly(text, start, stop, how)
    if answer is None:
        return None
    if SUM.match(text, answer.end, stop):
        equals = text.rfind("=", answer.end, stop)
        result = _directly(text, equals + 1, stop, how) if equals >= 0 else None
        if result is not None and not SUM.match(text, result.end, stop):
            return result
        return answer if EQUALS.match(text, answer.end, stop) else SEVERAL  # `72 = 48 + 24`
    return SEVERAL if MORE.match(text, answer.end, stop) else answer


def _line_end(text: str, start: int, seen: int) -> int:
    """The end of the line that `seen` stands on; at most LINE characters behind `start`."""
    limit = min(len(text), start + LINE)
    newline = text.find("\n", seen, limit)
    return limit if newline < 0 else newline


def _last_number(text: str, start: int, stop: int, how: How) -> Answer | None:
    found = deque(FIND.finditer(text, start, stop), maxlen=1)
    if not found:
        return None
    begin, end = found[0].span()
    if minus := MINUS_BEFORE.search(text, max(start, begin - 12), begin):
        begin = minus.start(minus.lastindex or 0)
    return _answer(text, begin, end, how)


def _markers(text: str) -> Iterator[tuple[bool, int]]:
    """(is it a box, where it ends) of the last TRIES markers, from the last one on."""
    at = len(text)
    for _ in range(TRIES):
        at = max(text.rfind("####", 0, at), text.rfind("\\boxed", 0, at))
        if at < 0:
            return
        if found := MARKER.match(text, at):
            yield found.group() != "####", found.end()


def _phrases(text: str) -> Iterator[tuple[bool, int]]:
    """(is it `A:`, where it ends) of the last TRIES phrases that state an answer, from the last one on."""
    at = len(text)
    for _ in range(TRIES):
        at = max(text.rfind(word, 0, at) for word in ("answer", "Answer", "ANSWER", "A:"))
        if at < 0:
            return
        if text[at + 1] == ":":
            before = "\n" + text[:at] if at < 6 else text[at - 6 : at]
            if "\n" in before and not before[before.rfind("\n") :].strip("\n\t *>#"):
                yield True, at + 2
        elif text[at - 1 : at] != "/" and (found := STATES.match(text, at + len("answer"))):
            yield False, found.end()


def _strict(text: str) -> Answer | None:
    for box, end in _markers(text):
        if box:
            return _boxed(text, end)
        found = STRICT.match(text, end)
        return found and _answer(text, *found.span(1), "marker")
    return None


def _lenient(text: str) -> Answer | None:
    loose = -1  # a marker that words follow
    for box, end in _markers(text):
        if box:
            answer = _boxed(text, end)
        elif HEADING.match(text, end, end + LINE):  # `#### Step 2: ...`
            continue
        else:
            answer = _stated(text, end, "marker")
            loose = end if loose < 0 else loose
        if answer is not None:
            return answer
    for short, end in _phrases(text):
        answer = _stated(text, end, "phrase")
        if short and answer is not SEVERAL:  # behind `A:` may stand the whole reasoning
            answer = answer if answer and SHORTLY.match(text, answer.end) and "=" not in text[end : answer.start] else None
        elif answer is None:
            answer = _last_number(text, end, _line_end(text, end, end), "phrase")
        if answer is not None:
            return answer
    if loose >= 0 and (answer := _last_number(text, loose, _line_end(text, loose, loose), "marker")):
        return answer
    return _at_the_end(text)


def _at_the_end(text: str) -> Answer | None:
    tail = text[: -WINDOWS[-1] - 1 : -1]
    digit = DIGIT.search(tail)
    if digit is None:
        return None
    answer, last = None, len(text) - digit.start()
    for size in WINDOWS:
        start = max(0, last - size)
        answer = _last_number(text, start, len(text), "last_number")
        if start == 0 or (answer is not None and answer.start > start + MAX_DIGITS):
            break  # else the window may begin inside a longer numeral
    return answer


def extract(text: str, rule: AnswerRule = "strict") -> Answer | None:
    """The final answer of a completion, or None when it states none under `rule`."""
    at = text.rfind("####")
    if at >= 0 and (found := ONLY_A_NUMBER.match(text, at + 4)):  # the asked form, at the very end
        return Answer(number(found[1]), found[1], *found.span(1), "marker")
    if not text.isascii() and INVISIBLE.search(text):
        return _without_invisible(text, rule)
    thought = text.rfind("</think>") + len("</think>")
    if thought >= len("</think>") and not text[thought:].isspace() and thought < len(text):
        answer = extract(text[thought:], rule)
        return answer and replace(answer, start=answer.start + thought, end=answer.end + thought)
    answer = _strict(text) if rule == "strict" else _lenient(text)
    return None if answer is SEVERAL else answer


def _without_invisible(text: str, rule: AnswerRule) -> Answer | None:
    answer = extract(INVISIBLE.sub("", text), rule)
    if answer is None:
        return None
    # Where each one stood in the text without them: so many more characters stand before what comes later.
    removed = [found.start() - i for i, found in enumerate(INVISIBLE.finditer(text))]
    start = answer.start + bisect_right(removed, answer.start)
    end = answer.end + bisect_right(removed, answer.end - 1)
    return replace(answer, text=text[start:end], start=start, end=end)


@lru_cache(maxsize=16_384)
def _gold(text: str) -> tuple[Fraction | None, bool]:
    return number(text), text.rstrip().endswith("%")


def matches(answer: Answer | None, gold: str) -> bool:
    """The parsed answer is the gold answer: by value; `50%` also equals 0.5; expressions by math-verify."""
    if answer is None:
        return False
    value, percent = _gold(gold)
    if value is None or answer.value is None:
        return same_expression(answer.text, gold)
    if answer.value is value or answer.value == value:
        return True
    return answer.percent != percent and answer.value * (100 if percent else 1) == value * (100 if answer.percent else 1)
