r"""Evaluates arithmetic expressions in exact fractions: a parser over core.grading.equations.tokens.

    sum     := product (+|- product)*
    product := factor (*|/ factor | group)*
    factor  := - factor | base (^ exponent)? % unit?
    base    := number | ( sum ) | \frac{sum}{sum} | \sqrt{sum}

A group beside a factor multiplies: 3(4+1), \frac{1}{2}(3+5). An expression has a value only if every token
was read. If usage has two readings (`6/2(1+2)`, `5 / 1/3`), the value is the textbook one and `doubtful` is
set.
"""

import math
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

from core.grading.equations.tokens import Token
from core.grading.equations.words import OPERATORS
from core.grading.numerals import RAISED, number

MAX_POWER_BITS = 256
PAIRS = {"(": ")", "[": "]", "{": "}"}
SEPARATORS = re.compile(r",\\!|\{,\}|\\,|[\u00a0\u2009\u202f]")
DIGITS = str.maketrans(RAISED, "0123456789")
GROUPED = re.compile(r"[1-9]\d{0,2}\.\d{3}")
UNIT = re.compile(r"[\W_]*(?:[^\W\d_]+[\W_]*){1,4}")


@dataclass(frozen=True, slots=True)
class Value:
    """The value of an expression and how it is written.

    `number` is None after a division by zero. `divided`: it may not be a finite decimal. `decimals` and
    `percent` describe a single numeral. `units`: the units it names. `money`: it contains a currency sign.
    `percents`: it contains a per cent sign. `scaled`: something is multiplied or divided. `grouped`: it
    contains a numeral such as `1.500`, which is fifteen hundred in some languages. `doubtful`: readers may
    differ about the value.
    """

    number: Fraction | None
    divided: bool = False
    operators: int = 0
    decimals: int = 0
    percent: bool = False
    percents: bool = False
    money: bool = False
    scaled: bool = False
    grouped: bool = False
    doubtful: bool = False
    units: frozenset[str] = frozenset()


def expression(tokens: list[Token]) -> Value | None:
    """The value of all the tokens; None if they are not one whole expression."""
    if len(tokens) == 1 and tokens[0].kind == "num":
        return _single(tokens[0].text)
    parser = _Parser(tokens)
    value = parser.sum()
    return value if value is not None and parser.position == len(tokens) else None


def numeral(text: str) -> Fraction | None:
    """The value of a `num` token: `1,000`, `1{,}000`, `.5`, `1 1/2`."""
    integer_text, blank, fraction_text = text.partition(" ")
    if blank and "/" in fraction_text:
        integer = number(integer_text)
        fraction = number(fraction_text)
        return integer + fraction if integer is not None and fraction is not None else None
    if text[0] == "0" and text[1:2].isdecimal():  # a time of day, a number of a house: 0730, 007
        return None
    return number(text if text.isdecimal() else SEPARATORS.sub(",", text))


@lru_cache(maxsize=16_384)  # the completions of a group mostly state the same few numbers
def _single(text: str) -> Value | None:
    amount = numeral(text)
    if amount is None:
        return None
    mixed = "/" in text
    return Value(
        amount, mixed, int(mixed), len(text.partition(".")[2]), grouped=GROUPED.fullmatch(text) is not None
    )


