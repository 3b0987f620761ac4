r"""Splits worked text (plain, Markdown or LaTeX) into the tokens of core.grading.equations.

Linear time; knows no arithmetic. Every character belongs to a token or to blank space. Unrecognized text
becomes an `unknown` token, so that nothing beside it is mistaken for a whole expression.
"""

import re
from typing import NamedTuple

# Kinds that may stand inside an expression.
INSIDE = frozenset(
    {"num", "op", "open", "close", "frac", "sqrt", "percent", "text", "degree", "money", "raised"}
)
# Kinds that format an expression without belonging to it.
FORMAT = frozenset({"math", "emphasis", "note"})

SYMBOLS = {
    "\u2212": "-", "\u2013": "-", "\u00d7": "*", "\u00b7": "*", "\u22c5": "*", "\u2219": "*", "\u2217": "*",
    "x": "*", "X": "*",
    "\u00f7": "/", "\u2215": "/", "\u2044": "/", r"\times": "*", r"\cdot": "*", r"\ast": "*", r"\div": "/",
}  # fmt: skip
TEXT = r"\\(?:text(?:rm|it|normal|sf)?|mathrm|mbox|hbox|operatorname)[ ]*\{(?P<words>[^{}\n]{0,120})\}"
# A thousands separator: `1,000`, `1{,}000`, `1\,000`, `1,\!000`, or a narrow blank.
THOUSANDS = r"(?:,\\!|\{,\}|\\,|[\u00a0\u2009\u202f])(?=\d{3})"
MARK = (
    r"(?m:^)[ \t]*(?:(?:>[ \t]*)|(?:[-+*\u2022\u2013\u2022]|\#{1,6})[ \t]+"
    r"|(?:\(?(?:\d{1,2}|[a-z])[.)]|[a-z]\))[ \t]+)+"
)
TOKEN = re.compile(
    rf"""
    (?P<prose>[A-Za-z]{{2,}}(?![\w'\u2019-])(?<!of))
  | (?P<mark>{MARK})
  | (?P<short>\d{{1,15}}(?=[+*=\n)]|-(?!\d)))
  | (?P<note><<[^<>\n]{{0,200}}>>)
  | (?P<line>\\\\(?:\[\d+(?:pt|em|ex|mm|cm)\])?[ \t]*\n?|\n)
  | (?P<entity>&(?:[a-z]{{2,8}}|\#\d{{1,5}});)
  | (?P<space>[ \t\r&]+|(?<!~)~(?![~ \d])|\\[,;:! ]
      |\\(?:left|right|[bB]igg?[lr]?|displaystyle|textstyle|limits|hfill)(?![A-Za-z])\.?)
  | (?P<stop>\\(?:begin|end)[ ]*\{{[^{{}}\n]{{0,20}}\}}(?:\{{[^{{}}\n]{{0,20}}\}})?"""
    rf"""|\\(?:tag|label)\*?\{{[^{{}}\n]{{0,40}}\}}
      |\\(?:q?quad|(?:Long)?[rR]ightarrow|implies|therefore|because|iff|to|hline"""
    rf"""|nonumber|longrightarrow)(?![A-Za-z])
      |[-=]>|[\u2192\u21d2\u2234\u27f9])
  | (?P<math>\\[\[\]()]|\$\$|\\?\$(?![ ]?\.?\d))
  | (?P<money>\\?\$|[\u20ac\u00a3\u00a5\u20b9])
  | (?P<clock>\d{{1,4}}(?::\d{{1,4}})+|\d{{4}}-\d\d?-\d\d?(?!\d)|\d\d?/\d\d?/(?:19|20)\d\d(?!\d))
  | (?P<vulgar>(?:\d{{1,6}}[ ]?)?[\u00bd\u2153\u2154\u00bc\u00be\u215b-\u215e])
  | (?P<mixed>\d{{1,6}}[ ]\d{{1,3}}/\d{{1,3}}(?![\d/]|[.,]\d))
  | (?P<num>(?:\d|[.,](?=\d)|{THOUSANDS})+)
  | (?P<degree>\u00b0|\^[ ]*(?:\\circ|\{{[ ]*\\circ[ ]*\}}))
  | (?P<power>\^|(?<=[\d)])\*\*(?=[\d(-])|(?<=[\d)][ ])\*\*(?=[ ][\d(-]))
  | (?P<raised>[\u2070\u00b9\u00b2\u00b3\u2074-\u2079]{{1,3}})
  | (?P<blank>(?<![^ \t])_{{2,}}(?![^ \t])|~(?=[ ]?\d))
  | (?P<emphasis>\*\*+|__+|`+|~~)
  | (?P<rel>=(?![=>]|<(?!<))(?<![=<>!:+*/~]=))
  | (?P<approx>\\approx(?![A-Za-z])|[\u2248\u2245]|~=)
  | (?P<compare>[=<>!:+*/~]=+|[<>\u2264\u2265\u2260]|\\(?:leq?|geq?|neq?|lt|gt)(?![A-Za-z]))
  | (?P<op>[-+*/\u2212\u2013\u00d7\u00b7\u22c5\u2219\u2217\u00f7\u2215\u2044]"""
    rf"""|\\(?:times|cdot|ast|div)(?![A-Za-z])
      |[xX](?=[ \t]*[\d$.(])(?<![^\W\d].))
  | (?P<sqrt>\\sqrt(?![A-Za-z\[])|\u221a)
  | (?P<frac>\\[dtc]?frac[ ]*(?:\d[ ]*\d(?!\d))?)
  | (?P<text>{TEXT}(?:\^[ ]*(?:\d|\{{[ ]*\d[ ]*\}})|[\u00b2\u00b3])?)
  | (?P<open>\\(?:boxed|fbox|mathbf|textbf|bm|underline|boldsymbol|mathit)[ ]*\{{|[(\[{{])
  | (?P<close>[)\]}}])
  | (?P<percent>\\?%)
  | (?P<name>[^\W\d]+\d\w*|\\[A-Za-z]+|\\.)
  | (?P<word>[^\W\d_]+(?:[-'\u2019][^\W\d_]+)*)
  | (?P<point>[.,;:!?|"\u201c\u201d\u3002\uff0c\uff1b\uff1a'\u2019\u2026])
  | (?P<unknown>.)
    """,
    re.VERBOSE,
)


class Token(NamedTuple):
    """A token: its kind, its text (an operator as one of `+ - * / ^`), and where it stands."""

    kind: str
    text: str
    start: int
    end: int


def tokens(text: str, start: int, end: int) -> list[Token]:
    """The tokens of `text[start:end]` without blank space, in order."""
    parts: list[Token] = []
    for match in TOKEN.finditer(text, start, end):
        kind = match.lastgroup or "unknown"
        if kind == "space":
            continue
        content = match.group()
        if kind in CHANGED:
            kind, content = _changed(kind, content, match)
        parts.append(Token(kind, content, *match.span()))
    return parts


CHANGED = frozenset({"op", "power", "text", "prose", "word", "short", "vulgar", "mixed"})


def _changed(kind: str, content: str, match: re.Match[str]) -> tuple[str, str]:
    """Merge kinds that only the pattern distinguishes, and write operators as their usual sign."""
    if kind == "op":
        return "op", SYMBOLS.get(content, content)
    if kind == "power":
        return "op", "^"
    if kind == "text":
        words = match["words"]
        return ("of" if words.strip() == "of" else "text"), words
    if kind in ("short", "vulgar", "mixed"):
        return "num", content
    return ("of" if content == "of" else "word"), content
