"""Reads problems from a JSONL file in GSM8K's shape.

Each line has a `question`, and an `answer` that ends in `#### N` or is the bare answer. Every fault names
file and line.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from core.common.errors import DataError
from core.files.regular_files import open_text
from core.grading.answers import read_gold
from core.problems.problem import Problem

# words alone: more likely the wrong field than an answer
SENTENCE = re.compile(r"[^\W\d_]+(?:\W+[^\W\d_]+)+\W*")
SURROGATE = re.compile(r"[\ud800-\udfff]")
MOST_LINE = 10_000_000  # characters
MOST_ID = 200  # characters of a problem's id that the database stores


def gold_answer(answer: str) -> str | None:
    """The gold answer in an answer field; None if it cannot be read.

    It is the text behind the last `####`, else the whole field, and it is cleaned as answers are:
    `$8{,}880$`, `\\boxed{8880}` and `8,880 dollars` are all `8880`. An expression stays whole.
    """
    gold = read_gold(answer)
    if gold is None or (gold.value is None and SENTENCE.fullmatch(gold.text)):
        return None
    return gold.text


def to_problem(
    row: Any, where: str, problem_id: str, question: str = "question", answer: str = "answer"
) -> Problem:
    """Make a problem from a row.

    DataError naming `where` when a field is missing, no gold answer can be read, or the id is too long to
    be stored.
    """
    if len(problem_id) > MOST_ID:
        raise DataError(
            f"{where}: the problem's id {problem_id!r} has {len(problem_id)} characters, and at most "
            f"{MOST_ID} are stored; it begins with the name of the data, so give the file or data set a "
            "shorter name"
        )
    if not isinstance(row, dict):
        raise DataError(
            f"{where}: expected an object with {question!r} and {answer!r}, got {type(row).__name__}"
        )
    for field in (question, answer):
        if row.get(field) is None:
            raise DataError(f"{where}: no field {field!r}; it has {', '.join(map(repr, row)) or 'none'}")
        if SURROGATE.search(str(row[field])):
            raise DataError(
                f"{where}: field {field!r} holds half a character (a lone surrogate), which no file or model "
                "takes"
            )
    text = str(row[answer])
    gold = gold_answer(text)
    if gold is None:
        raise DataError(
            f"{where}: no gold answer in field {answer!r}; "
            "it must be a number (a unit may follow) or an expression, or end in '#### <number>'"
        )
    return Problem(problem_id, str(row[question]).strip(), gold, text)


def _rows(path: Path, opened: Callable[[Path], TextIO]) -> Iterator[tuple[int, Any]]:
    try:
        with opened(path) as lines:
            for line_number, line in enumerate(iter(partial(lines.readline, MOST_LINE + 1), ""), 1):
                if len(line) > MOST_LINE:
                    raise DataError(
                        f"{path}, line {line_number}: longer than {MOST_LINE:,} characters; one problem is "
                        "one line"
                    )
                if line.strip():
                    try:
                        yield line_number, json.loads(line)
                    # also for a number of thousands of digits, or brackets nested too deep
                    except (ValueError, RecursionError) as error:
                        raise DataError(f"{path}, line {line_number}: not JSON ({error})") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text ({error})") from error


def read(
    path: Path,
    question: str = "question",
    answer: str = "answer",
    size: int | None = None,
    opened: Callable[[Path], TextIO] = open_text,
) -> list[Problem]:
    """The first `size` problems of a file (all when None). Ids are `<file stem>/<line number>`.

    `opened` opens the file. Where a config names the file, pass core.files.data_roots.open_text: a config
    is not to be trusted as a user's own command is.
    """
    problems: list[Problem] = []
    for line_number, row in _rows(path, opened):
        place = f"{path}, line {line_number}"
        problems.append(to_problem(row, place, f"{path.stem}/{line_number}", question, answer))
        if size is not None and len(problems) == size:
            break
    if not problems:
        raise DataError(f"{path}: holds no problems")
    return problems
