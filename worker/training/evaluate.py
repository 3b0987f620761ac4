"""Gold accuracy on held-out problems, with identical problems, decoding and random numbers every time.

The training's own random numbers stay untouched, so that evaluating more often does not change the training.
"""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass

import numpy as np
import torch
from transformers import GenerationConfig

from core.config.run import RunConfig
from core.metrics.passk import ks, majority_is_right, pass_at_k
from core.problems import Problem
from core.rewards.batch import RolloutBatch
from core.store.steps.records import EvaluationRow, ItemRow
from worker.training import distributed
from worker.training.data import begun, prompt, texts
from worker.training.trainer import ShowdownTrainer

SEED = 20_251_117
# KL to the start is measured on this many completions: two forwards of a slice, cheap compared to generating
KL_COMPLETIONS = 64


@dataclass(frozen=True)
class Evaluation:
    """The result of an evaluation. `kl` is in nats per token, to the model before training."""

    row: EvaluationRow
    batch: RolloutBatch
    kl: float


class Evaluator:
    """Evaluates a trainer's policy. There is one per run."""

    def __init__(
        self, trainer: ShowdownTrainer, problems: list[Problem], config: RunConfig, key: str | None = None
    ) -> None:
        """`key` is equal for runs that evaluate the same base model on the same problems in the same way."""
        self.trainer = trainer
        self.config = config
        self.distinct = problems
        self.key = key
        self.problems = [p for p in problems for _ in range(config.evaluation.num_samples)]
        tokenizer = trainer.processing_class
        conversational = tokenizer.chat_template is not None
        prompts = [prompt(p, config.data, conversational) for p in self.problems]
        if conversational:
            encoded = tokenizer.apply_chat_template(
                prompts, add_generation_prompt=True, return_dict=True, **config.model.chat_template_kwargs
            )
        else:
            encoded = tokenizer(prompts)
        self.prompt_ids: list[list[int]] = encoded["input_ids"]
        self.begun = begun(tokenizer, self.prompt_ids)

    def __call__(
        self, give_up: Callable[[], bool] = lambda: False, untrained: bool = False
    ) -> Evaluation | None:
        """Evaluate the policy; None when `give_up()` became true before everything was generated.

        `untrained` says that no step was made yet. The adapter then adds zero and is left out: the results
        are identical, in 60 % of the time.
        """
        began = time.perf_counter()
        model = self.trainer.accelerator.unwrap_model(self.trainer.model)
        was_training = model.training
        model.eval()
        e = self.config.evaluation
        with (
            torch.random.fork_rng(),
            torch.no_grad(),
            model.disable_adapter() if untrained else nullcontext(),
        ):
            completion_ids = self._generate(model, self.prompt_ids, e.temperature, give_up)
            kl = (
                distributed.from_first(lambda: self._kl(model, completion_ids))
                if completion_ids and not untrained
                else 0.0
            )
            greedy_ids: list[list[int]] = []
            if e.greedy and completion_ids:
                greedy_ids = self._generate(model, self.prompt_ids[:: e.num_samples], 0.0, give_up)
        model.train(was_training)
        if not completion_ids or (e.greedy and not greedy_ids):
            return None
        batch = self._batch(self.problems, completion_ids, self.begun)
        greedy = self._batch(self.distinct, greedy_ids, self.begun[:: e.num_samples]) if greedy_ids else None
        items = self._items(batch, greedy)
        row = EvaluationRow(
            problems=len(self.distinct),
            num_samples=e.num_samples,
            temperature=e.temperature,
            accuracy=float(batch.correct.mean()),
            seconds=time.perf_counter() - began,
            greedy_accuracy=float(greedy.correct.mean()) if greedy else None,
            majority=float(np.mean([i.majority_right for i in items])),
            pass_at={
                str(k): float(np.mean([pass_at_k(i.n, i.right, k) for i in items])) for k in ks(e.num_samples)
            },
            key=self.key,
            items=items,
        )
        return Evaluation(row, batch, kl)

    def _items(self, batch: RolloutBatch, greedy: RolloutBatch | None) -> tuple[ItemRow, ...]:
        """One row per problem, so that runs can be compared problem by problem."""
        n = self.config.evaluation.num_samples
        rows = []
        for i, problem in enumerate(self.distinct):
            part = slice(i * n, (i + 1) * n)
            right = [bool(x) for x in batch.correct[part]]
            answers = [a.key if a else None for a in batch.answers[part]]
            sure = bool(greedy.correct[i]) if greedy else None
            rows.append(ItemRow(problem.id, n, sum(right), sure, majority_is_right(answers, right)))
        return tuple(rows)

    def _generate(
        self,
        model: torch.nn.Module,
        prompts: list[list[int]],
        temperature: float,
        give_up: Callable[[], bool],
    ) -> list[list[int]]:
        tokenizer = self.trainer.processing_class
        e = self.config.evaluation
        sampling = {"do_sample": True, "temperature": temperature} if temperature else {"do_sample": False}
        settings = GenerationConfig(
            max_new_tokens=self.config.grpo.max_completion_length,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=list(self.trainer.eos_token_ids),
            # Set explicitly: generate() fills unset values from the model's own generation config.
            top_k=0,
            top_p=1.0,
            min_p=None,
            typical_p=1.0,
            repetition_penalty=1.0,
            **sampling,
        )
        completion_ids: list[list[int]] = []
        for begin in range(0, len(prompts), e.batch_size * distributed.count()):  # a batch for each process
            if distributed.agree(give_up()):
                return []
            start = begin + e.batch_size * distributed.rank()
            torch.manual_seed(SEED + start)  # per batch, so that the numbers do not depend on the process
            completion_ids += distributed.joined(
                {"ids": self._complete(model, prompts[start : start + e.batch_size], settings)}
            )["ids"]
        return completion_ids

    def _complete(
        self, model: torch.nn.Module, prompts: list[list[int]], settings: GenerationConfig
    ) -> list[list[int]]:
        """The completion ids of one batch; empty for an empty batch."""
        if not prompts:
            return []
        batch = {"input_ids": prompts}
        inputs = self.trainer.processing_class.pad(batch, return_tensors="pt").to(
            self.trainer.accelerator.device
        )
        out = model.generate(**inputs, generation_config=settings)
        return [self._until_end(row) for row in out[:, inputs["input_ids"].shape[1] :].tolist()]

    def _until_end(self, ids: list[int]) -> list[int]:
        ends = [i for i, token in enumerate(ids) if token in self.trainer.eos_token_ids]
        return ids[: ends[0] + 1] if ends else ids

    def _kl(self, model: torch.nn.Module, completion_ids: list[list[int]]) -> float:
        """Mean KL to the start in nats per token, by TRL's estimator.

        The mean over tokens of exp(r - p) - (r - p) - 1, with r and p the start's and the policy's log-probs.
        """
        prompts = self.prompt_ids[:KL_COMPLETIONS]
        completions = completion_ids[:KL_COMPLETIONS]
        policy, mask = self.trainer.token_logps(prompts, completions)
        with model.disable_adapter():
            start, _ = self.trainer.token_logps(prompts, completions)
        gap = start - policy
        return float((((gap.exp() - gap - 1) * mask).sum() / mask.sum()).item())

    def _batch(
        self, problems: list[Problem], completion_ids: list[list[int]], opened: list[str]
    ) -> RolloutBatch:
        completions = texts(self.trainer.processing_class, completion_ids)
        ends = self.trainer.eos_token_ids
        return RolloutBatch(
            prompts=[p.question for p in problems],
            completions=completions,
            begun=opened,
            golds=[p.gold for p in problems],
            problem_ids=[p.id for p in problems],
            group=np.arange(len(completions)) // max(1, len(completions) // len(self.distinct)),
            n_tokens=np.array([len(ids) for ids in completion_ids]),
            truncated=np.array([ids[-1] not in ends for ids in completion_ids]),
            mean_nll=np.full(len(completions), np.nan),
            answer_rule=self.config.data.answer_rule,
        )
