"""A subclass of TRL's GRPOTrainer that takes its rewards from core.rewards.engine.

It changes only the rewards: the inputs that their components need (further forwards, other models) are
computed here, once per batch. TRL computes the advantages and does all the rest. Only this file and
worker.training.trl_config, which has the settings, know TRL's names. Pinned to the TRL version in
constraints.txt; tests/train/worker/test_trainer.py is the contract (stock TRL with the same rewards trains
the same numbers).
"""

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from trl import GRPOTrainer

from core.config.run import RunConfig
from core.grading.answers import AnswerRule
from core.rewards.advantage import by_token
from core.rewards.batch import FloatArray, RolloutBatch, ScoredBatch
from core.rewards.component import external_key
from core.rewards.components import judge, reward_model
from core.rewards.engine import RewardEngine, signals_of
from core.rewards.mix import Mix
from core.rewards.tokens import pack
from worker.state import checkpoints
from worker.training import data, distributed, nan_checks, options, rollout_file
from worker.training.scoring.judge import Judge
from worker.training.scoring.policy_forwards import Forwards
from worker.training.scoring.reward_model import RewardModel
from worker.training.scoring.token_spans import Pieces
from worker.training.trl_config import grpo_config, lora_config

# Exported scripts import grpo_config and lora_config from here.
__all__ = ["Rollout", "ShowdownTrainer", "build", "grpo_config", "lora_config"]


@dataclass(frozen=True)
class Rollout:
    """The samples generated at `step` and their scores; num_iterations steps from then on train on them.

    `advantages` [n] are TRL's own, the ones that train.

    `judged` counts the judges' work in this step, as in worker.training.scoring.judge.Counts; empty without a
    judge.
    """

    step: int
    batch: RolloutBatch
    scored: ScoredBatch
    advantages: FloatArray
    generate_seconds: float
    score_seconds: float
    judged: Mapping[str, int] = field(default_factory=dict)


def total(**_: Any) -> list[float]:
    """A placeholder for TRL's reward function, which gives the name in its logs; never called.

    `_calculate_rewards` does the work.
    """
    raise AssertionError("the reward engine scores, not this function")


