"""Finds the statements of a text and judges them: see the package's docstring for the rule."""

import re
from dataclasses import dataclass, replace
from fractions import Fraction

from core.equations import sides
from core.equations.expression import Value
from core.equations.sides import Side
from core.equations.tokens import Token, tokens

MAX_TEXT = 20_000  # characters read; longer text cannot earn more
CENTS = frozenset({100})
THOUSANDS = frozenset({1000})
NOTED = re.compile(r"=[ $\\*\u20ac\u00a3]*\Z")
RELATIONS = frozenset({"rel", "approx"})
RELATION = re.compile(r"=|\u2248|\u2245|\\approx")


@dataclass(frozen=True, slots=True)
class Statement:
    """One `=` of a text: whether it holds (None: not judged), the value it states (None: not read), whether that is
    written as a per cent, where the sign stands, where the value ends, and whether something is computed before the sign
    (not in `x = 5`)."""

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
    """The judged ones of the statements."""
    pairs = ((s.true, s.value) for s in worked)
    return [Equation(true, value) for true, value in pairs if true is not None and value is not None]


def statements(text: str) -> list[Statement]:
    """Every statement of the text, judged or not, in order.

    An `=` between a single number and another computes nothing and is no statement (`7 = 7`, the second of `2+3 = 5 = 5`).
    """
    text = text[:MAX_TEXT]
    if not RELATION.search(text):
        return []
    parts = tokens(text, 0, len(text))
    notes = [part for part in parts if part.kind == "note"]
    if notes:
        parts = [part for part in parts if part.kind != "note"]
    found = [s for i, part in enumerate(parts) if part.kind in RELATIONS and (s := _statement(parts, i))]
    return _with_notes(text, found, notes) if notes else found


def _with_notes(text: str, outer: list[Statement], notes: list[Token]) -> list[Statement]:
    """The statements joined with GSM8K's calculator notes, `48/2 = <<48/2=24>>24`: a note and the `=` before it are one
    statement, which is judged where either is read and true where nothing that is read is false."""
    by_position = {statement.position: statement for statement in outer}
    for note in notes:
        inner = [s for s in statements(text[note.start + 2 : note.end - 2].lstrip("+ ")) if s.true is not None]
        if not inner:
            continue
        before = NOTED.search(text, max(0, note.start - 8), note.start)
        position = before.start() if before else note.start
        same = by_position.get(position)
        last = inner[-1]
        if same is None or same.true is None:
            by_position[position] = replace(last, position=position, end=note.end)
        elif not last.true:
            by_position[position] = replace(same, true=False)
    return [by_position[position] for position in sorted(by_position)]


def _statement(parts: list[Token], place: int) -> Statement | None:
    """The statement of the relation at `place`; None when it computes nothing."""
    right = sides.right(parts, place)
    left = sides.left(parts, place)
    position = parts[place].start
    end = right.end if right else parts[place].end
    value = right.value.number if right else None
    percent = right is not None and right.value.percent
    if left is None or right is None:
        return Statement(None, value, percent, position, end, sides.has_operator(parts, place))
    if not left.value.operators:
        return None
    return Statement(_verdict(left, right, parts[place].kind == "approx"), value, percent, position, end)


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
    """The sides are equal once a unit is converted: `45 + 15 = 1 hour`, `$1 / 2 = 50 cents`, `1.2 * 100% = 120`."""
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
    """Equal to the digits that are written, where a division stands on the left; exactly, where none does.

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
    """`written` is `value` rounded or cut off after its last digit, which counts `unit`."""
    gap = abs(value) - abs(written)
    return value * written >= 0 and (abs(gap) <= unit / 2 or 0 <= gap < unit)
