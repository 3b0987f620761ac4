"""Finds `expression = number` in worked text and says whether it is true. Called by the reasoning and consistency
components. Exact fractions; every pattern is linear in the text's length, and nothing here raises on text.

An expression is numbers, + - * / x and brackets with the usual precedence. In `a = b = c` each `=` is judged by what
stands directly beside it.
"""

import re
from dataclasses import dataclass, replace
from fractions import Fraction

from core.numerals import number

MAX_TEXT = 20_000  # characters read; longer text cannot earn more
MAX_TOKENS = 40  # of one side
# A numeral that is longer than can be read is no numeral: its tail must not be read for it.
NUM = (
    r"(?<![\d.,])\d{1,6} \d{1,3}/\d{1,3}(?![\d/])|\$?(?<!\d)(?<!\d[.,])\d{1,15}(?:,\d{3}){0,4}(?:\.\d{1,10})?(?!\d)%?"
    r"|(?<!\d)\$?\.\d{1,10}(?!\d)%?"
)
MINUS = {"-", "\u2212", "\u2013"}
TIMES = {"*", "x", "\u00d7"}
TOKEN = re.compile(
    rf"(?P<num>{NUM})|(?P<op>[-+*/\u00d7\u00f7\u2212\u2013]|x(?=[ \t]*[\d$.(]))|(?P<bracket>[()])|(?P<is>=)|(?P<space>[ \t]+)"
    r"|(?P<other>.|\n)"
)


@dataclass(frozen=True, slots=True)
class Equation:
    """One statement: whether it holds, and the value it states."""

    true: bool
    value: Fraction


def equations(text: str) -> list[Equation]:
    """Every `expression = number` of the text, in order; either side may be an expression, the left has an operator.

    Where a unit or a variable stands in the expression (`18 kg * 1/6`), nothing can be judged, so nothing is reported.
    """
    text = text[:MAX_TEXT]
    if "=" not in text:
        return []
    tokens = [m for m in TOKEN.finditer(text) if m.lastgroup != "space"]
    found = (_equation(tokens, at, text) for at, token in enumerate(tokens) if token.lastgroup == "is")
    return [e for e in found if e is not None]


def _equation(tokens: list[re.Match[str]], at: int, text: str) -> Equation | None:
    left = _run(tokens, range(at - 1, max(-1, at - 1 - MAX_TOKENS), -1))[::-1]
    right = _run(tokens, range(at + 1, min(len(tokens), at + 1 + MAX_TOKENS)))
    if not left or not right or _hangs_on(text, left[0].start()):
        return None
    expression, stated = _longest_tail([m.group() for m in left]), _longest_head([m.group() for m in right])
    if expression is None or stated is None or stated.value is None:
        return None
    return Equation(_equal(expression, stated), stated.value)


def _run(tokens: list[re.Match[str]], places: range) -> list[re.Match[str]]:
    """The tokens at these places up to the first that cannot stand in an expression."""
    run: list[re.Match[str]] = []
    for place in places:
        if tokens[place].lastgroup not in ("num", "op", "bracket"):
            break
        run.append(tokens[place])
    return run


def _hangs_on(text: str, start: int) -> bool:
    """What begins here belongs to what stands before it without a blank: `x^2`, `Q1`, `12:30`, half a long numeral."""
    before = text[start - 1] if start else " "
    return before.isalnum() or before in "^_" or (before in ":.," and start > 1 and text[start - 2].isdigit())


def _longest_tail(tokens: list[str]) -> "_Result | None":
    """`there are 3 2+2` ends in 2+2; `kg * 1/6` and `kg - 2*3` in nothing: an operator before it belongs to what is
    unknown; and so does `2(3+4)`, where the bracket alone is only a factor."""
    for first, token in enumerate(tokens):
        before = tokens[first - 1] if first else "("
        if token in MINUS or (before != "(" and (token == "(" or not (before == ")" or before[-1].isdigit()))):
            continue
        result = _Parser(tokens[first:]).whole()
        if result is not None and result.operators:
            return result
    return None


def _longest_head(tokens: list[str]) -> "_Result | None":
    for last in range(len(tokens), 0, -1):
        result = _Parser(tokens[:last]).whole()
        if result is not None:
            return result
    return None


def _value(text: str) -> Fraction | None:
    whole, blank, part = text.partition(" ")
    if blank:  # a mixed number, 1 1/2
        a, b = number(whole), number(part)
        return a + b if a is not None and b is not None else None
    found = number(text)
    return found / 100 if found is not None and text.endswith("%") else found


def _equal(result: "_Result", stated: "_Result") -> bool:
    """To the digits that are written, where a division stands in the expression; exactly, where none does.

    `100 - 20 = 80%` and `20% * 50 = 10` are both usual: a stated per cent also means its number.
    """
    if result.value is None or stated.value is None:
        return False
    for scale in (1, 100) if stated.percent else (1,):
        wanted = stated.value * scale
        if result.value == wanted:
            return True
        if result.divided and not stated.divided and _rounds_to(result.value, wanted, Fraction(scale, 10**stated.decimals)):
            return True
    return False


def _rounds_to(value: Fraction, written: Fraction, unit: Fraction) -> bool:
    """`written` is `value` rounded or cut off after its last digit, which counts `unit`."""
    gap = abs(value) - abs(written)
    same_side = value * written >= 0
    return same_side and (abs(gap) <= unit / 2 or 0 <= gap < unit)


@dataclass(slots=True)
class _Result:
    """`value` None: a division by zero. `divided`: the value may not be a finite decimal. Of a single number: how many
    decimals are written, and whether it is a per cent."""

    value: Fraction | None
    divided: bool = False
    operators: int = 0
    decimals: int = 0
    percent: bool = False


class _Parser:
    """sum := product (± product)*; product := factor (× or / factor)*; factor := [-] number | ( sum )."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.at = tokens, 0

    def whole(self) -> _Result | None:
        """The value of all tokens; None when they are no expression."""
        result = self._sum()
        return result if result is not None and self.at == len(self.tokens) else None

    def _next(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def _sum(self) -> _Result | None:
        left = self._product()
        while left is not None and self._next() in {"+"} | MINUS:
            minus = self._next() in MINUS
            self.at += 1
            left = _join(left, self._product(), "-" if minus else "+")
        return left

    def _product(self) -> _Result | None:
        left = self._factor()
        while left is not None and self._next() in TIMES | {"/", "\u00f7"}:
            op = "*" if self._next() in TIMES else "/"
            self.at += 1
            left = _join(left, self._factor(), op)
        return left

    def _factor(self) -> _Result | None:
        token = self._next()
        self.at += 1
        if token in MINUS:
            inner = self._factor()
            return inner and replace(inner, value=None if inner.value is None else -inner.value)
        if token == "(":
            inner = self._sum()
            self.at += 1
            return inner if self.at <= len(self.tokens) and self.tokens[self.at - 1] == ")" else None
        value = _value(token) if token else None
        if value is None:
            return None
        percent = token.endswith("%")
        return _Result(value, decimals=len(token.rstrip("%").partition(".")[2]) + 2 * percent, percent=percent)


def _join(left: _Result, right: _Result | None, op: str) -> _Result | None:
    if right is None:
        return None
    a, b = left.value, right.value
    value: Fraction | None = None
    if a is not None and b is not None and not (op == "/" and b == 0):
        value = a + b if op == "+" else a - b if op == "-" else a * b if op == "*" else a / b
    return _Result(value, left.divided or right.divided or op == "/", left.operators + right.operators + 1)
