"""How a number is written, in digits, in LaTeX and in words, and its exact value."""

import re
from fractions import Fraction
from functools import lru_cache
from unicodedata import numeric

from core.grading.latex import JOINT, plain
from core.grading.units import CURRENCIES, LETTER, LETTER_BEFORE, PARTS, SCALES, UNIT

MAX_DIGITS = 40
MAX_EXPONENT = 30
MAX_NUMERAL = 120  # characters

# Zero-width characters and marks of direction: some models print them.
INVISIBLE = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
SIGN = "-+\u2212\u2010\u2011\u2012\u2013\ufe63\uff0d"
CURRENCY = rf"(?:(?:US|HK|NT|[ACSR])?\\?[{CURRENCIES}]\ {{0,6}})?"
VULGAR = {
    c: Fraction(numeric(c)).limit_denominator(10)
    for c in "\u00bc\u00bd\u00be" + "".join(map(chr, range(0x2150, 0x215F)))
}
SLASH = "/\u2044\u2215\uff0f"
RAISED = "\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079"
LOWERED = str.maketrans(RAISED + "\u207a\u207b\u2212", "0123456789+--")
# Digits are bounded, so that no numeral, however long, makes matching or arithmetic slow. Separators stand
# before three digits (or as in India), else `7,2` would be read as 72.
WHOLE = (
    rf"(?:(?=\d{{1,3}}[,{JOINT}\u00a0\u2009\u202f'\u2019_])"
    rf"(?:\d{{1,3}}(?:(?:,{JOINT}{{0,6}}\d{{3}}){{1,12}}|(?:{JOINT}{{1,12}}\d{{3}}){{1,12}}"
    rf"|(?:[\u00a0\u2009\u202f]\d{{3}}){{1,12}}|(?:['\u2019]\d{{3}}){{1,12}}|(?:_\d{{3}}){{1,12}})"
    rf"|\d{{1,2}}(?:,\d{{2}}){{1,6}},\d{{3}})"
    rf"|\d{{1,{MAX_DIGITS}}})"
)
DECIMALS = rf"\.\d{{1,{MAX_DIGITS}}}"
EXPONENT = r"[eE][-+]?\d{1,4}"
TEN = (
    rf"(?:[x*\u00d7\u00b7\u22c5]|\\times|\\cdot)\ {{0,6}}10"
    rf"(?:\^\{{?[-+\u2212]?\d{{1,2}}\}}?|[\u207a\u207b]?[{RAISED}]{{1,2}})"
)
ARGUMENT = r"\ *(?:\{\ *[-+]?\d{1,20}\ *\}|\d)"
FRAC = rf"\\[dtc]?frac{ARGUMENT}{ARGUMENT}"
PART = (
    rf"(?:\ (?:and|&)\ |-and-)(?:(?:an?|one)[ -])?(?P<part>{'|'.join(PARTS)})(?![a-z]|\ of\b)"
    rf"|\ (?:and|&)\ (?P<parts>\d/\d)"
)
NUMBER = rf"""
(?P<sign>(?=\d)|[{SIGN}]{CURRENCY}|{CURRENCY}[{SIGN}]?)
(?: (?P<whole>{WHOLE}) (?P<decimals>{DECIMALS})?
    (?: (?P<exponent>{EXPONENT}) | [{SLASH}](?P<over>{WHOLE})
      | \ {{0,12}}+(?:(?P<ten>{TEN})|(?P<frac>{FRAC})|(?P<vulgar>[{"".join(VULGAR)}])
        |(?<=\ )(?:(?P<rest>\d{{1,9}}[{SLASH}]\d{{1,9}})|(?P<scale>{"|".join(SCALES)})(?![a-z])))
      | {PART} )?
  | (?<![.\d])(?P<small>{DECIMALS}(?:{EXPONENT})?)
  | (?P<frac_alone>{FRAC})
  | (?P<vulgar_alone>[{"".join(VULGAR)}]) )
"""
# No number begins or ends inside a word, another number or a power: `x12`, `12.5`'s tail, `3:45`, `72k`,
# `2^3`.
BEGIN = (
    rf"(?=[{SIGN}\d.\\{CURRENCIES}{''.join(VULGAR)}])"  # a quick check first
    rf"(?<![0-9A-Za-z])(?<!{LETTER_BEFORE})(?<![^\W_]_)(?<!\d[.,:{SLASH}~'\u2019])"
    rf"(?<![\^\u221a\u221b\u221c{JOINT}])(?<!\^\{{)(?<!sqrt\{{)"
    r"(?<!frac\{)(?<!\}\{)"
)
END = (
    rf"(?![.,:{SLASH}~'\u2019_]?\d|,?{JOINT})(?!\ {{0,6}}(?:\^|\\(?:sqrt|pi|[dt]?frac|times|cdot)))"
    rf"(?:(?!{LETTER})|(?=(?:{UNIT})[\u00b2\u00b3]?(?!{LETTER}))"
    rf"|(?=(?!{'|'.join(SCALES)}|dozen)[a-z]{{4}}))(?!(?<=\d)[eE][-+]?\d)"
)
FIND = re.compile(rf"{BEGIN}{NUMBER}{END}", re.VERBOSE)
NUMERAL = re.compile(
    rf"(?P<far>[{SIGN}]\ |(?:negative|minus)\ )?{NUMBER}(?:\ ?\\?%)?\.?", re.VERBOSE | re.IGNORECASE
)
NEGATIVE = re.compile(rf"[-{SIGN[2:]}]|negative|minus", re.IGNORECASE)
PLAIN = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?", re.ASCII)
DIGIT = re.compile(rf"[\d{''.join(VULGAR)}]")

