"""Files and texts that were made to take a process down: each is refused by name, before it costs time or
memory."""

import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from core.analysis.score_file import rows
from core.common.config_model import MOST, Frozen
from core.common.errors import ConfigError, DataError
from core.config.parsing import parse
from core.config.run import RunConfig
from core.config.yaml_read import MOST_CHARACTERS, MOST_DEPTH, load, of_text, read_yaml
from core.problems import jsonl
from tests.support.samples import HARD


def merges(levels: int) -> str:
    """Each level merges ten of the one before: ten times the memory for eighty characters more."""
    lines = ["a0: &a0 {x: 1}"]
    for n in range(1, levels):
        lines.append(f"a{n}: &a{n}\n" + "".join(f"  k{k}: {{<<: *a{n - 1}, y{k}: 1}}\n" for k in range(10)))
    return "\n".join(lines)


def aliases(levels: int) -> str:
    inner = "\n".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels))
    return "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + inner


YAML = {
    "merges of merges": merges(9),
    "merges in a list": "a: &a {x: 1}\n" + "\n".join(f"c{n}: {{<<: [{', '.join(['*a'] * 900)}]}}" for n in range(20)),
    "aliases of aliases": aliases(9),
    "an alias of itself": "a: &a [*a]",
    "a mapping that merges itself": "a: &a {<<: *a}",
    "brackets": "[" * 30_000,
    "closed brackets": "[" * 3_000 + "]" * 3_000,
    "maps in maps": "\n".join(" " * n + "a:" for n in range(300)),
    "a megabyte to the base of 60": "a: 1" + ":59" * 330_000,
    "as much to the base of 60 as may be written": "a: 1" + ":59" * 83_000,
    "many to the base of 60": "[" + ", ".join(["1" + ":59" * 300] * 270) + "]",
    "a number of many digits": "a: " + "9" * 249_000,
    "a number in scientific notation": "a: 1." + "0" * 5_000 + "e+5000",
    "too many values": "[" + "x," * 30_000 + "]",
    "too long": "# " + "x" * MOST_CHARACTERS,
    "not YAML": "a: b: c",
    "tags of Python": "!!python/object/apply:os.system [id]",
    "a date of no day": "a: 2026-02-31",
    "control characters": "a: \x01",
    "a lone surrogate": 'a: "\\ud800"\nb: [',
}  # fmt: skip


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", YAML.values(), ids=list(YAML))
def test_yaml_that_would_grow_is_refused_before_it_does(text: str, tmp_path: Path) -> None:
    file = tmp_path / "given.yaml"
    file.write_text(text, encoding="utf-8", errors="surrogatepass")
    # what is long takes its time to be read, four times as long where memory is counted
    if len(text) < 20_000:
        tracemalloc.start()
    try:
        with pytest.raises(ConfigError):
            of_text(text)
        assert tracemalloc.get_traced_memory()[1] < 20e6
    finally:
        tracemalloc.stop()
    with pytest.raises(ConfigError, match="given.yaml"):
        load(file)


def test_yaml_as_people_write_it_is_read(tmp_path: Path) -> None:
    text = "common: &common {a: 1, b: [1, 2]}\nmade: {<<: *common, c: 1:30}\nlist: [*common, *common]\n"
    file = tmp_path / "given.yaml"
    file.write_text(text)
    common = {"a": 1, "b": [1, 2]}
    assert read_yaml(file) == {"common": common, "made": {**common, "c": 90}, "list": [common, common]}
    deep = "[" * (MOST_DEPTH - 1) + "]" * (MOST_DEPTH - 1)
    file.write_text(deep)
    assert read_yaml(file)
    file.write_text("")
    assert read_yaml(file) is None


def test_a_fault_in_yaml_has_its_place() -> None:
    with pytest.raises(ConfigError, match="line 2, column 4"):
        of_text("a: 1\nb: " + "9" * 200)


def pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


