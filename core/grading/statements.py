"""Finds where a completion states its answer; the only module that knows the forms of a statement.

Two rules. `strict`: the last `####` or `\\boxed{}`, and after `####` nothing but the number on its line;
blanks, emphasis (`**`), a per cent sign and a full stop do not count as text. `lenient`: a marker with
anything after the number, else "the answer is N" or "A: N", else the last number. In both, the *last*
statement counts. One that names several answers (`72 or 73`), breaks off, or cannot be read whole states
nothing, so printing many answers never wins, and a part of a number is never read for it.

Works on the text that core.grading.replies.reply returns. Time is linear in its length.
"""

import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from core.grading.latex import plain
from core.grading.number_search import (
    LINE,
    UNREADABLE,
    Answer,
    as_answer,
    last_number,
    line_end,
    stated_number,
)
from core.grading.numerals import DIGIT, INVISIBLE, MAX_DIGITS, NUMBER, number
from core.grading.readings import MAX_READ, closing_brace, read
from core.grading.replies import reply

AnswerRule = Literal["strict", "lenient"]


WINDOWS = (64, 1000, 20_000)  # characters at the end that are searched for the last number
BEHIND = 80  # characters after the last digit that can say what it belongs to
TRIES = 8  # markers and phrases examined, from the last one back

MARKER = re.compile(r"####|\\boxed\s*\{")
# A box after `####` is one statement with it; an empty box states nothing.
STATED = re.compile(r"####[ \t*_`$]{0,8}(?:\\[\[(])?\s{0,2}\\boxed\s*\{|####|\\boxed\s*\{(?!\s*\})")
HASHES_BEFORE = re.compile(r"####[ \t*_`$]{0,8}(?:\\[\[(])?\s{0,2}\Z")
OPENERS = re.compile(r"(?:\\[\[(]|\$\$?|[*_`]{1,3})[ \t\n]{0,3}\Z")
CLOSERS = re.compile(r"[ \t\r]*(?:[*_`.!\u3002]|\$|\s{0,3}(?:\$\$|\\[\])])|[ \t])*")
ONLY_A_NUMBER = re.compile(r" ?(-?(?:\d{1,15}|\d{1,3}(?:,\d{3}){1,4})(?:\.\d{1,15})?)\s*\Z", re.ASCII)
STRICT = re.compile(
    rf"(?:[ \t*_`]|\\[\[(]|\$(?=[\s$]))*+({NUMBER.strip()})"
    rf"(?:\ {{0,3}}\\?[%\uff05])?(?:[ \t\r*_`$.\u3002]|\\[\])])*(?=\n|\Z)",
    re.VERBOSE,
)
SHORTLY = re.compile(r"[^\w\n]{0,4}[^\W\d]{0,12}[^\w\n]{0,4}(?=\n|\Z)")
HEADING = re.compile(
    r"\W*(?:(?:step|part|case|method|option|question|section|phase)\b|\d{1,2}[.)]\s+[^\W\d])", re.IGNORECASE
)
# What may follow "answer" where it states one: `:`, `is`, a heading's end; not "the answer is correct".
STATES = re.compile(
    r"""s?(?:[ \t]+(?:to|for)\b[^.\n:=\d]{0,60}?)?
    (?: [ \t*_`"'})]{0,6}(?:[:=>\uff1a]|(?:is|are|was|be|equals|comes[ ]to)\b) | [ \t*_`}]*\n )
    (?!\W{0,4}(?:not|correct|right|wrong|incorrect|reasonable|consistent|"""
    r"""clear|based|found|given|valid|confirmed|unknown)\b)""",
    re.VERBOSE | re.IGNORECASE,
)
FOREIGN = re.compile(  # "answer" in Chinese, Japanese, Korean and Russian, with what states one
    r"(?:\u7b54\u6848|\u7b54\u3048|\uc815\ub2f5|\ub2f5\ubcc0?"
    r"|\u041e\u0442\u0432\u0435\u0442|\u043e\u0442\u0432\u0435\u0442)"
    r"[ *_]{0,4}(?:[:=\uff1a\u2014\u2013-]|\u662f|\u4e3a|\u70ba|\u306f|\uc740|\ub294)[:\uff1a]?"
)


