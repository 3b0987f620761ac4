"""Which characters each token wrote, and what a training stores of it; pairs are what TRL takes."""

import json

import pytest
from transformers import PreTrainedTokenizerBase
from trl.data_utils import apply_chat_template, is_conversational

from core.analysis import preference
from core.config.run import ModelConfig
from core.rewards.tokens import unpack
from core.store.runs import queries
from worker.training import policy
from worker.training.scoring.token_spans import Pieces


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerBase:
    return policy.load(ModelConfig(path="tiny"))[1]


class Bytes:
    """A tokenizer of bytes, as the last resort of large ones: a character may be spread over four tokens."""

    def decode(self, ids: list[int], skip_special_tokens: bool) -> str:
        return bytes(i for i in ids if i < 256).decode(errors="replace")


@pytest.mark.parametrize(
    ("text", "wanted", "why"),
    [
        ("ab", [1, 1], "a byte a character"),
        ("a\u00e9b", [1, 0, 1, 1], "the token that ends a character has it"),
        ("\U0001f600!", [0, 0, 0, 1, 1], "one code point of four tokens"),
        ("", [], "nothing was written"),
    ],
)
def test_a_character_belongs_to_the_token_that_ends_it(text: str, wanted: list[int], why: str) -> None:
    assert Pieces(Bytes()).lengths([*text.encode()], text) == wanted, why


def test_special_tokens_have_no_characters_and_a_text_that_does_not_fit_is_left_alone() -> None:
    assert Pieces(Bytes()).lengths([97, 300], "a") == [1, 0]
    assert Pieces(Bytes()).lengths([97, 98], " ab") is None  # as tokenizers do that drop a space at the start


def test_the_tiny_models_tokens_make_its_texts(tokenizer: PreTrainedTokenizerBase) -> None:
    text = "5+3=8\n8*2=16\n#### 16<|end|>"
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    lengths = Pieces(tokenizer).lengths(ids, tokenizer.decode(ids, skip_special_tokens=True))
    assert lengths and sum(lengths) == len(text.removesuffix("<|end|>")) and lengths[-1] == 0


def test_a_training_that_has_log_probs_stores_them_token_by_token(trained: int) -> None:
    """Their mean is the stored mean_nll, but for a hundredth of a nat a token."""
    for sample in queries.samples_at(trained, 3):
        assert sample.token_nll and sample.mean_nll is not None and sample.dead is not None
        tokens = unpack(sample.token_nll)
        assert "".join(sample.completion[t.start : t.end] for t in tokens) == sample.completion
        every = json.loads(sample.token_nll)[1]
        assert len(every) == sample.n_tokens and sum(every) / 100 / len(every) == pytest.approx(
            sample.mean_nll, abs=0.006
        )


def test_a_pair_is_a_row_of_trls_preference_format(tokenizer: PreTrainedTokenizerBase) -> None:
    row = preference.row("How many?", "Think.", "#### 7", "#### 8")
    assert is_conversational(row)
    made = apply_chat_template(row, tokenizer)
    assert (
        set(made) == {"prompt", "chosen", "rejected"}
        and "Think." in made["prompt"]
        and "#### 8" in made["rejected"]
    )
