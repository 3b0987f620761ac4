"""Further forwards of the policy: without the prompt, for self-certainty, with the gold answer.

Knows token ids and models; knows nothing of TRL, mixes and scores. Axes: n samples, T tokens, V vocabulary.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from core.common.groups import FloatArray

Ids = list[list[int]]
MARKER = re.compile(r"####|\\boxed\s*\{")
# logits computed at once: 2 GB in float32. With a vocabulary of 150,000 they could otherwise need more memory
# than training
MOST_LOGITS = 1 << 29
STATE = "#### "  # introduces an answer where the completion contains no marker


@contextmanager
def looking(model: torch.nn.Module) -> Iterator[None]:
    """A block without gradient and dropout; it draws no random numbers, so the training does not change."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)


def mean_nll(logps: torch.Tensor, mask: torch.Tensor) -> FloatArray:
    """[n] mean negative log-probability in nats; NaN for no tokens.

    From log-probs [n, T] and the mask of real tokens.
    """
    return (-(logps * mask).sum(1) / mask.sum(1)).double().cpu().numpy()


def up_to_answer(completion: str) -> str:
    """The completion up to and including its last answer marker, so that an answer can follow.

    Without a marker it is the whole completion and `####`.
    """
    markers = list(MARKER.finditer(completion))
    if not markers:
        return f"{completion}\n{STATE}"
    marker = markers[-1]
    return completion[: marker.start()] + (STATE if marker.group() == "####" else marker.group())


@dataclass(frozen=True)
class Forwards:
    """A policy, and how to run it. Each method runs every sample through it once, in micro-batches.

    `token_logps(prompt_ids, completion_ids)` returns log-probs [n, T] at the sampling temperature and their
    mask; `autocast` sets the precision of training; `template` holds the chat template's settings.
    """

    model: torch.nn.Module
    tokenizer: PreTrainedTokenizerBase
    token_logps: Callable[[Ids, Ids], tuple[torch.Tensor, torch.Tensor]]
    micro_batch: int
    device: torch.device
    autocast: Callable[[], AbstractContextManager[Any]]
    template: dict[str, Any]

    def nll(self, prompt_ids: Ids, completion_ids: Ids) -> FloatArray:
        """[n] mean NLL in nats of the completion's tokens after the prompt, at the sampling temperature."""
        return self.nll_by_token(prompt_ids, completion_ids)[0]

    def nll_by_token(self, prompt_ids: Ids, completion_ids: Ids) -> tuple[FloatArray, list[list[float]]]:
        """[n] mean NLL in nats of each completion, as `nll` returns it, and the NLL of each of its tokens."""
        with looking(self.model):
            logps, mask = self.token_logps(prompt_ids, completion_ids)
        rows = (-logps.float()).cpu().tolist()
        return mean_nll(logps, mask), [row[: len(ids)] for row, ids in zip(rows, completion_ids, strict=True)]

    def nll_without_prompt(self, completion_ids: Ids) -> FloatArray:
        """[n] mean NLL in nats of the completion's tokens after an empty user turn.

        Source: arXiv 2509.05489 (amazon-science/Self-Aligned-Reward).
        """
        return self.nll([self.empty_prompt()] * len(completion_ids), completion_ids)

    def empty_prompt(self) -> list[int]:
        """Token ids of a prompt that asks nothing; at least one, since a first token needs a predecessor."""
        tokenizer = self.tokenizer
        if tokenizer.chat_template is None:
            first = tokenizer.bos_token_id
            return [tokenizer.eos_token_id if first is None else first]
        turn = [{"role": "user", "content": ""}]
        encoded: Any = tokenizer.apply_chat_template(
            turn, add_generation_prompt=True, return_dict=True, **self.template
        )
        return list(encoded["input_ids"])

    def self_certainty(self, prompt_ids: Ids, completion_ids: Ids) -> FloatArray:
        """[n] mean KL(uniform || policy) in nats over the completion's tokens; NaN for no tokens.

        At temperature 1. Per token logsumexp(l) - mean_v l - log V, in float32. Source: Intuitor
        (sunblaze-ucb/Intuitor).
        """
        sequences = [p + c for p, c in zip(prompt_ids, completion_ids, strict=True)]
        vocabulary = self.model.config.get_text_config().vocab_size  # type: ignore[union-attr,operator]
        at_once = max(1, min(self.micro_batch, MOST_LOGITS // (max(map(len, sequences)) * vocabulary)))
        kl = np.full(len(sequences), np.nan)
        with looking(self.model):
            for start in range(0, len(sequences), at_once):
                logits = self._logits(sequences[start : start + at_once])
                for i, row in enumerate(logits, start):
                    end = len(sequences[i]) - 1
                    values = row[end - len(completion_ids[i]) : end].float()
                    if len(values):
                        kl[i] = (
                            (values.logsumexp(-1) - values.mean(-1) - np.log(values.shape[-1])).mean().item()
                        )
        return kl

    def _logits(self, sequences: Ids) -> torch.Tensor:
        """[n, T, V] logits of right-padded sequences.

        They begin at position 0, so models with absolute positions need no position ids.
        """
        width = max(map(len, sequences))
        ids = torch.full((len(sequences), width), self.tokenizer.pad_token_id)
        mask = torch.zeros_like(ids)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = torch.tensor(sequence)
            mask[row, : len(sequence)] = 1
        with self.autocast():
            logits: torch.Tensor = self.model(
                input_ids=ids.to(self.device), attention_mask=mask.to(self.device)
            ).logits
        return logits

    def reference_probability(self, prompt_ids: Ids, completions: list[str], golds: list[str]) -> FloatArray:
        """[n] mean probability of the gold answer's tokens in place of the completion's own answer.

        At the sampling temperature. Source: RLPR (arXiv 2506.18254; OpenBMB/RLPR).
        """
        reasoning = self._encode([up_to_answer(text) for text in completions])
        return self._probability(
            [p + z for p, z in zip(prompt_ids, reasoning, strict=True)], self._encode(golds)
        )

    def reference_baseline(self, prompt_ids: Ids, golds: list[str]) -> FloatArray:
        """[n] mean probability of the gold answer's tokens right after the prompt, without any reasoning.

        Computed once for each distinct prompt and gold answer.
        """
        pairs = [(tuple(p), gold) for p, gold in zip(prompt_ids, golds, strict=True)]
        distinct = list(dict.fromkeys(pairs))
        (state,) = self._encode([STATE])
        probabilities = self._probability(
            [[*p, *state] for p, _ in distinct], self._encode([gold for _, gold in distinct])
        )
        by_question = dict(zip(distinct, probabilities, strict=True))
        return np.array([by_question[question] for question in pairs])

    def _probability(self, before: Ids, gold: Ids) -> FloatArray:
        with looking(self.model):
            logps, mask = self.token_logps(before, gold)
        return ((logps.exp() * mask).sum(1) / mask.sum(1)).double().cpu().numpy()

    def _encode(self, texts: list[str]) -> Ids:
        # Each piece of a text is encoded on its own, so that the gold answer's tokens do not depend on the
        # reasoning.
        encoded: Ids = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
        return encoded
