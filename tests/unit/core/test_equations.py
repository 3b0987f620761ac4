"""Equations in worked text: which are found, which of them are true, and what is left alone because nobody
can judge it."""

import json
import re
import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.grading.equations import equations
from tests.conftest import GSM8K

TRUE = [
    ("10+5+20=35", "35"),
    ("10 - 2 - 3 = 5", "5"),  # from the left
    ("80/100*10=8", "8"),
    ("2+3*4=14", "14"),  # precedence
    ("(2+3)*4=20", "20"),
    ("((((1+1))))=2", "2"),
    ("2*(-3)=-6", "-6"),
    ("(-3+5)*2=4", "4"),
    ("3--2=5", "5"),
    ("3 x 4 = 12", "12"),
    ("3x4=12", "12"),
    ("3 \u00d7 4 = 12", "12"),
    ("12 \u00f7 4 = 3", "3"),
    ("5 \u2212 2 = 3", "3"),  # a minus sign
    ("5 \u2013 2 = 3", "3"),  # a dash
    ("$3 + $4 = $7", "7"),
    ("$20 x 3=$60", "60"),
    ("1,000+1=1,001", "1001"),
    ("20*.5=10", "10"),
    ("3.50*2=7", "7"),
    ("3+4=7 apples", "7"),  # a unit behind it is no matter
    ("3+4=7.", "7"),  # nor is a full stop
    ("there are 3 2+2=4", "4"),
    ("Step 1: 3+4=7", "7"),
    ("1) 3+4=7", "7"),
    ("so (3+4=7", "7"),  # a bracket that is never closed stands before it
    ("x = 3+4 = 7", "7"),
    ("1/3=0.33", "0.33"),  # to the digits written
    ("1/3=.3333", "0.3333"),
    ("2/3=0.67", "0.67"),  # rounded
    ("2/3=0.66", "0.66"),  # or cut off
    ("10/3=3", "3"),
    ("22/7 + 1 = 4.14", "4.14"),
    ("1/3+1/3=2/3", "2/3"),  # exact where fractions stand on both sides
    ("2/4=1/2", "1/2"),
    ("20% * 50 = 10", "10"),
    ("1/2=50%", "1/2"),
    ("50%+50%=100%", "1"),
    ("100 - 20 = 80%", "0.8"),  # a stated per cent also means its number
    ("1/3=33.3%", "0.333"),
    ("2(3+2)=10", "10"),  # a factor before the bracket
    ("27(1/3) = 9", "9"),
    ("4(7) - 10 = 18", "18"),
    ("(2)(3+4)=14", "14"),
    ("2^3=8", "8"),
    ("3+4\n=7", "7"),  # a line that begins with = goes on from the one before
]
FALSE = [
    ("10+5+20=36", "36"),
    ("2+3*4=20", "20"),
    ("5/2=2.4", "2.4"),
    ("2/3=0.65", "0.65"),
    ("2/3=0.668", "0.668"),  # more digits are more to get wrong
    ("2/3=4/5", "0.8"),
    ("3.5*2=7.01", "7.01"),  # no division, so nothing is rounded
    ("7*1=7.5", "7.5"),
    ("50%+50%=100", "100"),
    ("8*3 = 240", "240"),
    ("$2 * 3 = $5", "5"),
    ("7/0=0", "0"),  # is nothing
    ("0/0=1", "1"),
    ("1+2/(3-3)=1", "1"),
]
NOT_JUDGED = [
    "18 kg * 1/6 =3 kg",  # a unit inside: in prose nobody can tell where it ends
    "12 apples + 3 apples = 15 apples",
    "12 apples+3=15",
    "40 marbles - 3 - 5 = 32 marbles",  # the minus belongs to the marbles
    "10 apples - 2 * 3 = 4 apples",
    "2x - 230 = 450",
    "x - 2 + 5 = 7",
    "3 + x = 5",
    "x = 5",
    "2 = x",
    "50 cents*2=100",
    "5!=120",
    "3+4=",
    "= 7",
    "3+4=seven",
    "3+4=\n7",
    "3+4==7",
    "7=7",  # nothing is computed
    "7=3+4",
    "3+=7",
    "3+4)=7",
    "3-+4=-1",
    "no equations at all",
    "",
]


def judged(text: str) -> list[tuple[bool, Fraction]]:
    return [(e.true, e.value) for e in equations(text)]


@pytest.mark.parametrize(("text", "value"), TRUE)
def test_true(text: str, value: str) -> None:
    assert judged(text) == [(True, Fraction(value))]


@pytest.mark.parametrize(("text", "value"), FALSE)
def test_false(text: str, value: str) -> None:
    assert judged(text) == [(False, Fraction(value))]


@pytest.mark.parametrize("text", NOT_JUDGED)
def test_not_judged(text: str) -> None:
    assert judged(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2+3 = 5 = 5", [(True, 5)]),  # the second computes nothing
        ("2+3 = 1+4 = 5", [(True, 5), (True, 5)]),  # each `=` by what stands beside it
        ("2+3 = 1+5 = 6", [(False, 6), (True, 6)]),
        ("2*3 = 6 + 1 = 7", [(False, 7), (True, 7)]),  # the running sum of a careless writer
        ("a = 2*3 = 6", [(True, 6)]),
        ("28 * 5 = 140 = b", [(True, 140)]),
        ("3+4=7 and 7*2=15\n15-5=10", [(True, 7), (False, 15), (True, 10)]),  # in order
        ("3+4=7, 7+1=8", [(True, 7), (True, 8)]),
        ("3+4=9-2", [(True, 7)]),
        ("3+4=7-2", [(False, 5)]),  # the right side is an expression too
        ("3+4=7-x", []),  # and is read whole or not at all
    ],
)
def test_chains_and_sequences(text: str, expected: list[tuple[bool, int]]) -> None:
    assert judged(text) == expected