class _Parser:
    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0

    def _next(self) -> Token | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def _operator(self, symbols: str) -> Token | None:
        token = self._next()
        if token is None or token.kind not in ("op", "of"):
            return None
        return token if ("*" if token.kind == "of" else token.text) in symbols else None

    def sum(self) -> Value | None:
        total = self._product()
        while total is not None and (token := self._operator("+-")):
            self.position += 1
            total = _joined(total, self._product(), token.text)
        return total

    def _product(self) -> Value | None:
        product = self._factor()
        slashes: list[Token] = []
        while product is not None:
            token = self._next()
            if self._operator("*/"):
                assert token is not None
                self.position += 1
                symbol = "*" if token.kind == "of" else token.text
                product = _joined(product, self._factor(), symbol)
                if symbol == "/":
                    slashes.append(token)
                    if product is not None and len(slashes) > 1:
                        product = replace(product, doubtful=True)
                else:
                    slashes.clear()
            elif token is not None and self._multiplies(token):
                spaced = token.start > self.tokens[self.position - 1].end and token.text in "(["
                product = _joined(product, self._factor(), "*")
                product = product and replace(product, doubtful=product.doubtful or spaced or bool(slashes))
            else:
                break
        return product

    def _multiplies(self, token: Token) -> bool:
        """Whether the token begins a factor that needs no sign before it."""
        previous = self.tokens[self.position - 1]
        if token.kind == "num":
            return previous.kind == "close" and previous.text in ")]" and token.start == previous.end
        return token.kind in ("frac", "sqrt") or (token.kind == "open" and token.text in "([")

    def _factor(self) -> Value | None:
        if self._operator("-"):
            self.position += 1
            value = self._factor()
            return value and replace(value, number=None if value.number is None else -value.number)
        value = self._base()
        if value is None or self.position >= len(self.tokens):
            return value
        value = self._power(value)
        while value is not None and (token := self._next()) and token.kind in ("percent", "text", "degree"):
            self.position += 1
            value = _suffixed(value, token)
        return value

    def _base(self) -> Value | None:
        token = self._next()
        self.position += 1
        if token is None:
            return None
        if token.kind == "money":
            value = self._base()
            return value and replace(value, money=True)
        if token.kind == "num":
            return self._number(token)
        if token.kind == "open":
            return self._group(token)
        if token.kind == "frac":
            return self._fraction(token)
        if token.kind == "sqrt":
            return _root(self._base())
        return None

    def _number(self, token: Token) -> Value | None:
        value = _single(token.text)
        if value is None:
            return None
        following = self._next()
        if following is not None and following.kind == "frac" and token.text.isdecimal():
            self.position += 1
            return _mixed(value, self._fraction(following))
        return value

    def _group(self, opening: Token) -> Value | None:
        value = self.sum()
        closing = self._next()
        self.position += 1
        return value if closing is not None and closing.text == PAIRS[opening.text[-1]] else None

    def _fraction(self, token: Token) -> Value | None:
        digits = re.findall(r"\d", token.text)
        if digits:
            top, bottom = (Value(Fraction(int(digit))) for digit in digits)
            return _joined(top, bottom, "/")
        parts = [self._braced(), self._braced()]
        return _joined(parts[0], parts[1], "/") if parts[0] is not None else None

    def _braced(self) -> Value | None:
        token = self._next()
        if token is None or token.text != "{":
            return None
        self.position += 1
        return self._group(token)

    def _power(self, base: Value | None) -> Value | None:
        token = self._next()
        if base is None or token is None:
            return base
        if token.kind == "raised":
            self.position += 1
            return _raised(base, Value(Fraction(int(token.text.translate(DIGITS)))))
        if token.kind != "op" or token.text != "^":
            return base
        self.position += 1
        if self._operator("-"):
            return None
        exponent = self._next()
        value = _raised(base, self._base())
        # TeX raises only the first digit of `2^10`.
        several = exponent is not None and exponent.kind == "num" and len(exponent.text) > 1
        return value and replace(value, doubtful=value.doubtful or several)


def _joined(left: Value, right: Value | None, symbol: str) -> Value | None:
    if right is None:
        return None
    a = left.number
    b = right.number
    amount: Fraction | None = None
    if a is not None and b is not None and not (symbol == "/" and b == 0):
        amount = a + b if symbol == "+" else a - b if symbol == "-" else a * b if symbol == "*" else a / b
    # `100 + 20%` may mean 20 % of the 100.
    mixed_units = symbol in "+-" and (left.units != right.units or left.percents != right.percents)
    return Value(
        amount,
        left.divided or right.divided or symbol == "/",
        left.operators + right.operators + 1,
        percents=left.percents or right.percents,
        money=left.money or right.money,
        scaled=left.scaled or right.scaled or symbol in "*/",
        grouped=left.grouped or right.grouped,
        doubtful=left.doubtful
        or right.doubtful
        or mixed_units
        or (symbol in "*/" and bool(left.units and right.units)),
        units=left.units | right.units,
    )


def _mixed(whole: Value, fraction: Value | None) -> Value | None:
    r"""`2\frac{1}{2}`: a mixed number, though some mean a product."""
    if fraction is None or fraction.number is None:
        return None
    value = _joined(whole, fraction, "+" if abs(fraction.number) < 1 else "*")
    return value and replace(value, doubtful=True)


def _suffixed(value: Value, token: Token) -> Value | None:
    if token.kind == "percent":
        amount = None if value.number is None else value.number / 100
        return replace(value, number=amount, percent=True, percents=True, decimals=value.decimals + 2)
    unit = "degree" if token.kind == "degree" else token.text
    words = set(re.findall(r"[^\W\d_]+", unit.lower()))
    # `m` is metres, `M` a million
    magnitude = not OPERATORS.isdisjoint(words - {"per"}) and unit.strip(" .") != "m"
    if magnitude or not UNIT.fullmatch(unit):
        return None
    return replace(value, units=value.units | {_singular(unit)})


def _singular(unit: str) -> str:
    words = re.sub(r"[\W_]+", " ", unit).strip().lower()
    return words.removesuffix("s")


def _root(value: Value | None) -> Value | None:
    """The square root if it is a fraction; else None."""
    if value is None or value.number is None or value.number < 0:
        return None
    top = math.isqrt(value.number.numerator)
    bottom = math.isqrt(value.number.denominator)
    root = Fraction(top, bottom)
    return replace(value, number=root, operators=value.operators + 1) if root * root == value.number else None


def _raised(base: Value, exponent: Value | None) -> Value | None:
    """A power with a small whole exponent; else None."""
    if exponent is None or exponent.number is None or base.number is None:
        return None
    size = base.number.numerator.bit_length() + base.number.denominator.bit_length()
    power = exponent.number
    if power.denominator != 1 or power < 0 or power * size > MAX_POWER_BITS:
        return None
    doubtful = base.doubtful or exponent.doubtful
    return replace(base, number=base.number ** int(power), operators=base.operators + 1, doubtful=doubtful)