@dataclass(frozen=True, slots=True)
class Statement:
    """An answer with its span in the completion, markers and emphasis included.

    `hashes`, `boxed`: the form that states it. `alone`: nothing else is stated, and nothing is said after it.
    """

    answer: Answer
    start: int
    end: int
    hashes: bool
    boxed: bool
    alone: bool


Place = tuple[Answer, int, int]  # an answer, where its marker begins, where its statement ends


def _boxed(text: str, start: int) -> Answer | None:
    """The content of a box whose brace opens just before `start`; None if it is empty.

    UNREADABLE if it breaks off or is too long.
    """
    end = closing_brace(text, start, start + MAX_READ)
    if end < 0:
        return UNREADABLE  # it breaks off, or is too long
    inner = text[start:end]
    if not any(c.isalnum() for c in inner):
        return UNREADABLE if inner.strip(" .?_\n") else None
    reading = read(inner)
    return Answer(reading.value, inner, start, end, "boxed", reading.percent)


def _markers(text: str) -> Iterator[tuple[bool, int, int]]:
    """Yields (is a box, start, end) of the last TRIES markers, from the last one back."""
    place = len(text)
    for _ in range(TRIES):
        place = max(text.rfind("####", 0, place), text.rfind("\\boxed", 0, place))
        if place < 0:
            return
        if marker := MARKER.match(text, place):
            yield marker.group() != "####", place, marker.end()


def _phrases(text: str) -> Iterator[tuple[bool, int]]:
    """Yields (is `A:`, end) of the last TRIES phrases that state an answer, from the last one back."""
    foreign = [] if text.isascii() else [m.end() for m in deque(FOREIGN.finditer(text), maxlen=TRIES)]
    place = len(text)
    for _ in range(TRIES):
        word = max(
            text.rfind("answer", 0, place), text.rfind("Answer", 0, place), text.rfind("ANSWER", 0, place)
        )
        place = max(word, text.rfind("A:", 0, place))
        while foreign and foreign[-1] > place:
            yield False, foreign.pop()
        if place < 0:
            return
        if text[place + 1] == ":":
            preceding = "\n" + text[:place] if place < 6 else text[place - 6 : place]
            if "\n" in preceding and not preceding[preceding.rfind("\n") :].strip("\n\t *>#"):
                yield True, place + 2
        elif text[place - 1 : place] != "/" and (states := STATES.match(text, place + len("answer"))):
            yield False, states.end()


def _spanned(text: str, answer: Answer, start: int, end: int) -> Statement:
    """The statement of a marker at `start` whose answer ends at `end` in a reply.

    The statement includes what opens and closes around both.
    """
    boxed = answer.how == "boxed"
    hashes = HASHES_BEFORE.search(text, max(0, start - 20), start) if boxed else None
    begin = hashes.start() if hashes else start
    while opener := OPENERS.search(text, max(0, begin - 6), begin):
        begin = opener.start()
    closers = CLOSERS.match(text, end + boxed)
    finish = closers.end() if closers else end
    alone = _count_statements(text) == 1 and not text[finish:].strip()
    return Statement(answer, begin, finish, answer.how == "marker" or hashes is not None, boxed, alone)


def _strict(text: str) -> Place | None:
    for box, start, end in _markers(text):
        if box:
            answer = _boxed(text, end)
            if answer is None:
                continue  # `\boxed{}` is mentioned, and states nothing
            return None if answer is UNREADABLE else (answer, start, answer.end)
        line = plain(text[end : end + LINE])
        form = STRICT.match(line)
        if form is None or (form.end() == LINE and end + LINE < len(text)):
            return None
        stated = as_answer(text, end, line, *form.span(1), "marker")
        return None if stated is None or stated is UNREADABLE else (stated, start, end + form.end())
    return None


