"""Further looks of the policy at what it generated: without the prompt, at its certainty, at the gold answer.

Called by worker.trainer once a batch, for the fields of core.batch.RolloutBatch that the mix's components ask for. Knows
token ids and models; knows nothing of TRL, mixes and scores. Axes: n samples, T tokens, V vocabulary.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedTokenizerBase

from core.groups import FloatArray

Ids = list[list[int]]
MARKER = re.compile(r"####|\\boxed\s*\{")
MOST_LOGITS = 1 << 29  # at once: 2 GB in float32. A vocabulary of 150,000 would else need more memory than training
STATE = "#### "  # how an answer is stated where the completion does not say how


@contextmanager
def looking(model: torch.nn.Module) -> Iterator[None]:
    """No gradient and no dropout: a look draws no random numbers, so it changes no training."""
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(was_training)


def mean_nll(logps: torch.Tensor, mask: torch.Tensor) -> FloatArray:
    """[n] mean negative log-probability in nats, of log-probs [n, T] and the mask of real tokens; NaN for no tokens."""
    return (-(logps * mask).sum(1) / mask.sum(1)).double().cpu().numpy()


def up_to_answer(completion: str) -> str:
    """The completion up to its last answer marker, ready for an answer to follow; all of it and `####` without one."""
    found = list(MARKER.finditer(completion))
    if not found:
        return f"{completion}\n{STATE}"
    marker = found[-1]
    return completion[: marker.start()] + (STATE if marker.group() == "####" else marker.group())


@dataclass(frozen=True)
class Forwards:
    """A policy, and how to run it. Each method runs every sample through it once, in micro-batches.

    `token_logps(prompt_ids, completion_ids)` gives log-probs [n, T] at the sampling temperature and their mask;
    `autocast` the precision of training; `template` the chat template's settings.
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
        """The same, and the NLL of each token of each completion."""
        with looking(self.model):
            logps, mask = self.token_logps(prompt_ids, completion_ids)
        rows = (-logps.float()).cpu().tolist()
        return mean_nll(logps, mask), [row[: len(ids)] for row, ids in zip(rows, completion_ids, strict=True)]

    def nll_without_prompt(self, completion_ids: Ids) -> FloatArray:
        """[n] the same after an empty user turn.

        Source: arXiv 2509.05489 (amazon-science/Self-Aligned-Reward).
        """
        return self.nll([self.empty_prompt()] * len(completion_ids), completion_ids)

    def empty_prompt(self) -> list[int]:
        """Token ids of a prompt that asks nothing: one token at least, because a first token needs something before it."""
        tokenizer = self.tokenizer
        if tokenizer.chat_template is None:
            first = tokenizer.bos_token_id
            return [tokenizer.eos_token_id if first is None else first]
        turn = [{"role": "user", "content": ""}]
        made: Any = tokenizer.apply_chat_template(turn, add_generation_prompt=True, return_dict=True, **self.template)
        return list(made["input_ids"])

    def self_certainty(self, prompt_ids: Ids, completion_ids: Ids) -> FloatArray:
        """[n] mean over the completion's tokens of KL(uniform || policy) in nats, at temperature 1; NaN for no tokens.

        Per token logsumexp(l) - mean_v l - log V, in float32. Source: Intuitor (sunblaze-ucb/Intuitor).
        """
        whole = [p + c for p, c in zip(prompt_ids, completion_ids, strict=True)]
        vocabulary = self.model.config.get_text_config().vocab_size  # type: ignore[union-attr,operator]
        at_once = max(1, min(self.micro_batch, MOST_LOGITS // (max(map(len, whole)) * vocabulary)))
        found = np.full(len(whole), np.nan)
        with looking(self.model):
            for start in range(0, len(whole), at_once):
                logits = self._logits(whole[start : start + at_once])
                for i, row in enumerate(logits, start):
                    end = len(whole[i]) - 1
                    of = row[end - len(completion_ids[i]) : end].float()
                    if len(of):
                        found[i] = (of.logsumexp(-1) - of.mean(-1) - np.log(of.shape[-1])).mean().item()
        return found

    def _logits(self, sequences: Ids) -> torch.Tensor:
        """[n, T, V] of sequences that begin at place 0, so that models with absolute positions need no position ids."""
        width = max(map(len, sequences))
        ids = torch.full((len(sequences), width), self.tokenizer.pad_token_id)
        mask = torch.zeros_like(ids)
        for row, sequence in enumerate(sequences):
            ids[row, : len(sequence)] = torch.tensor(sequence)
            mask[row, : len(sequence)] = 1
        with self.autocast():
            logits: torch.Tensor = self.model(input_ids=ids.to(self.device), attention_mask=mask.to(self.device)).logits
        return logits

    def reference_probability(self, prompt_ids: Ids, completions: list[str], golds: list[str]) -> FloatArray:
        """[n] mean probability of the gold answer's tokens in the place of the completion's own answer.

        At the sampling temperature. Source: RLPR (arXiv 2506.18254; OpenBMB/RLPR).
        """
        reasoning = self._encode([up_to_answer(text) for text in completions])
        return self._probability([p + z for p, z in zip(prompt_ids, reasoning, strict=True)], self._encode(golds))

    def reference_baseline(self, prompt_ids: Ids, golds: list[str]) -> FloatArray:
        """[n] the same without any reasoning; run once for each distinct prompt and gold answer."""
        asked = [(tuple(p), gold) for p, gold in zip(prompt_ids, golds, strict=True)]
        distinct = list(dict.fromkeys(asked))
        (state,) = self._encode([STATE])
        found = self._probability([[*p, *state] for p, _ in distinct], self._encode([gold for _, gold in distinct]))
        by_question = dict(zip(distinct, found, strict=True))
        return np.array([by_question[question] for question in asked])

    def _probability(self, before: Ids, gold: Ids) -> FloatArray:
        with looking(self.model):
            logps, mask = self.token_logps(before, gold)
        return ((logps.exp() * mask).sum(1) / mask.sum(1)).double().cpu().numpy()

    def _encode(self, texts: list[str]) -> Ids:
        # The pieces of a text are encoded apart, so that the gold answer's tokens are the same after every reasoning.
        encoded: Ids = self.tokenizer(texts, add_special_tokens=False)["input_ids"]
        return encoded
