"""Decides from what stands beside an expression whether it ends there or may go on.

Each question has three answers. False: it ends there. True: it ends there in the usual reading, and not in
another one. None: it goes on, or nobody can tell.
"""

from core.grading.equations.runs import NUMBERS, is_plain, is_remark, is_share, run_back, skip
from core.grading.equations.tokens import FORMAT, INSIDE, Token
from core.grading.equations.words import (
    APPROXIMATE,
    BREAKS,
    CONVERSIONS,
    LABELS,
    OPERATORS,
    SCALING,
    TIGHT,
    WHOLES,
)

MAX_WORDS = 12  # of prose that are examined
SIGNS = frozenset({"-", "+", "*", "\u2013"})
FINE = frozenset({"rel", "approx", "compare", "stop", "mark", "line"})


def begins(parts: list[Token], first: int) -> bool | None:
    """Whether it is doubtful that an expression begins at `first`; None if it certainly goes on before."""
    head = parts[first]
    place = first - 1
    while place >= 0 and parts[place].kind in FORMAT | {"open"}:
        if parts[place].kind == "open" and place and _multiplies(parts[place - 1], parts[place]):
            return None
        place -= 1
    if place < 0:
        return False
    previous = parts[place]
    if head.text == "-" and not _may_be_negative(previous, head, parts[first + 1]):
        return None
    if previous.kind == "line":
        while place and parts[place].kind in FORMAT | {"line"}:
            place -= 1
        return None if parts[place].kind == "op" else head.text == "-"
    if previous.kind == "mark":
        return _goes_on_above(parts, place)
    if previous.kind in FINE:
        return False
    if previous.kind == "point":
        return _behind_point(parts, place, head)
    if previous.kind == "num":
        return None if _may_go_on(parts, first) else True
    if previous.kind == "text":
        attached = _is_number(parts, place - 1) or (place > 0 and parts[place - 1].kind == "op")
        function = head.text in "([" and previous.end == head.start
        return None if attached or function or not is_plain(previous.text) else False
    if previous.kind in ("word", "of") and previous.end < head.start:
        return _behind_words(parts, place)
    return None


def _goes_on_above(parts: list[Token], place: int) -> bool:
    """Whether the bullet at `place` may be a sign that continues the line above.

    For example `48`, and below it `+ 24 - 2 = 70`.
    """
    sign = parts[place].text.strip()[-1:]
    if sign not in SIGNS or place < 2 or not _is_number(parts, place - 2):
        return False
    first = run_back(parts, place - 2)
    if not first:
        return True
    while first and parts[first - 1].kind in FORMAT | {"rel", "approx"} | INSIDE:
        first -= 1
    previous = parts[first - 1] if first else None
    return previous is None or previous.kind in ("line", "stop")


def _multiplies(before: Token, bracket: Token) -> bool:
    return before.kind in ("frac", "sqrt", "op") or (
        before.kind in ("num", "close", "name") and before.end == bracket.start
    )


def _may_be_negative(before: Token, sign: Token, operand: Token) -> bool:
    if before.kind == "word":
        verb = before.text.lower() in {
            "is",
            "are",
            "was",
            "be",
            "equals",
            "so",
            "then",
            "get",
            "have",
            "compute",
            "calculate",
        }
        return verb and sign.end == operand.start
    return before.kind in FINE or before.text == ":"


def _is_number(parts: list[Token], place: int) -> bool:
    return 0 <= place < len(parts) and parts[place].kind in NUMBERS


def _may_go_on(parts: list[Token], place: int) -> bool:
    """Whether the numeral at `place` may be the tail of the one before it: `80 000`, `3 1 / 2`."""
    digits = parts[place].text
    return (len(digits) == 3 and digits.isdecimal()) or (
        place + 1 < len(parts) and parts[place + 1].text == "/"
    )


def _behind_point(parts: list[Token], place: int, head: Token) -> bool | None:
    mark = parts[place]
    if not place:
        return False
    previous = parts[place - 1]
    if previous.kind == "op":
        return None
    if not _is_number(parts, place - 1):
        return False
    tight = previous.end == mark.start
    if mark.text in ":!'" and (mark.text != ":" or not tight):
        return None
    if mark.text == "," and tight and len(head.text) == 3 and head.text.isdecimal():
        return None
    return mark.text == "."


def _behind_words(parts: list[Token], place: int) -> bool | None:
    """How the prose that ends at `place` affects the expression after it; answers as `begins` does."""
    word = parts[place].text.lower()
    if parts[place].kind == "of":
        if not place or parts[place - 1].text.lower() not in WHOLES:
            return None
    elif len(word) == 1 or word in OPERATORS or word in LABELS:
        return None
    if word == "and" and _is_number(parts, place - 1):
        first = run_back(parts, place - 1)
        if not first or parts[first - 1].kind not in ("rel", "approx"):
            return None
    return None if _reaches_operator(parts, place, -1) else False