ONES = "one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
WORDS = {word: Fraction(i) for i, word in enumerate(["zero", *ONES, *TEENS])}
WORDS |= {ten: Fraction(20 + 10 * i) for i, ten in enumerate(TENS)}
WORDS |= {f"{ten} {one}": WORDS[ten] + WORDS[one] for ten in TENS for one in ONES}
WORDS |= {
    "half": Fraction(1, 2),
    "one half": Fraction(1, 2),
    "one quarter": Fraction(1, 4),
    "three quarters": Fraction(3, 4),
}
WORD = re.compile(r"[a-z]+(?:[- ][a-z]+)?", re.IGNORECASE)
# `half of it`, `one hundred`, `two and a half`: the word alone would be another number.
UNSURE = re.compile(
    r"[\w-]|\s+(?:of|and|or|an?|to|hundred|thousand|million|billion|dozens?|percent|times|"
    r"more|less|plus|minus|point|halves|thirds?"
    rf"|quarters?|fourths?|fifths?|sixths?|eighths?|tenths?|squared|cubed|{'|'.join(ONES)})\b",
    re.IGNORECASE,
)


def number(text: str) -> Fraction | None:
    """The exact value of a numeral, or None if the text is not one.

    Reads `-1,234.50`, `$7`, `.5`, `3/4`, `1 1/2`, `1.5e3`, `\\frac{3}{4}`.
    """
    return _number(text) if len(text) <= MAX_NUMERAL else None


@lru_cache(maxsize=16_384)  # the completions of a group mostly state the same few numbers
def _number(text: str) -> Fraction | None:
    if PLAIN.fullmatch(text):
        return Fraction(text) if "." in text else Fraction(int(text))
    match = NUMERAL.fullmatch(plain(INVISIBLE.sub("", text)).strip())
    if match is None:
        return None
    return value_of(match)


def value_of(numeral: re.Match[str]) -> Fraction | None:
    """The value of a match of NUMBER.

    None if it divides by zero, or for a power of ten beyond MAX_EXPONENT, which nobody means.
    """
    part = numeral.groupdict()
    try:
        value = _magnitude(part)
    except (ZeroDivisionError, OverflowError):
        return None
    return -value if NEGATIVE.search((part.get("far") or "") + numeral["sign"]) else value


def _magnitude(part: dict[str, str | None]) -> Fraction:
    """The value of a numeral's parts, without its sign.

    Raises OverflowError for a power of ten beyond MAX_EXPONENT, and ZeroDivisionError.
    """
    integer_text = part["whole"]
    frac = part["frac"] or part["frac_alone"]
    mantissa, _, power = (part["small"] or "").lower().partition("e")
    if integer_text:
        digits = re.sub(r"\D", "", integer_text)
        value = Fraction(digits + part["decimals"]) if part["decimals"] else Fraction(int(digits))
        power = (part["exponent"] or "")[1:] or (part["ten"] or "").partition("10")[2].translate(
            LOWERED
        ).strip("^{}")
    else:
        value = Fraction("0" + mantissa)
    if power:
        if abs(int(power)) > MAX_EXPONENT:
            raise OverflowError
        value *= Fraction(10) ** int(power)
    if part["over"]:
        value /= int(re.sub(r"\D", "", part["over"]))
    for fraction in (part["rest"], part["parts"]):
        if fraction:
            value += Fraction(re.sub(rf"[{SLASH}]", "/", fraction))
    if part["part"]:
        value += Fraction(1, PARTS[part["part"].lower()])
    if part["scale"]:
        value *= SCALES[part["scale"].lower()]
    if frac:
        top, bottom = re.findall(r"\{ *([-+]?\d+) *\}|(\d)", frac[frac.index("frac") :])
        value += Fraction(int(top[0] or top[1]), int(bottom[0] or bottom[1]))
    sign = part["vulgar"] or part["vulgar_alone"]
    return value + VULGAR[sign] if sign else value
