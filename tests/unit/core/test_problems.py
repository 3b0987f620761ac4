"""Problems: the generator is reproducible and right; files are refused with file and line."""

from pathlib import Path

import pytest

from core.common.errors import DataError
from core.grading.answers import extract, matches
from core.grading.equations import equations
from core.problems import arithmetic, jsonl
from core.store.schema import sample


def test_generated_problems_are_right_reproducible_and_apart() -> None:
    train, held_out = arithmetic.problems(2000, "train"), arithmetic.problems(128, "eval")
    assert train == arithmetic.problems(2000, "train")
    # a problem does not depend on how many are asked for
    assert train[:10] == arithmetic.problems(10, "train")
    for p in [*train, *held_out]:
        assert matches(extract(p.solution), p.gold)
        assert all(e.true for e in equations(p.solution)) and 1 <= int(p.gold) <= arithmetic.MAX_VALUE
    shared = {p.question for p in train} & {p.question for p in held_out}
    assert len(shared) <= 1  # a leak would make gold accuracy a memory test


GOOD = '{"question": "q", "answer": "work\\n#### 1,200"}'


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([GOOD, "{not json"], "line 2: not JSON"),
        ([GOOD, "", '{"question": "q"}'], "line 3: no field 'answer'; it has 'question'"),
        (
            [GOOD, '{"question": "q", "answer": "no idea"}'],
            "line 2: no gold answer in field 'answer'; it must be",
        ),
        ([GOOD, '{"question": "q", "answer": "#### "}'], "line 2: no gold answer"),
        ([GOOD, '{"question": "q", "answer": "72 or 73"}'], "line 2: no gold answer"),
        ([GOOD, '{"question": "q", "answer": "72 dollars and 50 cents"}'], "line 2: no gold answer"),
        ([GOOD, "[1, 2]"], "line 2: expected an object with 'question' and 'answer', got list"),
        ([], "holds no problems"),
    ],
)
def test_bad_files_are_refused_with_file_and_line(tmp_path: Path, lines: list[str], message: str) -> None:
    path = tmp_path / "problems.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(DataError, match=message) as caught:
        jsonl.read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("length", "fine"), [(198, True), (199, False), (240, False)]
)  # with /1 behind the file's name
def test_an_id_that_cannot_be_stored_is_refused_with_the_repair(
    tmp_path: Path, length: int, fine: bool
) -> None:
    path = tmp_path / f"{'n' * length}.jsonl"
    path.write_text('{"question": "1+1?", "answer": "2"}\n')
    if fine:
        assert len(jsonl.read(path)[0].id) == sample.c.problem_id.type.length == jsonl.MOST_ID
        return
    with pytest.raises(
        DataError, match=f"line 1: .*'n+/1' has {length + 2} characters.*give the file .* a shorter name"
    ):
        jsonl.read(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing.jsonl: cannot be read: No such file"):
        jsonl.read(tmp_path / "missing.jsonl")


@pytest.mark.parametrize(
    ("answer", "gold"),
    [
        ("work\n#### 1,200", "1200"),
        ("#### $2,000", "2000"),
        ("8{,}880", "8880"),
        ("\\boxed{4}", "4"),
        ("72 dollars", "72"),
        ("$72\\text{ cm}^2$", "72"),
        ("72\u5143", "72"),
        ("50%", "50%"),  # a share of it is right too
        ("\\frac{1}{2}", "\\frac{1}{2}"),
        ("#### x+1", "x+1"),  # not 1
        ("x+1", "x+1"),
        ("(C)", "(C)"),
        ("no idea", None),
        ("#### ", None),
        ("72 or 73", None),
    ],
)
def test_a_gold_answer_is_cleaned_as_answers_are(answer: str, gold: str | None) -> None:
    assert jsonl.gold_answer(answer) == gold


def test_other_fields_sizes_and_bare_answers(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"q": "a", "a": "7"}\n{"q": "b", "a": "-1.5"}\n{"q": "c", "a": "#### $2,000"}\n')
    read = jsonl.read(path, "q", "a")
    assert [(p.id, p.gold) for p in read] == [("mine/1", "7"), ("mine/2", "-1.5"), ("mine/3", "2000")]
    assert len(jsonl.read(path, "q", "a", size=2)) == 2