def _reaches_operator(parts: list[Token], place: int, step: int) -> bool:
    """Whether an operator stands in the prose from `place` on, before anything that ends a thought."""
    for _ in range(MAX_WORDS):
        if not 0 <= place < len(parts):
            return False
        part = parts[place]
        if part.kind == "word":
            word = part.text.lower()
            if word in SCALING:
                return True
            if word in BREAKS and not (word == "and" and step > 0):
                return False
        elif part.kind == "of":
            if _is_number(parts, place - 1) and step < 0:
                return True
        elif part.kind == "op":
            if not _inside_a_word(parts, place):
                return True
        elif part.kind == "num":
            if step > 0:
                return _in_two_units(parts, place)
            previous_place = place - 1
            return (
                previous_place >= 0
                and parts[previous_place].kind == "op"
                and not _inside_a_word(parts, previous_place)
            )
        elif part.kind == "percent":
            return step < 0
        elif part.kind not in FORMAT | {"name", "money"}:
            return False
        place += step
    return False


def _in_two_units(parts: list[Token], place: int) -> bool:
    """Whether the numeral at `place` is the second of `2 hours and 30 minutes`, `5 feet 6 inches`."""
    first_unit = place - 2 if parts[place - 1].text == "and" else place - 1
    unit_places = [first_unit, place + 1]
    return all(0 <= i < len(parts) and parts[i].text.lower() in CONVERSIONS for i in unit_places)


def _inside_a_word(parts: list[Token], place: int) -> bool:
    """Whether a hyphen or slash without blanks stands at `place`: `miles/hour`, `8-hour`."""
    if parts[place].text not in "-/" or not 0 < place < len(parts) - 1:
        return False
    return parts[place - 1].end == parts[place].start and parts[place].end == parts[place + 1].start


def ends(parts: list[Token], last: int) -> bool | None:
    """Whether it is doubtful that an expression ends before `last`; None if it certainly goes on."""
    place = skip(parts, last, FORMAT | {"close"})
    if place == len(parts):
        return False
    following = parts[place]
    if place > last and following.kind in ("op", "raised", "percent", "frac", "sqrt"):
        return None
    tight = following.start == parts[place - 1].end
    if following.kind == "line":
        return _goes_on_below(parts, place)
    if following.kind in FINE:
        return False
    if following.kind == "point":
        return _before_point(parts, place, tight)
    if following.kind == "num":
        return None if _may_go_on(parts, place) or tight else True
    if following.kind == "of":
        return None if is_share(parts, place) or _divides_a_number(parts, place) else False
    if following.kind == "open":
        return _is_rounded(parts, place) if following.text in "([" and is_remark(parts, place) else None
    if following.kind == "text":
        return False if is_plain(following.text) else None
    if following.kind == "word":
        return _before_words(parts, place, tight)
    return None


def _divides_a_number(parts: list[Token], place: int) -> bool:
    """Whether a number follows the `of` at `place`, or the text breaks off before it says what.

    For example `= 24 of 30`, `= 24 of`.
    """
    place = skip(parts, place + 1, FORMAT)
    return place == len(parts) or _is_number(parts, place)


def _goes_on_below(parts: list[Token], place: int) -> bool | None:
    bullet = (
        place + 2 < len(parts) and parts[place + 1].kind == "mark" and parts[place + 1].text.strip() in SIGNS
    )
    if bullet and parts[place + 2].kind == "num":  # a number alone after it: `= 10`, and below it `- 3`
        return place + 3 == len(parts) or parts[place + 3].kind in ("line", "rel")
    place = skip(parts, place, FORMAT | {"line", "stop"})
    if place == len(parts) or parts[place].kind != "op":
        return False
    return True if parts[place].text == "-" else None


def _before_point(parts: list[Token], place: int, tight: bool) -> bool | None:
    mark = parts[place].text
    following = parts[place + 1] if place + 1 < len(parts) else None
    if mark in "'\"\u2019\u201d" and tight:
        return None if mark == "'" else True
    if mark == "!":
        return tight
    if (
        mark == "."
        and following is not None
        and following.kind == "name"
        and following.start == parts[place].end
    ):
        return None
    if following is None or following.kind != "num":
        return False
    if mark == ":" or (mark == "," and len(following.text) == 3 and following.start <= parts[place].end + 1):
        return None
    return mark == "."


def _before_words(parts: list[Token], place: int, tight: bool) -> bool | None:
    word = parts[place].text.lower()
    following = parts[place + 1] if place + 1 < len(parts) else None
    if tight:
        return False if word in TIGHT else None
    number_follows = following is not None and following.kind in ("num", "money", "open", "frac")
    if word == "times":
        return None if number_follows else False
    if len(word) == 1 and not (word in "ai" and following is not None and following.kind == "word"):
        return None
    if (word in OPERATORS and word not in ("per", "square")) or (word == "to" and number_follows):
        return None
    if word == "and" and number_follows and _is_fraction(parts, place + 1):
        return None
    if _reaches_operator(parts, place, 1):
        return None
    return _is_rounded(parts, place)


def _is_rounded(parts: list[Token], place: int) -> bool:
    """Whether the words after a value say that it is not exact: `= 4 (rounded up)`."""
    return any(
        part.text.lower() in APPROXIMATE for part in parts[place : place + MAX_WORDS] if part.kind == "word"
    )


def _is_fraction(parts: list[Token], place: int) -> bool:
    """Whether a fraction alone stands at `place`: the tail of `1 and 1/4`."""
    if parts[place].kind != "num" or place + 2 >= len(parts) or parts[place + 1].text != "/":
        return False
    kind = parts[place + 3].kind if place + 3 < len(parts) else ""
    return kind not in ("rel", "op")
