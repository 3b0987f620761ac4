"""What the worker makes of tokens: what a template has begun, and completions in which a thought stays one."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from core.config import DataSource
from core.errors import DataError
from worker import data

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
        (["[THINK]", "[/THINK]"], "[THINK] 71 [/THINK] 72 <eos>", "[THINK] 71 [/THINK] 72"),  # without them, 71 is an answer
        ([], "<think> 71 </think> 72 <eos>", "<think> 71 </think> 72"),
        (["user"], "71 user 72 <eos>", "71 72"),  # other special tokens are left out
    ],
)
def test_marks_of_thoughts_stay_in_the_text(special: list[str], completion: str, text: str) -> None:
    (decoded,) = data.texts(tokenizer(special), [ids(completion)])
    assert decoded.split() == text.split()


def test_what_each_prompt_has_begun() -> None:
    prompts = [ids("user 72 <think>"), ids("user 72"), ids("user <think> </think>")]
    assert [begun.split() for begun in data.begun(tokenizer([]), prompts)] == [["<think>"], [], ["<think>", "</think>"]]


def test_a_folder_under_the_name_of_a_data_set_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`datasets` would read what lies there, and quote its first line where it is no data."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "private.jsonl").write_text("-----BEGIN PRIVATE KEY-----")
    with pytest.raises(DataError, match="a file or folder here") as raised:
        data.problems(DataSource(name="keys"), "train")
    assert "BEGIN" not in str(raised.value)
