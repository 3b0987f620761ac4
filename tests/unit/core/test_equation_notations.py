r"""Equations as models write them, in LaTeX, Markdown and prose: what is true is judged true or not at all,
what is false is noticed in every notation that is read, and what was not read whole is never judged.
"""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.grading.equations import statements

# Statements in order: T true, F false, N not judged.
READ = [
    # operators of LaTeX and of Unicode
    (r"$5 \times 3 + 2 = 17$", "T"),
    (r"$5\cdot3=15$", "T"),
    (r"$15 \div 3 = 5$", "T"),
    ("3 \u00b7 2 + 1 = 7", "T"),
    ("6 \u2217 7 = 42", "T"),
    (r"\( 48 + 24 = 72 \)", "T"),
    (r"\[ 48 + 24 = 72 \]", "T"),
    ("$$\n48 + 24 = 72\n$$", "T"),
    ("$48 + 24$ = $72$", "T"),  # the signs of mathematics may stand between
    # fractions, groups, powers, roots
    (r"$\frac{1}{2}(3+5) = 4$", "T"),
    (r"$\dfrac{\frac{1}{2}}{3} = \frac{1}{6}$", "T"),
    (r"$\tfrac12 \cdot 8 = 4$", "T"),
    (r"$\frac{48 \text{ clips}}{2} = 24 \text{ clips}$", "T"),
    (r"$\left[ (3+5) \times 2 \right] - 1 = 15$", "T"),
    ("[2 + 3] * 4 = 20", "T"),
    ("$3(4+1) = 15$", "T"),
    ("$2^{10} - 3^2 = 1015$", "T"),
    ("3\u00b2 + 4\u00b2 = 25", "T"),
    ("2**3 = 8", "T"),
    (r"$\sqrt{3^2 + 4^2} = 5$", "T"),
    (r"$1\frac{1}{2} + \frac{1}{2} = 2$", "T"),
    ("2 1/4 * 4 = 9", "T"),
    ("1\u00bd + 1 = 2.5", "T"),
    # numerals
    ("$1{,}000 + 200 = 1{,}200$", "T"),
    (r"$10\,000 + 500 = 10\,500$", "T"),
    (r"$1,\!000 + 1 = 1,\!001$", "T"),
    # money, per cent, units
    (r"$\$5 \times 3 = \$15$", "T"),
    (r"\$12.00 + \$3.50 = \$15.50", "T"),
    ("\u20ac5 + \u20ac6 = \u20ac11", "T"),
    (r"$20\% \times 50 = 10$", "T"),
    ("20% of 50 = 10", "T"),
    ("1/4 of 48 = 12", "T"),
    (r"$\frac{30}{50} \times 100\% = 60\%$", "T"),
    (r"$12\% \text{ of } 50 = 6$", "T"),
    (r"The area is $\frac{1}{2} \cdot 6 \cdot 8 = 24$ square units.", "T"),
    (r"$12 \text{ eggs} \times 7 = 84 \text{ eggs}$", "T"),
    (r"$5 \times 4 = 20 \text{ cm}^2$", "T"),
    (r"$180^\circ - 90^\circ = 90^\circ$", "T"),
    ("60 * 2 = 120km", "T"),
    # results that are set off
    (r"$48 + 24 = \boxed{72}$", "T"),
    (r"$48 + 24 = \boxed{72 \text{ clips}}$", "T"),
    (r"$48 + 24 = \boxed{72 clips}$", "T"),
    (r"$\boxed{48 + 24 = 72}$", "T"),
    ("48 + 24 = **72**", "T"),
    ("**48 + 24 = 72**", "T"),
    ("48 + 24 = 72 (clips in total)", "T"),
    # what stands before
    ("1. 3 + 4 = 7", "T"),
    ("- $3 + 4 = 7$", "T"),
    ("### Step 1: 3 + 4 = 7", "T"),
    ("**Step 1:** 3 + 4 = 7", "T"),
    ("| Apples | 3 + 4 = 7 |", "T"),
    ("so a total of 3 + 4 = 7 apples", "T"),
    ("5 < 3 + 4 = 7", "T"),
    # several
    (r"\[ \text{Total} = 3 \times \$4 + 2 \times \$5 = \$12 + \$10 = \$22 \]", "NTT"),
    (r"\begin{align*}48 + 24 &= 72 \\ 72 \times 2 &= 144\end{align*}", "TT"),
    ("\\begin{aligned}\nx &= 3 \\times 4 + 2 \\\\\n&= 12 + 2 \\\\\n&= 14\n\\end{aligned}", "NTT"),
    ("48 + 24\n= 72", "T"),
    ("3 + 4 = 7 \u2192 7 * 2 = 14", "TT"),
    ("$3 + 4 = 7$, $7 \\times 2 = 14$.", "TT"),
    ("12 - 5 = 7\n- 7 * 2 = 14", "TT"),
    ("48/2 = <<48/2=24>>24 clips", "T"),  # GSM8K's calculator note and the sign before it are one statement
    ("18 kg * 1/6 = <<18*1/6=3>>3 kg", "T"),  # where only the note can be read
    ("48/2 = <<48/2=25>>24", "F"),
    # false in every notation
    (r"$5 \times 3 = 16$", "F"),
    (r"$5 \cdot 3 + 2 = 25$", "F"),
    (r"$15 \div 3 = 6$", "F"),
    ("3 \u00b7 2 + 1 = 9", "F"),
    (r"\[ \frac{48}{2} = 23 \]", "F"),
    (r"$\frac{1}{2}(3+5) = 5$", "F"),
    ("$1{,}000 + 200 = 1{,}300$", "F"),
    (r"\$5 \times 3 = \$16", "F"),
    (r"$12 \text{ eggs} \times 7 = 85 \text{ eggs}$", "F"),
    (r"$20\% \times 50 = 11$", "F"),
    ("20% of 50 = 11", "F"),
    (r"$48 + 24 = \boxed{73}$", "F"),
    ("48 + 24 = **73**", "F"),
    ("$2^{10} = 1000$", "F"),
    (r"$\sqrt{16} + 2 = 7$", "F"),
    ("- 3 + 4 = 8", "F"),
    ("1. $3 + 4 = 8$", "F"),
    ("48 + 24\n= 73", "F"),
    (r"\begin{align*}48 + 24 &= 72 \\ &= 73 - 2\end{align*}", "T"),  # the second computes nothing from 72
    (r"\begin{align*}48 + 24 &= 72 + 1 \\ &= 73\end{align*}", "FT"),
    ("3(4+1) = 16", "F"),
]
NOT_READ = [
    # a sign, a command or a word that is not known
    r"5 \star 3 + 2 = 17",
    r"3 \pm 4 = 7",
    "5 @ 3 + 2 = 17",
    r"5 $\times$ 3 + 2 = 17",  # known, but outside of the side
    r"$17 \bmod 5 = 2$",
    "17 % 5 = 2",
    "17 / 5 = 3 remainder 2",
    "5! = 120",
    "5! + 3 = 123",
    r"$\binom{5}{2} + 1 = 11$",
    "|-3| + 2 = 5",
    r"\lfloor 7/2 \rfloor + 1 = 4",
    r"\overline{AB} + 3 + 4 = 12",
    r"$101_2 + 11_2 = 1000_2$",
    r"$5 \cdot 3 = 1 \pmod 7$",
    "5 * 3 = 1 (mod 7)",
    r"10/3 = 3.\overline{3}",
    r"$\frac{5!}{3!} = 20$",
    "1 + 2 + ... + 10 = 55",
    r"1 + 2 + \cdots + 10 = 55",
    "? + 3 + 4 = 10",
    "3 + 4 + __ = 10",
    "half of 10 + 2 = 7",
    "twice the sum 3 + 4 = 14",
    "three times 3 + 4 = 21",
    "5 plus 3 + 4 = 12",
    "5 more than 3 + 4 = 12",
    "10 less than 3 * 4 = 2",
    "a 20% discount on 50 + 10 = 48",
    "rent + food 3 * 4 = 17",
    "12 x 1 and 1/4 = 15",
    "48 / 2 = 23 of 30",
    "48 / 2 = 23 of **30**",
    "48 / 2 = 23 of",  # the text breaks off
    "48 / 2 = 23of ",
    "5 * 3 = 15 less than 20",
    "12 : 4 + 2 = 5",
    # variables
    "x = 5",
    "2x = 10",
    "2x + 3 = 13",
    "$y - 3 + 5 = 10$",
    "$x^2 - 3 + 4 = 10$",
    "$a_1 + 3 + 4 = 10$",
    "f(3) + 2 = 8",
    "3 + 4 = 7x",
    r"$2\pi \cdot 3 = 6\pi$",
    r"$\frac{x}{3} \cdot 6 + 4 = 10$",
    # roots and powers that are no fractions
    r"$\sqrt{2} = 1.41$",
    r"$\sqrt[3]{8} = 2$",
    "$2^{-1} = 0.4$",
    "2^3^2 = 64",
    # units, where they are not the same or a magnitude
    "2 * 3 million = 5 million",
    r"$5 \text{ percent} \times 20 = 1$",
    r"$3 \text{ dozen} + 2 = 38$",
    r"$1 \text{ foot} + 6 \text{ inches} = 18 \text{ inches}$",
    "30 + 30 = 1 hour",
    "$1 / 2 = 50 cents",
    "50 * 3 = $1.50",
    "4.5 * 3 = 13 hours and 30 minutes",
    "11 + 3 = 2 PM",
    "1.2 x 100% = 120",
    "100 + 20% = 120",
    "3 + 4 = 8 apples - 1 apple",
    "10 apples - 2 * 3 = 4 apples",
    # numerals that may be longer, and what only looks like arithmetic
    "$80 000 x 20/100 = $16 000",
    "14, 400 / 80 = 180",
    "3,5 + 1,5 = 5",
    "1.000 + 500 = 1.500",
    "3&times;4 + 1 = 13",
    "9:00 + 2 = 11:00",
    "3:4 = 6:8",
    "12/25/2020 = 5",
    "3-5 = 3 days",
    "pages 3-5 = 3 pages",
    "Weeks 1-2 = 96",
    "day 1 * 2 = 20",
    "0730 + 0100 = 0830",
    # two readings
    "25 / 1/3 = 75",
    "14 / 1 / 4 = 56",
    "6/2(1+2) = 1",
    "48\n+ 24 - 2 = 70",
    "48 +\n24 + 3 = 75",
    "31/10 = 4 (rounded up)",
    "- 5 + 8 = 3 + 10 - 10",  # a bullet, or minus five
    # no equality
    "3 + 4 != 8",
    "3 + 4 <= 8",
    "100/3 \u2248 40",
    r"100/3 \approx 40",
    "100/7 = ~15",
]