class ShowdownTrainer(GRPOTrainer):
    """GRPOTrainer whose rewards are a mix. `rollout` holds the last generation, for the recorder."""

    def __init__(self, *, mix: Mix, answer_rule: AnswerRule, **kwargs: Any) -> None:
        super().__init__(reward_funcs=[total], **kwargs)
        if self.use_vllm:
            options.sync_without_merging(self.vllm_generation)
        self.engine = RewardEngine(mix)
        self.answer_rule: AnswerRule = answer_rule
        self.rollout: Rollout | None = None
        self.switched: list[str] = []  # adaptive schedules switched by the last step
        self._losses: list[torch.Tensor] = []  # of the micro-batches of this step
        self.forwards = Forwards(
            model=self.model,
            tokenizer=self._tokenizer,
            token_logps=self.token_logps,
            micro_batch=self.args.per_device_train_batch_size,
            device=self.accelerator.device,
            autocast=self.accelerator.autocast,
            template=self.chat_template_kwargs,
        )
        self.pieces = Pieces(self._tokenizer)
        # By external_key: terms that make the same request to the same model share it.
        params = {external_key(t.component, t.settings): t.settings for t in mix.terms}
        self.judges = {key: Judge(p) for key, p in params.items() if isinstance(p, judge.Params)}
        placement = (self.accelerator.device, self.args.per_device_train_batch_size)
        self.reward_models = {
            k: RewardModel(p, *placement) for k, p in params.items() if isinstance(p, reward_model.Params)
        }

    def _judge(self, questions: list[str], texts: list[str], golds: list[str]) -> dict[str, FloatArray]:
        """[n] scores of each judge, by external_key."""
        return {key: single_judge.score(questions, texts, golds) for key, single_judge in self.judges.items()}

    def judged(self) -> dict[str, int]:
        """The summed counts of all judges of this run so far; empty without a judge."""
        counts = [asdict(j.counts) for j in self.judges.values()]
        return {name: sum(c[name] for c in counts) for name in counts[0]} if counts else {}

    def _generate(self, prompts: list[Any]) -> Any:
        began = time.perf_counter()
        generated = super()._generate(prompts)
        self._generate_seconds = time.perf_counter() - began
        self._prompt_ids = generated[0]
        return generated

    def _calculate_rewards(
        self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any
    ) -> torch.Tensor:
        """[n, 1] totals of the mix at this step: TRL's only objective, which it aggregates and scales."""
        began = time.perf_counter()
        judged = self.judged()
        texts = data.texts(self._tokenizer, completion_ids_list)
        ends = {*self.eos_token_ids, self._tokenizer.pad_token_id}
        questions = [row["question"] for row in inputs]
        golds = [row["gold"] for row in inputs]
        fields = {
            "prompts": questions,
            "completions": texts,
            "golds": golds,
            "begun": data.begun(self._tokenizer, self._prompt_ids),
            "problem_ids": [row["problem_id"] for row in inputs],
            "n_tokens": np.array([len(ids) for ids in completion_ids_list]),
            "truncated": np.array([not ids or ids[-1] not in ends for ids in completion_ids_list]),
            **self._nll(completion_ids_list, texts),
            "external": {key: model.score(questions, texts) for key, model in self.reward_models.items()},
            **self._asked_for(inputs, texts, golds, completion_ids_list),
        }
        # The whole batch is scored together, because a group may span processes, and in one process, because
        # a verdict may depend on a time limit.
        gathered = distributed.joined(fields)
        # One process asks the judges: their cache and budget belong to the run.
        gathered["external"] |= distributed.from_first(
            lambda: self._judge(gathered["prompts"], gathered["completions"], gathered["golds"])
        )
        group = np.arange(len(gathered["prompts"])) // self.num_generations
        self._batch = RolloutBatch(**gathered, group=group, answer_rule=self.answer_rule)
        self._scored, self.switched, state = distributed.from_first(self._score)
        if not distributed.first():
            self.engine.restore(state)
        self._score_seconds = time.perf_counter() - began
        self._judged = {name: count - judged[name] for name, count in self.judged().items()}
        return torch.tensor(self._scored.total, dtype=torch.float32, device=self.accelerator.device)[:, None]

    def _score(self) -> tuple[ScoredBatch, list[str], dict[str, Any]]:
        """The scored batch, the adaptive schedules that it switched, and the engine's state after that."""
        # The step of samples generated after k updates is k + 1, the update that they train.
        scored = self.engine.score(self._batch, self.state.global_step + 1)
        nan_checks.check_rewards(self._batch, scored)
        return scored, self.engine.observe(signals_of(self._batch, scored)), self.engine.state()

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        output = super()._generate_and_score_completions(inputs)
        rule = self.engine.mix.advantage
        if rule.in_trl is None:  # TRL's scaling would undo these rules: the advantage is set directly
            output["advantages"] = self._own_advantages(output)
        trained = self._scored.advantage  # where the tokens' advantages differ, the one of the completion
        if output["advantages"].ndim == 1:
            trained = distributed.joined({"advantages": output["advantages"].double().cpu().numpy()})[
                "advantages"
            ]
        nan_checks.check_advantages(self._batch, trained, self.state.global_step + 1)
        self.rollout = Rollout(
            step=self.state.global_step + 1,
            batch=self._batch,
            scored=self._scored,
            advantages=trained,
            generate_seconds=self._generate_seconds,
            score_seconds=self._score_seconds,
            judged=self._judged,
        )
        return output

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        loss = super().training_step(*args, **kwargs)
        self._losses.append(loss.detach())
        return loss

    def _clip_grad_norm(self, model: torch.nn.Module) -> Any:
        """Check the update: this is the only hook between a step's last backward pass and its update."""
        losses = self._losses
        self._losses = []
        nan_checks.check_update(model, losses, self.state.global_step + 1)
        return super()._clip_grad_norm(model)

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        checkpoint = checkpoints.path(Path(self.args.output_dir), self.state.global_step)
        with checkpoints.saving(checkpoint):
            super()._save_checkpoint(*args, **kwargs)
            if self.state.global_step % self.num_iterations and self._buffered_inputs:
                rollout_file.save(self._buffered_inputs, checkpoint)

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        self._sampler = super()._get_train_sampler(dataset)
        return self._sampler

    def _init_training_state(self, *args: Any, **kwargs: Any) -> tuple[int, int]:
        epochs, batches = super()._init_training_state(*args, **kwargs)
        for _ in range(epochs):  # TRL's sampler starts a resumed run with the order of the first epoch
            torch.randperm(self._sampler.num_samples, generator=self._sampler.generator)
        return epochs, batches

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        iterations = self.state.global_step % self.num_iterations
        # TRL would generate anew, and its iterations would be shifted from then on
        if checkpoint is not None and iterations:
            pieces = self.args.steps_per_generation
            self._buffered_inputs = rollout_file.load(Path(checkpoint), pieces, self.accelerator.device)
            self._step = iterations * pieces

    def _own_advantages(self, output: Any) -> torch.Tensor:
        """The advantages of this process's samples: [n], or [n, T] where they differ between tokens.

        On the device and in the type of TRL's own advantages.
        """
        trl_advantages = output["advantages"]
        n, width = output["completion_ids"].shape
        own_rows = slice(distributed.rank() * n, (distributed.rank() + 1) * n)
        advantage = self._scored.advantage[own_rows]
        tokens = by_token(self.engine.mix.advantage, advantage, self._batch.n_tokens[own_rows], width)
        return torch.tensor(
            advantage if tokens is None else tokens, dtype=trl_advantages.dtype, device=trl_advantages.device
        )

    def _nll(self, completion_ids: list[list[int]], texts: list[str]) -> dict[str, Any]:
        """mean_nll and token_nll of a batch, by one forward without gradient; NaN and None unless needed."""
        if not self.engine.mix.needs_logprobs:
            n = len(completion_ids)
            return {"mean_nll": np.full(n, np.nan), "token_nll": [None] * n}
        mean, nll_by_token = self.forwards.nll_by_token(self._prompt_ids, completion_ids)
        lengths = map(self.pieces.lengths, completion_ids, texts)
        return {
            "mean_nll": mean,
            "token_nll": [
                pack(widths, nll) if widths else None
                for widths, nll in zip(lengths, nll_by_token, strict=True)
            ],
        }

    def _asked_for(
        self, inputs: Any, texts: list[str], golds: list[str], completion_ids: list[list[int]]
    ) -> dict[str, Any]:
        """The costly fields of a batch, as far as the mix's components need them."""
        needs = self.engine.mix.needs
        look = self.forwards
        prompts = self._prompt_ids
        fields: dict[str, Any] = {}
        if "solution" in needs:
            fields["solutions"] = [row["solution"] for row in inputs]
        if "no_prompt" in needs:
            fields["nll_without_prompt"] = look.nll_without_prompt(completion_ids)
        if "certainty" in needs:
            fields["self_certainty"] = look.self_certainty(prompts, completion_ids)
        if "reference" in needs:
            fields["reference_probability"] = look.reference_probability(prompts, texts, golds)
            # A component without this setting, such as one of your own, may read the baseline.
            readers = [t.settings for t in self.engine.mix.terms if "reference" in t.definition.needs]
            if any(getattr(params, "baseline", True) for params in readers):
                fields["reference_baseline"] = look.reference_baseline(prompts, golds)
        return fields

    def token_logps(
        self, prompt_ids: list[list[int]], completion_ids: list[list[int]]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-probs [n, T] of completion tokens at the sampling temperature, and the mask of real tokens."""
        device = self.accelerator.device
        pad = self._tokenizer.pad_token_id
        p = max(map(len, prompt_ids))
        t = max(map(len, completion_ids))
        ids = torch.full((len(prompt_ids), p + t), pad, device=device)
        mask = torch.zeros_like(ids)
        for row, (prompt, completion) in enumerate(zip(prompt_ids, completion_ids, strict=True)):
            ids[row, p - len(prompt) : p + len(completion)] = torch.tensor(
                [*prompt, *completion], device=device
            )
            mask[row, p - len(prompt) : p + len(completion)] = 1
        with torch.no_grad():
            logps, _, _ = self._get_per_token_logps_and_entropies(
                self.model, ids, mask, t, batch_size=self.args.per_device_train_batch_size
            )
        return logps, mask[:, p:]


def build(
    config: RunConfig, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, data: Dataset, folder: Path
) -> ShowdownTrainer:
    """The trainer of a run, ready to train."""
    return ShowdownTrainer(
        mix=config.mix.in_steps(config.grpo.max_steps),
        answer_rule=config.data.answer_rule,
        model=model,
        args=grpo_config(config, folder),
        train_dataset=data,
        processing_class=tokenizer,
        peft_config=lora_config(config),
    )