NO_FILES: dict[str, Callable[[Path], Path]] = {
    "endless zeros": lambda _: Path("/dev/zero"),
    "a pipe nobody writes into": lambda folder: pipe(folder / "pipe"),
    "a folder": lambda folder: folder,
    "a file that is not there": lambda folder: folder / "none",
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("made", NO_FILES.values(), ids=list(NO_FILES))
def test_what_is_no_file_is_not_opened(made: Callable[[Path], Path], tmp_path: Path) -> None:
    path = made(tmp_path)
    with pytest.raises(DataError, match="cannot be read"):
        jsonl.read(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_yaml(path)


LINES = {
    "no end of a line": ("x" * (jsonl.MOST_LINE + 1), "longer than"),
    "brackets": ("[" * 100_000, "not JSON"),
    "a number of 5,000 digits": ('{"question": ' + "1" * 5_000 + "}", "not JSON"),
    "a list": ("[1]", "expected an object"),
    "half a character": (
        '{"question": "a\\ud800", "answer": "2"}',
        "field 'question' holds half a character",
    ),
    "half a character in the answer": (
        '{"question": "a", "answer": "\\udc00 2"}',
        "field 'answer' holds half a character",
    ),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("line", "why"), LINES.values(), ids=list(LINES))
def test_a_line_of_data_that_is_none_is_named_without_its_text(line: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "data.jsonl"
    file.write_text('{"question": "1+1?", "answer": "2"}\n' + line)
    with pytest.raises(DataError, match=f"data.jsonl, line 2: {why}") as raised:
        jsonl.read(file)
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize(
    "secret", ["-----BEGIN PRIVATE KEY-----\nMIIEvQ", "correct horse battery staple", "xoxb-12-abcdef"]
)
def test_no_value_of_a_file_is_in_a_message(secret: str, tmp_path: Path) -> None:
    file = tmp_path / "keys.jsonl"
    file.write_text(json.dumps({"question": secret, "answer": f"the key is {secret}, so keep it"}))
    with pytest.raises(DataError) as raised:
        jsonl.read(file, answer="answer")
    assert not any(word in str(raised.value) for word in secret.split())


def test_a_sample_file_is_read_line_by_line_up_to_a_length(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.analysis.score_file.MOST_LINE", 1000)
    file = tmp_path / "samples.jsonl"
    file.write_text("x" * 2000)
    with pytest.raises(DataError, match="line 1: longer than"):
        list(rows(file, lambda _: None, lambda _: None))


HUGE = [
    {"grpo": {"num_generations": 1000000000000007, "num_processes": 3}},
    {"grpo": {"max_steps": 10**20}},
    {"grpo": {"max_steps": 1e20}},
    {"grpo": {"prompts_per_step": 60_000, "num_generations": 4000}},
    {"grpo": {"generation_batch_size": 10**30}},
    {"grpo": {"max_completion_length": 10**400}},
    {"evaluation": {"num_samples": 10**9}},
    {"checkpoint": {"every": 10**18}},
    {"data": {"train": {"name": "tiny-arithmetic", "size": 10**15}}},
    {"seed": 2**63},
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("values", HUGE, ids=[json.dumps(v)[:60] for v in HUGE])
def test_no_whole_number_of_a_config_is_without_a_bound(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        parse(RunConfig, {"mix": {"terms": HARD}, **values})


def test_every_whole_number_of_a_config_says_how_large_it_may_be() -> None:
    """The bound of all numbers would let a search for a divisor take an hour."""
    waiting, seen = [RunConfig], set[type[Frozen]]()
    while waiting:
        kind = waiting.pop()
        seen.add(kind)
        for name, info in kind.model_fields.items():
            if info.annotation in (int, int | None):
                bounds = [getattr(m, "le", None) or getattr(m, "lt", None) for m in info.metadata]
                assert any(bounds), f"{kind.__name__}.{name} has no upper bound"
            if (
                isinstance(info.annotation, type)
                and issubclass(info.annotation, Frozen)
                and info.annotation not in seen
            ):
                waiting.append(info.annotation)
    assert len(seen) > 8 and MOST == 10**12