def verdicts(text: str) -> str:
    return "".join({True: "T", False: "F", None: "N"}[s.true] for s in statements(text))


@pytest.mark.parametrize(("text", "expected"), READ)
def test_what_is_read_whole_is_judged(text: str, expected: str) -> None:
    assert verdicts(text) == expected


@pytest.mark.parametrize("text", NOT_READ)
def test_what_is_not_read_whole_is_not_judged(text: str) -> None:
    assert set(verdicts(text)) <= {"N"}


# Trees of arithmetic, written in several notations.

Tree = int | tuple[str, "Tree", "Tree"]
LEAF = st.integers(1, 9999)
TREES = st.recursive(LEAF, lambda t: st.tuples(st.sampled_from("+-*/"), t, t), max_leaves=5).filter(
    lambda tree: isinstance(tree, tuple)
)
PLAIN = {"+": "+", "-": "-", "*": "*", "/": "/"}
UNICODE = {"+": "+", "-": "\u2212", "*": "\u00d7", "/": "\u00f7"}
LATEX = {"+": "+", "-": "-", "*": r"\times", "/": r"\div"}
DOT = {"+": "+", "-": "-", "*": r"\cdot", "/": "frac"}
NOTATIONS = {
    "plain": (PLAIN, "{} = {}", "{}"),
    "unicode, thousands": (UNICODE, "So {} = {} apples.", "{:,}"),
    "LaTeX": (LATEX, "${} = {}$", "{}"),
    "LaTeX, boxed": (DOT, "\\[ {} = \\boxed{{{}}} \\]", "{}"),
    "LaTeX, thousands": (DOT, "\\( {} = {} \\text{{ dollars}} \\)", "{:,}"),
    "aligned": (LATEX, "\\begin{{align*}}\n{} &= {}\n\\end{{align*}}", "{}"),
    "bold, below": (PLAIN, "- **Total:** {}\n= **{}**", "{}"),
}