HOSTILE = [
    "=" * 50_000,
    "1+1=2 " * 20_000,
    "1+" * 30_000 + "1=2",
    "(" * 50_000 + "1+1=2",
    ("(" * 39 + "=") * 1_000,
    ("-" * 39 + "1=") * 1_000,
    ("1+" * 20 + "=") * 1_000 + "1",
    ("9" * 15 + "*") * 39 + "1=1",
    ("1/" + "9" * 15 + "+") * 19 + "1=1",  # a common denominator of hundreds of digits
    "9" * 50_000 + "+1=1",
    "1," * 25_000 + "=1",
    "." * 50_000,
    "1/0" * 10_000 + "=0",
    "$" * 50_000 + "1+1=2",
    " " * 50_000 + "1 + 1 = 2",
    "\u0661+\u0662=\u0663",  # digits of another script
    r"\frac{" * 10_000 + "1+1=2",
    r"\frac{1}{2} + " * 2_000 + "= 1",
    r"\text{" * 5_000 + "1+1=2",
    "2^" * 20_000 + "2 = 4",
    "9^" * 19 + "9 = 1",
    "99999999^999999999 = 1",
    "3" + "\u00b2" * 10_000 + " = 9",
    "**" * 20_000 + "1+1=2",
    "$ " * 20_000 + "1+1=2",
    "\n" * 40_000 + "1+1=2",
    "- 1\n" * 10_000 + "- 1+1=2",
    "1=" * 10_000 + "\n- 1+1=2",
    "<<1+1=2>>" * 4_000,
    "1+1=<<1+1=2>>2 " * 2_000,
    "a " * 20_000 + "1+1=2 " + "b " * 10_000,
    "1+1=2 a b c d e f g h i j k l m n o p q r s t u v w " * 400,
    "of 20% " * 5_000 + "= 2",
    r"\sqrt{" * 3_000 + "16" + "}" * 3_000 + " = 2",
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: f"{text[:8]}...")
def test_hostile_text_neither_raises_nor_hangs(text: str) -> None:
    began = time.process_time()
    equations(text)
    assert time.process_time() - began < 2.0  # generous: it takes a tenth of that at worst


PIECES = [
    *"0123456789+-*/=()[]{}^$%&.,:;!?|_~ \n\\ab", "**", "<<", ">>", "\\frac{", "\\frac12", "\\times", "\\text{ of}", "\\boxed{",
    "\\sqrt", "\\[", "\\\\", "\\$", "\\%", "{,}", "\\,", "1+1=2", "and ", "of ", "x", "\u00b2", "\u00bd", "\u2248", "- ", "1. ",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=60).map("".join))
def test_never_raises_on_pieces_of_markup(text: str) -> None:
    assert len(equations(text)) <= text.count("=") + text.count("\u2248") + text.count("<<")


@given(
    st.text(alphabet=st.sampled_from("0123456789+-*/=()x$%.,\u00d7\u00f7\u2212 \nab"), max_size=200)
    | st.text(max_size=100)
)
def test_never_raises(text: str) -> None:
    assert len(equations(text)) <= text.count("=")


NUMERAL = st.integers(0, 10**6)


@given(NUMERAL, NUMERAL, st.sampled_from("+-*"), st.integers(-3, 3))
def test_only_the_value_is_true(a: int, b: int, op: str, off: int) -> None:
    value = {"+": a + b, "-": a - b, "*": a * b}[op]
    assert judged(f"so {a:,} {op} {b} = {value + off} toys") == [(off == 0, value + off)]


@given(NUMERAL, st.integers(1, 10**4), st.integers(0, 6))
def test_a_quotient_is_true_to_as_many_digits_as_are_written(a: int, b: int, digits: int) -> None:
    rounded = round(Fraction(a, b), digits)
    assert judged(f"{a}/{b} = {float(rounded):.{digits}f}") == [(True, rounded)]
    wrong = rounded + Fraction(2, 10**digits)
    assert judged(f"{a}/{b} = {float(wrong):.{digits}f}") == [(False, wrong)]


@pytest.mark.slow
@pytest.mark.skipif(not GSM8K.is_dir(), reason=f"GSM8K is not at {GSM8K}")
@pytest.mark.parametrize("split", ["train", "test"])
def test_gsm8ks_own_solutions_are_hardly_ever_false(split: str) -> None:
    texts = [json.loads(line)["answer"] for line in (GSM8K / f"{split}.jsonl").read_text().splitlines()]
    # without the calculator's notes
    found = [e for text in texts for e in equations(re.sub(r"<<.*?>>", "", text))]
    assert len(found) > 2 * len(texts)
    assert sum(not e.true for e in found) / len(found) < 0.002  # slips of its annotators
