"""Answer extraction and comparison: every number we show stands on it."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.answers import extract, matches, number
from core.problems import jsonl
from tests.conftest import GSM8K

CASES = [
    # text, strict answer, lenient answer
    ("48/2=24\n#### 24", "24", "24"),  # the plain form
    ("#### 1,234", "1,234", "1,234"),  # thousands separator
    ("#### $18", "18", "$18"),  # currency
    ("#### -5", "-5", "-5"),  # a sign is kept
    ("#### \u22125", "\u22125", "\u22125"),  # a typographic minus is a sign too
    ("#### 24.", "24", "24"),  # a full stop ends the sentence, not the number
    ("#### 24 apples", None, "24"),  # text behind the number: not the asked form
    ("#### 5\n#### 7", "7", "7"),  # the last marker counts
    ("#### 5\nso it is 9", "5", "5"),  # text on a later line loses nothing
    ("so 24", None, "24"),  # no marker
    ("the answer is 24, not 25", None, "24"),  # the phrase wins over the last number
    ("answer: 3\nanswer: 4", None, "4"),  # the last phrase, not the first
    (r"so \boxed{42}", "42", "42"),
    (r"\boxed{42} or \boxed{43}", "43", "43"),  # listing answers does not win
    (r"\boxed{x}", None, None),  # a marker without a number, and no number before it
    ("12 + 30 = 42\n####", None, "42"),  # a bare marker: the text before it
    ("", None, None),
    ("####", None, None),
    ("no numbers here", None, None),
    ("v2 of x12", None, None),  # digits inside words are not answers
    ("#### .5", ".5", ".5"),
    ("#### 1e9999", None, "1"),  # not a plain numeral
]


@pytest.mark.parametrize(("text", "strict", "lenient"), CASES)
def test_extract(text: str, strict: str | None, lenient: str | None) -> None:
    for rule, expected in (("strict", strict), ("lenient", lenient)):
        found = extract(text, rule)  # type: ignore[arg-type]
        assert (found.text if found else None) == expected, rule
        if found:
            assert text[found.start : found.end] == found.text  # the span is what the page marks


@pytest.mark.parametrize(
    ("answer", "gold", "same"),
    [
        ("#### 72", "72", True),
        ("#### 72.0", "72", True),
        ("#### 1,000", "1000", True),
        ("#### 72", "-72", False),  # the sign counts
        ("#### 720", "72", False),
        ("#### 7.2", "72", False),
        ("nothing", "72", False),
    ],
)
def test_matches(answer: str, gold: str, same: bool) -> None:
    assert matches(extract(answer), gold) is same


HOSTILE = ["1" * 100_000, "#### " + "9" * 100_000, "{" * 50_000, r"\boxed{" * 20_000, "1," * 50_000, "answer is " * 20_000,
           "-" * 50_000 + "1", "####" * 30_000, "0." * 50_000, "\u200b####\u200b 5", "a=b=" * 30_000]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_neither_raises_nor_hangs(text: str) -> None:
    began = time.process_time()
    extract(text, "strict")
    extract(text, "lenient")
    assert time.process_time() - began < 2.0  # generous: it takes milliseconds


@given(st.text(alphabet=st.sampled_from("0123456789#.,-$ \n{}\\boxedanswr isx=+*/%"), max_size=200))
def test_never_raises(text: str) -> None:
    for rule in ("strict", "lenient"):
        found = extract(text, rule)  # type: ignore[arg-type]
        assert found is None or number(found.text) == found.value


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_only_the_same_number_matches(a: int, b: int) -> None:
    assert matches(extract(f"work\n#### {a:,}"), str(b)) is (a == b)


@pytest.mark.skipif(not GSM8K.is_dir(), reason=f"GSM8K is not at {GSM8K}")
@pytest.mark.parametrize(("split", "size"), [("train", 7473), ("test", 1319)])
def test_every_gsm8k_row_loads_with_its_gold_answer(split: str, size: int) -> None:
    path = GSM8K / f"{split}.jsonl"
    problems = jsonl.read(path)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(problems) == size
    for problem, row in zip(problems, rows, strict=True):
        assert problem.gold == row["answer"].rsplit("####", 1)[1].strip().replace(",", "")
        assert matches(extract(problem.solution), problem.gold)
        assert not matches(extract(problem.solution), str(int(float(problem.gold)) + 1))
