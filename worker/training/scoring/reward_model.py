"""A reward model: a sequence classifier that gives one value for a prompt and its completion.

Loaded once per run, in the training child. Knows nothing of mixes and trainings. Axes: n samples.
"""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from core.common.errors import ModelError
from core.common.groups import FloatArray
from core.config.run import ModelConfig
from core.files import data_roots, model_folders
from core.rewards.components.reward_model import Params
from worker.training import policy


def location(path: str) -> str:
    """Where a reward model is loaded from: a local folder, or the hub name unchanged."""
    if not path:
        raise ModelError(
            "reward_model has no path; give the folder or hub name of a sequence-classification model"
        )
    if not data_roots.is_path(path):
        return path
    folder = policy.folder_of(path, "the path of a reward_model")
    if not os.path.isdir(folder):
        raise ModelError(
            f"reward model {path!r} does not exist; give a folder written by save_pretrained, or a hub name"
        )
    if fault := model_folders.base_fault(folder):
        raise ModelError(f"reward model {path} {fault}")
    return str(folder)


class RewardModel:
    """A reward model on `device`. Raises ModelError when it is missing or is not a reward model."""

    def __init__(self, params: Params, device: torch.device, micro_batch: int) -> None:
        self.params = params
        self.device = device
        self.micro_batch = micro_batch
        source = location(params.path)
        try:
            # Truncated on the left: the end of a completion says more than the beginning of a prompt.
            self.tokenizer = AutoTokenizer.from_pretrained(
                source, padding_side="right", truncation_side="left", trust_remote_code=False
            )
            model, info = AutoModelForSequenceClassification.from_pretrained(
                source, dtype=policy.dtype(ModelConfig()), output_loading_info=True, trust_remote_code=False
            )
        # the library raises many kinds; each means that this model is not available
        except Exception as error:
            raise ModelError(
                f"reward model {params.path!r} cannot be loaded: {error}; give a folder written by "
                "save_pretrained or a hub name, of an architecture that needs no code of its own"
            ) from error
        if info["missing_keys"]:  # the library would fill them with random numbers
            missing = ", ".join(sorted(info["missing_keys"])[:3])
            raise ModelError(
                f"reward model {params.path!r} lacks the weights {missing}; give a trained reward model"
            )
        if model.config.num_labels != 1:
            raise ModelError(
                f"reward model {params.path!r} has {model.config.num_labels} outputs; a reward model has one"
            )
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        text_config = model.config.get_text_config()
        if text_config.pad_token_id is None:
            text_config.pad_token_id = self.tokenizer.pad_token_id
        self.limit = min(
            self.tokenizer.model_max_length, getattr(text_config, "max_position_embeddings", 1 << 30)
        )
        self.model = model.to(device).eval().requires_grad_(False)

    def score(self, prompts: Sequence[str], completions: Sequence[str]) -> FloatArray:
        """[n] sigmoid((value - shift) / scale) in [0, 1].

        A text that is too long for the model loses its beginning.
        """
        scores = []
        for start in range(0, len(prompts), self.micro_batch):
            rows = slice(start, start + self.micro_batch)
            encoded = [self._encode(p, c) for p, c in zip(prompts[rows], completions[rows], strict=True)]
            inputs = self.tokenizer.pad(encoded, return_tensors="pt").to(self.device)
            with torch.no_grad():
                value = self.model(**inputs).logits[:, 0].double()
            scores.append(torch.sigmoid((value - self.params.shift) / self.params.scale).cpu().numpy())
        return np.concatenate(scores)

    def _encode(self, prompt: str, completion: str) -> Any:
        """Encode the turns with the model's own chat template; without one, the two texts as a pair."""
        cut: dict[str, Any] = {"truncation": True, "max_length": self.limit}
        if self.tokenizer.chat_template is None:
            return self.tokenizer(prompt, completion, **cut)
        turns = [{"role": "user", "content": prompt}, {"role": "assistant", "content": completion}]
        return self.tokenizer.apply_chat_template(turns, return_dict=True, **cut)
