"""Reads the two sides of an `=` in a list of tokens, and whether each was read whole.

Whole means from delimiter to delimiter. A side is None if something beside it may belong to it: an operator,
a command, a variable, a word such as `times`, a number that may be the front of its first numeral. It is
`doubtful` if usage has another reading.
"""

from dataclasses import dataclass

from core.grading.equations.context import begins, ends
from core.grading.equations.expression import Value, expression
from core.grading.equations.runs import MAX_TOKENS, run_back, run_on, skip
from core.grading.equations.tokens import FORMAT, Token
from core.grading.equations.words import CONVERSIONS


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a relation, read whole.

    `factors`: by what it may differ in another unit. `negative`: its value if the bullet before it is a minus
    sign. `end`: where it ends in the text.
    """

    value: Value
    doubtful: bool
    factors: frozenset[int]
    negative: Value | None = None
    end: int = 0


def left(parts: list[Token], place: int) -> Side | None:
    """The side before the relation at `place`; on the line above if the relation begins its line."""
    last = _before(parts, place)
    first = run_back(parts, last)
    if first is None or first > last:
        return None
    run = parts[first : last + 1]
    value = expression(run)
    doubtful = begins(parts, first)
    if value is None or doubtful is None:
        return None
    bullet = (
        first > 0
        and parts[first - 1].kind == "mark"
        and parts[first - 1].text.strip()[-1:] in ("-", "\u2013")
    )
    negative = expression([Token("op", "-", 0, 0), *run]) if bullet else None
    return Side(value, doubtful or value.doubtful or _is_range(run), _factors(value.units), negative)


def right(parts: list[Token], place: int) -> Side | None:
    """The side after the relation at `place`, on its line."""
    first = skip(parts, place + 1, FORMAT)
    run, last = run_on(parts, first)
    value = expression(run) if run else None
    doubtful = ends(parts, last)
    if value is None or doubtful is None:
        return None
    units = (
        {part.text for part in parts[first:last] if part.kind == "word"}
        | _words_behind(parts, last)
        | value.units
    )
    return Side(value, doubtful or value.doubtful, _factors(frozenset(units)), end=parts[last - 1].end)


def has_operator(parts: list[Token], place: int) -> bool:
    """Whether something is computed before the relation at `place`, read or not."""
    last = _before(parts, place)
    for part in reversed(parts[max(0, last + 1 - MAX_TOKENS) : last + 1]):
        if part.kind in ("op", "frac", "sqrt", "raised"):
            return True
        if part.kind in ("line", "rel", "approx", "stop", "mark"):
            break
    return False


def _before(parts: list[Token], place: int) -> int:
    """The last token before `place` that is not formatting, on its line or one above; -1 if none is."""
    last = place - 1
    while last >= 0 and parts[last].kind in FORMAT | {"line", "stop", "mark"}:
        last -= 1
    return last


def _is_range(run: list[Token]) -> bool:
    """Whether the run is like `3-5`, which may mean from three to five."""
    if len(run) != 3 or run[1].text != "-" or run[0].end != run[1].start or run[1].end != run[2].start:
        return False
    return run[0].text.isdecimal() and run[2].text.isdecimal() and int(run[0].text) < int(run[2].text)


def _factors(units: frozenset[str]) -> frozenset[int]:
    if not units:
        return frozenset()
    words = [word for unit in units for word in unit.lower().split()]
    return frozenset[int]().union(
        *(CONVERSIONS[w] if w in CONVERSIONS else CONVERSIONS.get(w + "s", ()) for w in words)
    )


def _words_behind(parts: list[Token], last: int) -> set[str]:
    return {part.text for part in parts[last : last + 4] if part.kind in ("word", "text")}