def _lenient(text: str) -> Place | None:
    loose = -1  # the end of a marker that words follow
    for box, start, end in _markers(text):
        if box:
            answer = _boxed(text, end)
        elif HEADING.match(text, end, end + LINE):  # `#### Step 2: ...`
            continue
        else:
            answer = stated_number(text, end, "marker")
            loose = end if loose < 0 else loose
        if answer is UNREADABLE:
            return None
        if answer is not None:
            return answer, start, answer.end
    answer = _in_words(text, loose)
    return None if answer is None or answer is UNREADABLE else (answer, answer.start, answer.end)


def _in_words(text: str, loose: int) -> Answer | None:
    for short, end in _phrases(text):
        answer = stated_number(text, end, "phrase")
        if short and answer is not UNREADABLE:  # the whole reasoning may follow `A:`
            answer = (
                answer
                if answer and SHORTLY.match(text, answer.end) and "=" not in text[end : answer.start]
                else None
            )
        elif answer is None:
            answer = last_number(text, end, _limit(text, end), "phrase")
        if answer is not None:
            return answer
    if loose >= 0 and (answer := last_number(text, loose, _limit(text, loose), "marker")):
        return answer
    return _at_the_end(text)


def _limit(text: str, start: int) -> int:
    return start + line_end(text[start : start + LINE], 0)


def _at_the_end(text: str) -> Answer | None:
    tail = text[: -WINDOWS[-1] - 1 : -1]
    digit = DIGIT.search(tail)
    if digit is None:
        return None
    answer = None
    last = len(text) - digit.start()
    for size in WINDOWS:
        start = max(0, last - size)
        answer = last_number(text, start, last + BEHIND, "last_number")
        if start == 0 or (answer not in (None, UNREADABLE) and answer.start > start + MAX_DIGITS):
            break  # else the window may begin inside a longer numeral
    return answer


def locate(text: str, rule: AnswerRule = "strict", begun: str = "") -> Place | None:
    """The answer of a completion under `rule`, where its marker begins, and where its statement ends.

    `begun`: see core.grading.replies.opened.
    """
    return _located(text, reply(text, begun), rule)


def _located(text: str, said: str, rule: AnswerRule) -> Place | None:
    place = said.rfind("####")
    if place >= 0 and (form := ONLY_A_NUMBER.match(said, place + 4)):  # the requested form, at the very end
        return Answer(number(form[1]), form[1], *form.span(1), "marker"), place, form.end(1)
    if not said.isascii() and INVISIBLE.search(said):
        return _without_invisible(text, said, rule)
    return _strict(said) if rule == "strict" else _lenient(said)


def statement(text: str, rule: AnswerRule = "strict", begun: str = "") -> Statement | None:
    """The statement of a completion's answer under `rule`, with all that belongs to it; None without one."""
    reply_text = reply(text, begun)
    located = _located(text, reply_text, rule)
    return _spanned(reply_text, *located) if located else None


def _count_statements(said: str) -> int:
    """The number of markers in a reply. A box after `####` counts with it, an empty box does not."""
    return sum(1 for _ in STATED.finditer(said))


def _without_invisible(text: str, said: str, rule: AnswerRule) -> Place | None:
    visible = INVISIBLE.sub("", said)
    located = _strict(visible) if rule == "strict" else _lenient(visible)
    if located is None:
        return None
    # Where each invisible character stood in the text without them. Every later place moves by one for each.
    removed = [mark.start() - i for i, mark in enumerate(INVISIBLE.finditer(said))]
    answer, begin, finish = located
    start = answer.start + bisect_right(removed, answer.start)
    end = answer.end + bisect_right(removed, answer.end - 1)
    moved = answer._replace(text=text[start:end], start=start, end=end)
    return moved, begin + bisect_right(removed, begin), finish + bisect_right(removed, finish - 1)