def value(tree: Tree) -> Fraction:
    if isinstance(tree, int):
        return Fraction(tree)
    op, a, b = tree[0], value(tree[1]), value(tree[2])
    return a + b if op == "+" else a - b if op == "-" else a * b if op == "*" else a / b


def written(tree: Tree, signs: dict[str, str], numeral: str) -> str:
    if isinstance(tree, int):
        return numeral.format(tree).replace(",", "{,}" if signs is DOT else ",")
    a, b = (written(t, signs, numeral) for t in tree[1:])
    if tree[0] == "/" and signs["/"] == "frac":
        return rf"\frac{{{a}}}{{{b}}}"
    sides = [side if isinstance(t, int) else f"({side})" for t, side in ((tree[1], a), (tree[2], b))]
    return f"{sides[0]} {signs[tree[0]]} {sides[1]}"


def result(number: Fraction, signs: dict[str, str], numeral: str) -> str:
    if number.denominator == 1:
        return numeral.format(int(number)).replace(",", "{,}" if signs is DOT else ",")
    return f"{'-' if number < 0 else ''}" + (
        rf"\frac{{{abs(number.numerator)}}}{{{number.denominator}}}"
        if signs is DOT
        else f"{abs(number.numerator)}/{number.denominator}"
    )


def computable(tree: Tree) -> Fraction | None:
    try:
        number = value(tree)
    except ZeroDivisionError:
        return None
    return number if max(abs(number.numerator), number.denominator) < 10**15 else None


@given(TREES, st.sampled_from(sorted(NOTATIONS)), st.integers(-20, 20))
def test_a_tree_is_true_in_every_notation_and_never_with_another_value(
    tree: Tree, notation: str, off: int
) -> None:
    signs, frame, numeral = NOTATIONS[notation]
    number = computable(tree)
    if number is None:
        return
    text = frame.format(written(tree, signs, numeral), result(number, signs, numeral))
    assert verdicts(text) == "T"
    if off and number + off != 0:
        wrong = frame.format(written(tree, signs, numeral), result(number + off, signs, numeral))
        exact = number.denominator == 1 or "/" in wrong.split("=")[1] or "frac" in wrong.split("=")[1]
        assert verdicts(wrong) != "T" or not exact
