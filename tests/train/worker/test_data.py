"""What the worker makes of tokens: what a template has begun, and completions in which a thought stays one."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset_builder
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from core.common.errors import DataError
from core.config.run import DataSource
from worker.training import data

WORDS = ["<unk>", "<eos>", "[THINK]", "[/THINK]", "<think>", "</think>", "72", "71", "user"]


def tokenizer(special: list[str]) -> PreTrainedTokenizerFast:
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="<unk>", eos_token="<eos>", additional_special_tokens=special
    )


def ids(text: str) -> list[int]:
    return [WORDS.index(word) for word in text.split()]


@pytest.mark.parametrize(
    ("special", "completion", "text"),
    [
        (
            ["[THINK]", "[/THINK]"],
            "[THINK] 71 [/THINK] 72 <eos>",
            "[THINK] 71 [/THINK] 72",
        ),  # without them, 71 is an answer
        ([], "<think> 71 </think> 72 <eos>", "<think> 71 </think> 72"),
        (["user"], "71 user 72 <eos>", "71 72"),  # other special tokens are left out
    ],
)
def test_marks_of_thoughts_stay_in_the_text(special: list[str], completion: str, text: str) -> None:
    (decoded,) = data.texts(tokenizer(special), [ids(completion)])
    assert decoded.split() == text.split()


def test_what_each_prompt_has_begun() -> None:
    prompts = [ids("user 72 <think>"), ids("user 72"), ids("user <think> </think>")]
    assert [begun.split() for begun in data.begun(tokenizer([]), prompts)] == [
        ["<think>"],
        [],
        ["<think>", "</think>"],
    ]


def test_a_folder_under_the_name_of_a_data_set_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`datasets` would read what lies there, and quote its first line where it is no data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "private.jsonl").write_text("-----BEGIN PRIVATE KEY-----")
    with pytest.raises(DataError, match="a file or folder here") as raised:
        data.problems(DataSource(name="keys"), "train")
    assert "BEGIN" not in str(raised.value)


@pytest.mark.parametrize("name", ["text", "json", "csv", "parquet"])
def test_the_name_of_a_reader_is_no_data_set(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under these names `datasets` reads the files of the directory that it is started in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    (tmp_path / "train.jsonl").write_text('{"text": "a private line", "question": "2+2?", "answer": "4"}\n')
    (tmp_path / "train.csv").write_text("question,answer\n2+2?,4\n")
    pq.write_table(pa.table({"question": ["2+2?"], "answer": ["4"]}), tmp_path / "train.parquet")
    with pytest.raises(DataError, match="are not its own on the hub"):
        data.problems(DataSource(name=name, question="text", answer="text"), "train")


@pytest.mark.parametrize("listed", ["{out}", "../out/*.jsonl", "file://{out}", "https://localhost:1/x.jsonl"])
def test_a_data_set_of_the_hub_names_no_file_of_this_machine(
    listed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A README of whoever put the data set there may; `datasets` follows it. The hub is a folder here."""
    (tmp_path / "out").mkdir()
    (tmp_path / "hub").mkdir()
    out = tmp_path / "out" / "keys.jsonl"
    out.write_text('{"question": "a private line", "answer": "4"}\n')
    (tmp_path / "hub" / "README.md").write_text(
        f"---\nconfigs:\n- config_name: default\n  data_files: {listed.format(out=out)}\n---\n"
    )
    monkeypatch.setattr(
        data,
        "load_dataset_builder",
        lambda _name, subset: load_dataset_builder(str(tmp_path / "hub"), subset),
    )
    with pytest.raises(DataError, match="are not its own on the hub|cannot be loaded") as raised:
        data.problems(DataSource(name="someone/data"), "train")
    assert "private" not in str(raised.value)


@pytest.mark.parametrize(
    ("file", "is_there"),
    [
        ("hf://datasets/openai/gsm8k@e53f048/main/train-00000-of-00001.parquet", True),
        ("zip://data/train.csv::hf://datasets/a/b@c/x.zip", True),
        ("gzip://x::zip://y::hf://datasets/a/b@c/x.zip", True),
        ("/etc/passwd", False),
        ("file:///etc/passwd", False),
        ("file:///etc/passwd::hf://datasets/a/b@c/x.zip", False),
        ("zip://x::/home/u/x.zip", False),
        ("http://169.254.169.254/latest", False),
        ("hf:/etc/passwd", False),
        ("", False),
    ],
)
def test_where_a_file_of_a_data_set_lies(file: str, is_there: bool) -> None:
    assert data.on_hub(file) == is_there
