"""The reward model: the same values as one text at a time, and a reason for every model that is none."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from core.common.errors import ModelError
from core.rewards.components.reward_model import Params
from tests.support.reward_models import save
from worker import tiny
from worker.training.scoring.reward_model import RewardModel

PROMPTS = ["Ann has 3 pens.", "Ben has 12 apples. He buys 5. How many apples does Ben have?", "x"]
COMPLETIONS = ["3\n#### 3", "12+5=17\n#### 17", "a much longer answer that goes on and on\n#### 1"]


def loaded(folder: Path, micro_batch: int = 2, **params: Any) -> RewardModel:
    return RewardModel(Params(path=str(folder), **params), torch.device("cpu"), micro_batch)


def naive(folder: Path, prompt: str, completion: str, chat: bool) -> float:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    ids = tokenizer(f"<|user|>{prompt}<|assistant|>{completion}<|end|>" if chat else prompt + completion)[
        "input_ids"
    ]
    with torch.no_grad():
        return float(model(torch.tensor([ids])).logits[0, 0])


@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize("micro_batch", [1, 2, 3])
def test_scores_equal_one_text_at_a_time(tmp_path: Path, chat: bool, micro_batch: int) -> None:
    folder = save(tmp_path / "rm")
    if not chat:
        (folder / "chat_template.jinja").unlink()
    model = loaded(folder, micro_batch, shift=0.25, scale=2.0)
    assert (model.tokenizer.chat_template is not None) == chat and not model.model.training
    values = [naive(folder, p, c, chat) for p, c in zip(PROMPTS, COMPLETIONS, strict=True)]
    expected = [float(torch.sigmoid(torch.tensor((v - 0.25) / 2))) for v in values]
    assert len({round(e, 3) for e in expected}) == 3
    assert model.score(PROMPTS, COMPLETIONS) == pytest.approx(expected, abs=1e-5)


def test_what_is_too_long_loses_its_beginning(tmp_path: Path) -> None:
    model = loaded(save(tmp_path / "rm", max_position_embeddings=32))
    assert model.limit == 32
    cut, whole = model._encode("pens " * 400, "#### 7")["input_ids"], model._encode("", "#### 7")["input_ids"]
    assert len(cut) == 32 and cut[-5:] == whole[-5:]  # the answer's


def test_a_tokenizer_without_padding_still_scores_many_at_once(tmp_path: Path) -> None:
    folder = save(tmp_path / "rm", pad_token_id=None)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = None
    tokenizer.save_pretrained(folder)
    model = loaded(folder, 3)
    assert model.score(PROMPTS, COMPLETIONS) == pytest.approx(
        [float(loaded(folder, 1).score([p], [c])[0]) for p, c in zip(PROMPTS, COMPLETIONS, strict=True)],
        abs=1e-5,
    )


def test_a_missing_path_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"/nowhere' does not exist; give a folder"):
        loaded(tmp_path / "nowhere")
    with pytest.raises(ModelError, match="reward_model has no path; give the folder or hub name"):
        RewardModel(Params(), torch.device("cpu"), 1)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="(?s)cannot be loaded: .*give a folder written by save_pretrained"):
        loaded(tmp_path / "empty")


def test_a_model_without_one_value_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"lacks the weights score.weight; give a trained reward model"):
        loaded(tiny.folder("tiny"))  # a language model: the library would give it a random head
    with pytest.raises(ModelError, match="has 2 outputs; a reward model has one"):
        loaded(save(tmp_path / "two", num_labels=2))
