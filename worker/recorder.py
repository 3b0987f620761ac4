"""Takes what every step leaves behind to core.store, one transaction a step. Called by the trainer, as its callback.

Also the step boundary: here a run is evaluated, a stop is obeyed, a checkpoint is announced. Knows TRL's log keys.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from core.batch import RolloutBatch, ScoredBatch
from core.store import queries, records
from core.store.records import SampleRow, ScoreRow, StepRecord, finite
from worker.evaluate import Evaluation, Evaluator
from worker.trainer import Rollout, ShowdownTrainer

# TRL's key in the log of a step -> ours (core.metrics says what each means)
FROM_TRL = {
    "loss": "policy/loss",
    "grad_norm": "policy/grad_norm",
    "entropy": "policy/entropy",
    "kl": "policy/kl",
    "learning_rate": "policy/learning_rate",
    "clip_ratio/region_mean": "policy/clip_ratio",
    "completions/mean_length": "length/mean",
    "completions/max_length": "length/max",
    "completions/clipped_ratio": "length/truncated",
    "step_time": "speed/step_seconds",
}


def sample_rows(batch: RolloutBatch, split: str, scored: ScoredBatch | None = None, advantages: Any = None) -> list[SampleRow]:
    """A batch as rows; scores, totals and advantages only where it was scored."""
    rows, seen = [], {}
    for i in range(len(batch)):
        group = int(batch.group[i])
        seen[group] = seen.get(group, -1) + 1
        answer = batch.answers[i]
        rows.append(
            SampleRow(
                split=split,
                problem_id=batch.problem_ids[i],
                group_index=group,
                index_in_group=seen[group],
                prompt=batch.prompts[i],
                completion=batch.completions[i],
                gold=batch.golds[i],
                parsed=answer.text if answer else None,
                parsed_by=answer.how if answer else None,
                parsed_start=answer.start if answer else None,
                parsed_end=answer.end if answer else None,
                correct=bool(batch.correct[i]),
                n_tokens=int(batch.n_tokens[i]),
                truncated=bool(batch.truncated[i]),
                mean_nll=finite(batch.mean_nll[i]),
                total=finite(scored.total[i]) if scored else None,
                advantage=float(advantages[i]) if scored else None,
                scores=_score_rows(scored, i) if scored else (),
            )
        )
    return rows


def _score_rows(scored: ScoredBatch, i: int) -> tuple[ScoreRow, ...]:
    return tuple(
        ScoreRow(
            term=name,
            position=k,
            raw=finite(scored.raw[i, k]),
            shaped=finite(scored.shaped[i, k]),
            weight=float(scored.weights[k]),
            contribution=finite(scored.contributions[i, k]),
        )
        for k, name in enumerate(scored.terms)
    )


def reward_metrics(rollout: Rollout) -> dict[str, float]:
    """The metrics of a step that come from the reward engine."""
    scored, batch = rollout.scored, rollout.batch
    applies = ~np.isnan(scored.raw)
    counts = np.maximum(applies.sum(0), 1)
    means = np.where(applies.any(0), np.where(applies, scored.raw, 0.0).sum(0) / counts, np.nan)
    spreads = [np.nanstd(scored.total[batch.group == g]) for g in np.unique(batch.group)]
    metrics = {
        "reward/total": float(np.nanmean(scored.total)) if not np.isnan(scored.total).all() else float("nan"),
        "reward/accuracy": float(batch.correct.mean()),
        "reward/no_answer": float(np.mean([a is None for a in batch.answers])),
        "blend/hard": scored.blend,
        "signal/dead_groups": float(scored.dead.mean()),
        "signal/group_spread": float(np.mean(spreads)),
        "speed/generate_seconds": rollout.generate_seconds,
        "speed/score_seconds": rollout.score_seconds,
    }
    for k, name in enumerate(scored.terms):
        metrics[f"score/{name}"] = float(means[k])
        metrics[f"contribution/{name}"] = float(np.nan_to_num(scored.contributions[:, k]).mean())
        metrics[f"weight/{name}"] = float(scored.weights[k])
        metrics[f"signal/advantage_share/{name}"] = float(scored.advantage_share[k])
    return metrics


def evaluation_metrics(found: Evaluation) -> dict[str, float]:
    """The metrics of a step that come from an evaluation."""
    return {
        "eval/accuracy": found.row.accuracy,
        "eval/kl": found.kl,
        "eval/length": float(found.batch.n_tokens.mean()),
        "eval/seconds": found.row.seconds,
    }


class Recorder(TrainerCallback):
    """The trainer's callback. `stop_asked()` is looked at once a step."""

    def __init__(
        self, run_id: int, attempt: int, trainer: ShowdownTrainer, evaluator: Evaluator, stop_asked: Callable[[], bool]
    ) -> None:
        self.run_id, self.attempt = run_id, attempt
        self.trainer, self.evaluator, self.stop_asked = trainer, evaluator, stop_asked
        self.found: Evaluation | None = None

    def due(self, step: int) -> bool:
        """The policy is evaluated after this step."""
        config = self.evaluator.config
        return step % config.evaluation.every == 0 or step >= config.grpo.max_steps

    def catch_up(self, step: int) -> bool:
        """Evaluate the step a run starts or goes on from, unless that was done. False when a stop comes first."""
        if not self.due(step) or queries.evaluated(self.run_id, step):
            return True
        found = self.evaluator(self.stop_asked)
        if found is not None:
            samples = sample_rows(found.batch, "eval")
            records.write_step(self.run_id, self.attempt, StepRecord(step, evaluation_metrics(found), samples, found.row))
        return found is not None

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self.due(state.global_step):
            last = state.global_step >= state.max_steps
            self.found = self.evaluator() if last else self.evaluator(self.stop_asked)
        if self.stop_asked():
            control.should_save = control.should_training_stop = True

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict[str, float], **_: Any
    ) -> None:
        rollout = self.trainer.rollout
        if "loss" not in logs or rollout is None:
            return  # the summary at the end of training
        metrics = {ours: float(logs[theirs]) for theirs, ours in FROM_TRL.items() if theirs in logs}
        metrics |= reward_metrics(rollout)
        metrics["speed/generated_tokens_per_second"] = float(rollout.batch.n_tokens.sum()) / rollout.generate_seconds
        samples = sample_rows(rollout.batch, "train", rollout.scored, rollout.advantages)
        if self.found is not None:
            metrics |= evaluation_metrics(self.found)
            samples += sample_rows(self.found.batch, "eval")
        row = self.found.row if self.found else None
        records.write_step(self.run_id, self.attempt, StepRecord(state.global_step, metrics, samples, row))
        self.found = None

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        records.write_checkpoint(self.run_id, self.attempt, state.global_step)
