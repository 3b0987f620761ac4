"""Removes the LaTeX around numbers, with every character kept in its place.

A span in the result is a span in the text. LaTeX that only formats (`\\text{..}`, `\\,`, `\\left`, the
backslash of `\\$`) becomes spaces. What separates the digits of one number (`9{,}500`, `9\\,500`) becomes
JOINT, which core.grading.numerals reads. Fractions, powers and roots stay as they are.
"""

import re

JOINT = "\ue000"  # from Unicode's private use area: no text has it
MAX_DEPTH = 3  # of nesting, as in `\mathbf{\text{..}}`

WRAPPED = re.compile(
    r"\\(?:text(?:bf|rm|it|sf|tt|up|sl|md|normal)?|"
    r"math(?:rm|bf|sf|it|tt|normal)|mbox|hbox|emph|bm|boldsymbol|operatorname"
    r"|underline|textcolor\{\w{1,20}\}|bf|rm|it)\ ?\{(?P<inner>(?:[^{}]|\^\{[-\u2212]?\d\}){0,80})\}"
)
SPACE = r"(?:\\[,;:!> ]|\{\\[,;:!> ]\}|\\q?quad(?![a-z])|\\(?:thin|med|thick)?space(?![a-z]))"
# commands of LaTeX's package siunitx
QUANTITY = re.compile(r"\\(?:SI|qty)\{(?P<number>[^{}]{1,40})\}\{(?P<unit>[^{}\\]{0,40})\}")
JOINTS = re.compile(rf"(?<=\d)(?:\{{,\}}|,(?=\\[!,])|{SPACE}|~(?=\d{{3}}(?!\d))){SPACE}*(?=\d)")
UNWANTED = re.compile(
    rf"{SPACE}|~(?!\d)|\^\{{?\\circ\}}?|\\(?:degrees?|celsius)(?![a-z])|"
    rf"\u00b0|\{{\}}|\\color\{{\w{{1,20}}\}}|\\(?=[$%#&_\u20ac\u00a3\u00a5])"
    r"|\\(?:left|right|displaystyle|textstyle|"
    r"(?:bigg?|Bigg?)[lr]?|rm|bf|it|large|Large|normalsize)(?![A-Za-z])"
)


def _spaces(match: re.Match[str]) -> str:
    return " " * len(match.group())


def _joint(match: re.Match[str]) -> str:
    separator = match.group()
    return ("," if separator[0] == "," else JOINT) + JOINT * (len(separator) - 1)


def _unwrapped(match: re.Match[str]) -> str:
    return " " * (match.start("inner") - match.start()) + match["inner"] + " "


def _quantity(match: re.Match[str]) -> str:
    return " " * (match.start("number") - match.start()) + match["number"] + "  " + match["unit"] + " "


def plain(text: str) -> str:
    """The text without the LaTeX that only formats, at its original length. Time is linear in the length."""
    if "\\" not in text and "{" not in text and "~" not in text and "\u00b0" not in text:
        return text
    text = JOINTS.sub(_joint, text)
    if "\\SI{" in text or "\\qty{" in text:  # a quick check first
        text = QUANTITY.sub(_quantity, text)
    for _ in range(MAX_DEPTH):
        unwrapped = WRAPPED.sub(_unwrapped, text)
        if unwrapped == text:
            break
        text = unwrapped
    return UNWANTED.sub(_spaces, text)
