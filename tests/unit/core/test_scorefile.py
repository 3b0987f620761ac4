"""Scoring a file: the engine's numbers, whole groups, bad rows named by file and line, nothing lost."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cli.rewards import score as cli_score
from core.analysis import score_file
from core.common.errors import DataError
from core.config.parsing import parse
from core.rewards import engine
from core.rewards.mix import Mix
from tests.support.samples import HYBRID, batch

MIX = parse(Mix, HYBRID)
ROW = {"prompt": "q", "completion": "#### 72", "gold": "72"}


def score(path: Path, **more: Any) -> tuple[list[dict[str, Any]], score_file.Tally]:
    out = io.StringIO()
    tally = score_file.score_file(MIX, path, out, **more)
    return [json.loads(line) for line in out.getvalue().splitlines()], tally


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(r if isinstance(r, str) else json.dumps(r) + "\n" for r in rows))
    return path


def test_a_file_gets_the_numbers_of_the_engine(tmp_path: Path) -> None:
    texts = ["#### 72", "#### 70", "3+4=7\n#### 7", "nothing"]
    path = write(
        tmp_path / "in.jsonl",
        [{**ROW, "completion": t, "group": "a", "mean_nll": 0.5, "mine": i} for i, t in enumerate(texts)],
    )
    rows, tally = score(path, step=3)
    expected = engine.score(batch(texts), MIX, 3)
    assert [r["total"] for r in rows] == pytest.approx(expected.total.tolist())
    assert [r["advantage"] for r in rows] == pytest.approx(expected.advantage.tolist())
    assert [r["mine"] for r in rows] == [0, 1, 2, 3]  # what the row had stays in it
    assert rows[0]["parsed"] == "72" and rows[0]["correct"] is True and rows[3]["parsed"] is None
    assert rows[0]["scores"]["correctness"] == 1.0 and rows[0]["contributions"]["correctness"] == 0.5
    assert (tally.rows, tally.correct, tally.no_answer) == (4, 1, 1)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{not json}\n", "is not JSON"),
        ("[1, 2]\n", "is list, not an object with prompt, completion, gold"),
        ('{"prompt": "q", "completion": "x"}\n', "has no 'gold'"),
        ('{"prompt": "q", "completion": 7, "gold": "7"}\n', "'completion' is int, not text"),
        (
            '{"prompt": "q", "completion": "7", "gold": "7", "step": "one"}\n',
            "'step' is 'one'; it must be a whole number from 1 on",
        ),
        ('{"prompt": "q", "completion": "7", "gold": "7", "step": true}\n', "'step' is True"),
        ('{"prompt": "q", "completion": "7", "gold": "7", "n_tokens": -4}\n', "'n_tokens' is -4"),
        (
            '{"prompt": "q", "completion": "7", "gold": "7", "mean_nll": 1' + "0" * 400 + "}\n",
            "'mean_nll' is '1000",
        ),
        ('{"prompt": "q", "completion": "7", "gold": "7", "mean_nll": NaN}\n', "NaN, which is no JSON"),
        ("[" * 100_000 + "\n", "recursion"),
    ],
)
def test_a_bad_row_is_named_and_the_rest_is_scored(tmp_path: Path, line: str, message: str) -> None:
    path = write(tmp_path / "in.jsonl", [ROW, line, "\n", ROW])
    rows, tally = score(path)
    assert len(rows) == 2 and len(tally.bad) == 1
    assert str(tally.bad[0]).startswith(f"{path}:2: ") and message in str(tally.bad[0])
    with pytest.raises(DataError, match="in.jsonl:2: "):
        score(path, strict=True)


def test_a_gold_answer_may_be_a_number(tmp_path: Path) -> None:
    rows, _ = score(write(tmp_path / "in.jsonl", [{**ROW, "gold": 72}, {**ROW, "gold": 72.5}]))
    assert [r["correct"] for r in rows] == [True, False]


def test_groups_stay_whole_however_long_the_file(tmp_path: Path) -> None:
    n = score_file.BATCH - 2  # the fourth row of the last group falls behind the end of a batch
    rows = [
        {**ROW, "group": i // 4, "completion": "#### 72" if i % 4 == 3 else "#### 0"} for i in range(n + 10)
    ]
    found, tally = score(write(tmp_path / "in.jsonl", rows))
    assert tally.rows == n + 10
    whole = found[: (n + 10) // 4 * 4]
    assert len({round(r["advantage"], 9) for r in whole}) == 2  # every group has the same two advantages
    sizes = [len(b) for b in score_file.batches(iter(rows))]
    assert all(size % 4 == 0 for size in sizes[:-1])


def test_rows_of_one_step_are_one_batch_with_that_steps_weights(tmp_path: Path) -> None:
    rows = [{**ROW, "step": step, "group": 0} for step in (1, 1, 5, 5)]
    found, _ = score(write(tmp_path / "in.jsonl", rows))
    # the ramp from step 1 to 5
    assert [r["contributions"]["correctness"] for r in found] == [0.0, 0.0, 1.0, 1.0]
    assert [len(b) for b in score_file.batches(iter(rows))] == [2, 2]  # group 0 of step 5 is another group


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        score(tmp_path / "none.jsonl")


def test_groups_that_are_numbered_anew_are_not_merged(tmp_path: Path) -> None:
    rows = [
        {**ROW, "group": g, "prompt": f"q{g} of step {s}", "completion": f"#### {72 * s}"}
        for s in (0, 1)
        for g in (0, 0, 1, 1)
    ]
    found, _ = score(write(tmp_path / "in.jsonl", rows))
    # every group is dead; merged by their labels they would not be
    assert {r["advantage"] for r in found} == {0.0}


def test_a_lone_surrogate_is_written_as_it_came(tmp_path: Path) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text('{"prompt": "q", "completion": "\\ud800 #### 72", "gold": "72"}\n')
    with (tmp_path / "out.jsonl").open("w", errors="backslashreplace") as out:
        score_file.score_file(MIX, path, out)
    assert json.loads((tmp_path / "out.jsonl").read_text())["completion"] == "\ud800 #### 72"


def test_adaptive_schedules_move_while_a_file_is_scored(tmp_path: Path) -> None:
    mix = parse(
        Mix,
        {
            **HYBRID,
            "blend": {"type": "adaptive", "signal": "accuracy", "threshold": 0.5, "rate": 0.5, "memory": 0},
        },
    )
    out = io.StringIO()
    score_file.score_file(mix, write(tmp_path / "in.jsonl", [{**ROW, "step": s} for s in (1, 2, 3)]), out)
    assert [json.loads(x)["contributions"]["correctness"] for x in out.getvalue().splitlines()] == [
        0.0,
        0.5,
        1.0,
    ]


def test_a_gold_answer_that_cannot_be_read_is_neither_right_nor_wrong(tmp_path: Path) -> None:
    golds = ["72", "72 dollars", r"\boxed{72}", "72 or 73", ""]
    rows, tally = score(write(tmp_path / "in.jsonl", [{**ROW, "gold": gold} for gold in golds]))
    assert [r["correct"] for r in rows] == [True, True, True, None, None]
    assert [r.get("reason") for r in rows] == [None] * 3 + [score_file.UNREADABLE] * 2
    assert [r["scores"]["correctness"] for r in rows] == [1.0, 1.0, 1.0, None, None]
    assert (tally.correct, tally.unreadable) == (3, 2)


def test_a_row_without_a_group_has_no_advantage_and_every_row_its_step(tmp_path: Path) -> None:
    rows, tally = score(
        write(tmp_path / "in.jsonl", [ROW, {**ROW, "group": 1}, {**ROW, "group": 1, "step": 3}]), step=2
    )
    assert [r["advantage"] is None for r in rows] == [True, False, False]
    assert [r["step"] for r in rows] == [2, 2, 3] and tally.steps == {2, 3} and tally.ungrouped == 1


def test_a_thought_that_the_prompt_opened_is_no_answer(tmp_path: Path) -> None:
    prompt = "<|im_start|>user\nq<|im_end|>\n<|im_start|>assistant\n<think>\n"
    texts = ["#### 72", "70</think>\n\n#### 72"]
    rows, _ = score(
        write(tmp_path / "in.jsonl", [{**ROW, "prompt": prompt, "completion": text} for text in texts])
    )
    assert [r["correct"] for r in rows] == [False, True]


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", [ROW, {**ROW, "gold": "72 or 73"}])
    done = CliRunner().invoke(
        cli_score, ["tiny-hybrid", str(path), str(tmp_path / "out.jsonl"), "--step", "7"]
    )
    assert done.exit_code == 0 and "weights as of step 7" in done.stdout
    assert done.stderr.count("have no 'group'; their advantage is null") == 1
    assert done.stderr.count("1 of 2 rows have a gold answer that cannot be read") == 1


def test_a_file_of_which_no_row_can_be_read_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "in.jsonl", ["{not json}\n", '{"prompt": "q"}\n'])
    done = CliRunner().invoke(cli_score, ["tiny-hybrid", str(path), str(tmp_path / "out.jsonl")])
    assert done.exit_code == 1 and "no row could be read" in str(done.exception) + done.stderr
    assert not (tmp_path / "out.jsonl").exists()
