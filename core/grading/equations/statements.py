"""Finds the statements of a text and judges them by the rule in the package's docstring."""

import re
from dataclasses import dataclass, replace
from fractions import Fraction

from core.grading.equations import sides
from core.grading.equations.expression import Value
from core.grading.equations.sides import Side
from core.grading.equations.tokens import Token, tokens

MAX_TEXT = 20_000  # characters read; longer text cannot earn more
CENTS = frozenset({100})
THOUSANDS = frozenset({1000})
NOTED = re.compile(r"=[ $\\*\u20ac\u00a3]*\Z")
RELATIONS = frozenset({"rel", "approx"})
RELATION = re.compile(r"=|\u2248|\u2245|\\approx")


@dataclass(frozen=True, slots=True)
class Statement:
    """One `=` of a text.

    `true`: whether it holds; None if not judged. `value`: the value it states; None if not read. `percent`:
    the value is written as a per cent. `position`: where the sign stands. `end`: where the value ends.
    `computes`: something is computed before the sign (not in `x = 5`).
    """

    true: bool | None
    value: Fraction | None
    percent: bool
    position: int
    end: int
    computes: bool = True


@dataclass(frozen=True, slots=True)
class Equation:
    """One judged statement: whether it holds, and the value it states."""

    true: bool
    value: Fraction


def equations(text: str) -> list[Equation]:
    """The statements of the text that are judged, in order."""
    return judged(statements(text))


def judged(worked: list[Statement]) -> list[Equation]:
    """The judged statements, as equations."""
    pairs = ((s.true, s.value) for s in worked)
    return [Equation(true, value) for true, value in pairs if true is not None and value is not None]


def statements(text: str) -> list[Statement]:
    """Every statement of the text, judged or not, in order.

    An `=` between a single number and another computes nothing and is not a statement (`7 = 7`, the second of
    `2+3 = 5 = 5`).
    """
    text = text[:MAX_TEXT]
    if not RELATION.search(text):
        return []
    parts = tokens(text, 0, len(text))
    notes = [part for part in parts if part.kind == "note"]
    if notes:
        parts = [part for part in parts if part.kind != "note"]
    outer = [s for i, part in enumerate(parts) if part.kind in RELATIONS and (s := _statement(parts, i))]
    return _with_notes(text, outer, notes) if notes else outer


def _with_notes(text: str, outer: list[Statement], notes: list[Token]) -> list[Statement]:
    """The statements joined with GSM8K's calculator notes, `48/2 = <<48/2=24>>24`.

    A note and the `=` before it are one statement. It is judged if either is read, and true if nothing that
    is read is false.
    """
    by_position = {statement.position: statement for statement in outer}
    for note in notes:
        inner = [
            s for s in statements(text[note.start + 2 : note.end - 2].lstrip("+ ")) if s.true is not None
        ]
        if not inner:
            continue
        equals_sign = NOTED.search(text, max(0, note.start - 8), note.start)
        position = equals_sign.start() if equals_sign else note.start
        existing = by_position.get(position)
        last = inner[-1]
        if existing is None or existing.true is None:
            by_position[position] = replace(last, position=position, end=note.end)
        elif not last.true:
            by_position[position] = replace(existing, true=False)
    return [by_position[position] for position in sorted(by_position)]


def _statement(parts: list[Token], place: int) -> Statement | None:
    """The statement of the relation at `place`; None if it computes nothing."""
    right_side = sides.right(parts, place)
    left_side = sides.left(parts, place)
    position = parts[place].start
    end = right_side.end if right_side else parts[place].end
    value = right_side.value.number if right_side else None
    percent = right_side is not None and right_side.value.percent
    if left_side is None or right_side is None:
        return Statement(None, value, percent, position, end, sides.has_operator(parts, place))
    if not left_side.value.operators:
        return None
    return Statement(
        _verdict(left_side, right_side, parts[place].kind == "approx"), value, percent, position, end
    )


def _verdict(left: Side, right: Side, approximate: bool) -> bool | None:
    if right.value.number is None:
        return None
    if _equal(left.value, right.value, approximate):
        return True
    if approximate or left.doubtful or right.doubtful or left.value.number is None:
        return None if left.value.number is not None or left.doubtful else False
    if left.negative is not None and _equal(left.negative, right.value, approximate):
        return None
    if left.value.grouped and right.value.grouped:
        return None
    return None if _other_unit(left, right) else False


def _other_unit(left: Side, right: Side) -> bool:
    """Whether the sides are equal once a unit is converted.

    For example `45 + 15 = 1 hour`, `$1 / 2 = 50 cents`, `1.2 * 100% = 120`.
    """
    if left.value.units and right.value.units and left.value.units != right.value.units:
        return True
    a = left.value.number
    b = right.value.number
    if not a or not b:
        return False
    ratio = max(a / b, b / a)
    factors = left.factors | right.factors
    if left.value.money != right.value.money:
        factors |= CENTS | THOUSANDS
    if left.value.percents and left.value.scaled:
        factors |= CENTS
    return ratio.denominator == 1 and int(ratio) in factors


def _equal(left: Value, right: Value, approximate: bool) -> bool:
    """Whether the sides are equal: to the written digits if the left one divides, else exactly.

    `100 - 20 = 80%` and `20% * 50 = 10` are both usual: a stated per cent also means its number.
    """
    if left.number is None or right.number is None:
        return False
    rounds = (left.divided or approximate) and not right.divided
    for scale in (1, 100) if right.percent else (1,):
        stated = right.number * scale
        if left.number == stated:
            return True
        if rounds and _rounds_to(left.number, stated, Fraction(scale, 10**right.decimals)):
            return True
    return False


def _rounds_to(value: Fraction, written: Fraction, unit: Fraction) -> bool:
    """Whether `written` is `value` rounded or cut off after its last digit, which counts `unit`."""
    gap = abs(value) - abs(written)
    return value * written >= 0 and (abs(gap) <= unit / 2 or 0 <= gap < unit)
