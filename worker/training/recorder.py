"""Records every step in worker.state.journal, one record per step.

Samples, rewards and lengths are recorded at the step that generated them. When num_iterations steps train on
one rollout, the later ones record only loss, KL, clip ratio, entropy, gradient norm and time.

Also handles the step boundary: evaluates the run, obeys a stop, applies the guards, announces a checkpoint.
With several processes, the first one stores, and its decisions apply to all. Knows TRL's log keys.
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from core.analysis.agreement import surprise
from core.rewards.batch import FloatArray, RolloutBatch, ScoredBatch
from core.store.runs import queries
from core.store.steps import evaluations, records
from core.store.steps.records import SampleRow, ScoreRow, StepRecord, finite
from worker.common import out_of_memory
from worker.state import checkpoints
from worker.state.checkpoint_manager import Keeper
from worker.state.journal import Journal, patiently
from worker.training import distributed
from worker.training.evaluate import Evaluation, Evaluator
from worker.training.guards import Guards
from worker.training.scoring import judge
from worker.training.trainer import Rollout, ShowdownTrainer

log = logging.getLogger("showdown.recorder")
# TRL's key in the log of a step -> our metric (core.metrics describes each)
FROM_TRL = {
    "loss": "policy/loss",
    "grad_norm": "policy/grad_norm",
    "entropy": "policy/entropy",
    "kl": "policy/kl",
    "learning_rate": "policy/learning_rate",
    "clip_ratio/region_mean": "policy/clip_ratio",
    "cispo_clip_ratio": "policy/clip_ratio",
    "completions/mean_length": "length/mean",
    "completions/max_length": "length/max",
    "completions/clipped_ratio": "length/truncated",
    "step_time": "speed/step_seconds",
}


def _known(values: FloatArray) -> list[float | None]:
    """The numbers in reading order as one list, with None for NaN and infinities.

    Converted all at once, since a step has a thousand of them.
    """
    return [finite(x) for x in values.ravel().tolist()]


def sample_rows(
    batch: RolloutBatch, split: str, scored: ScoredBatch | None = None, advantages: FloatArray | None = None
) -> list[SampleRow]:
    """A batch as rows.

    Scores, totals, advantages and values that derive from them are set only if the batch was scored.
    """
    n = len(batch)
    rows = []
    last_index = dict[int, int]()
    nothing = [None] * n
    nll = _known(batch.mean_nll)
    totals = _known(scored.total) if scored else nothing
    trained = nothing if advantages is None else advantages.tolist()
    scores = _score_rows(scored) if scored else [()] * n
    dead = scored.dead[batch.groups.index].tolist() if scored else nothing
    unlike = _known(surprise(scored.total, batch.correct, batch.groups)) if scored else nothing
    for i, (group, answer) in enumerate(zip(batch.group.tolist(), batch.answers, strict=True)):
        last_index[group] = last_index.get(group, -1) + 1
        rows.append(
            SampleRow(
                split=split,
                problem_id=batch.problem_ids[i],
                group_index=group,
                index_in_group=last_index[group],
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
                mean_nll=nll[i],
                total=totals[i],
                advantage=trained[i],
                dead=dead[i],
                surprise=unlike[i],
                token_nll=batch.token_nll[i],
                scores=scores[i],
            )
        )
    return rows


def _score_rows(scored: ScoredBatch) -> list[tuple[ScoreRow, ...]]:
    """The score rows of each sample, one per term."""
    k = len(scored.terms)
    values = (
        _known(scored.raw),
        _known(scored.shaped),
        cycle(scored.weights.tolist()),
        _known(scored.contributions),
    )
    raw, shaped, weights, contributions = values
    rows = map(ScoreRow._make, zip(cycle(scored.terms), cycle(range(k)), raw, shaped, weights, contributions))
    return list(zip(*[rows] * k, strict=True))  # one iterator k times: k rows at once


def reward_metrics(rollout: Rollout) -> dict[str, float]:
    """The metrics of a step that generated a rollout: the reward engine's, and how long it took."""
    scored = rollout.scored
    batch = rollout.batch
    applies = ~np.isnan(scored.raw)
    counts = np.maximum(applies.sum(0), 1)
    means = np.where(applies.any(0), np.where(applies, scored.raw, 0.0).sum(0) / counts, np.nan)
    metrics = {
        "reward/total": float(np.nanmean(scored.total)) if not np.isnan(scored.total).all() else float("nan"),
        "reward/accuracy": float(batch.correct.mean()),
        "reward/no_answer": float(np.mean([a is None for a in batch.answers])),
        "blend/hard": scored.blend,
        "signal/dead_groups": float(scored.dead.mean()),
        "signal/group_spread": float(batch.groups.std(scored.total).mean()),
        "speed/generate_seconds": rollout.generate_seconds,
        "speed/score_seconds": rollout.score_seconds,
        "speed/generated_tokens_per_second": float(batch.n_tokens.sum()) / rollout.generate_seconds,
    }
    metrics |= {
        f"judge/{name}": float(rollout.judged[name])
        for name in ("requests", "failed", "cached")
        if rollout.judged
    }
    for k, name in enumerate(scored.terms):
        metrics[f"score/{name}"] = float(means[k])
        metrics[f"contribution/{name}"] = float(np.nan_to_num(scored.contributions[:, k]).mean())
        metrics[f"weight/{name}"] = float(scored.weights[k])
        metrics[f"signal/advantage_share/{name}"] = float(scored.advantage_share[k])
    return metrics


def evaluation_metrics(found: Evaluation) -> dict[str, float]:
    """The metrics of a step that come from an evaluation."""
    row = found.row
    more = {"eval/majority": row.majority, "eval/greedy": row.greedy_accuracy}
    return {
        **{name: value for name, value in more.items() if value is not None},
        **{f"eval/pass@{k}": value for k, value in row.pass_at.items()},
        "eval/accuracy": found.row.accuracy,
        "eval/kl": found.kl,
        "eval/length": float(found.batch.n_tokens.mean()),
        "eval/seconds": found.row.seconds,
    }


def _line(state: TrainerState, metrics: Mapping[str, float]) -> str:
    """One line about a step for the log."""
    key_by_name = {
        "reward": "reward/total",
        "accuracy": "reward/accuracy",
        "loss": "policy/loss",
        "held-out accuracy": "eval/accuracy",
    }
    numbers = ", ".join(f"{name} {metrics[key]:.4g}" for name, key in key_by_name.items() if key in metrics)
    return (
        f"step {state.global_step} of {state.max_steps}: {numbers}, "
        f"{metrics.get('speed/step_seconds', math.nan):.2f} s"
    )


class StoppedEarly(Exception):
    """A stop came before the first step; the checkpoint that the run began from is still current."""


class Recorder(TrainerCallback):
    """The trainer's callback. Checks `stop_asked()` once per step."""

    def __init__(
        self,
        journal: Journal,
        trainer: ShowdownTrainer,
        evaluator: Evaluator,
        keeper: Keeper,
        stop_asked: Callable[[], bool],
    ) -> None:
        """Only the first process writes to `journal`."""
        self.journal = journal
        self.trainer = trainer
        self.evaluator = evaluator
        self.stop_asked = stop_asked
        self.keeper = keeper
        self.guards = Guards(evaluator.config.guards)
        self.found: Evaluation | None = None
        self.switched: list[str] = []  # adaptive schedules switched by an evaluation

    def due(self, step: int) -> bool:
        """Whether the policy is evaluated after this step."""
        config = self.evaluator.config
        return step % config.evaluation.every == 0 or step >= config.grpo.max_steps

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        """Evaluate the step that a run starts or resumes from, unless that was done.

        The checkpoint is loaded at this point.
        """
        step = state.global_step
        judge.restore_counts(self.trainer.judges, checkpoints.path(Path(args.output_dir), step))
        if self.guards.guards and distributed.first():
            recorded = patiently(lambda: queries.series(self.journal.run_id), self.stop_asked)
            self.guards.replay(
                {name: dict(zip(line.steps, line.values, strict=True)) for name, line in recorded.items()}
            )
        if self.due(step):
            engine = self.trainer.engine
            # whichever run evaluates it, the KL of the base to itself is zero
            of_base = [] if step else engine.observe_evaluation(0.0, 0)
            evaluated, kl = distributed.from_first(
                lambda: patiently(lambda: self._evaluated(step, of_base), self.stop_asked)
            )
            if not evaluated:
                self._evaluate(step, of_base)
            elif kl is not None:
                engine.observe_evaluation(kl, step)  # the schedules it switched were stored with it
        if distributed.agree(self.stop_asked() or bool(self.guards.stopped)):
            raise StoppedEarly

    def _evaluate(self, step: int, of_base: Sequence[str]) -> None:
        """Evaluate the policy that a run starts or resumes from, and store the result.

        `of_base` names the schedules that the base's KL switches.
        """
        evaluation = self.evaluator(self.stop_asked, untrained=step == 0)
        if evaluation is None:
            raise StoppedEarly
        self.keeper.accuracies[step] = evaluation.row.accuracy
        switched = self.trainer.engine.observe_evaluation(evaluation.kl, step) if step else of_base
        metrics = evaluation_metrics(evaluation)
        samples = sample_rows(evaluation.batch, "eval")
        guarded = self.guards.observe(metrics)
        self._store(StepRecord(step, metrics, samples, evaluation.row, switched, guarded))

    def _evaluated(self, step: int, of_base: Sequence[str]) -> tuple[bool, float | None]:
        """Whether the step's evaluation is stored, and its KL; the base's may be copied from another run."""
        run_id = self.journal.run_id
        key = self.evaluator.key
        if evaluations.evaluated(run_id, step):
            # Stored, but perhaps after the checkpoint was written: a run killed then must not lose the KL.
            return True, queries.newest(run_id, ["eval/kl"]).get("eval/kl")
        if step or not key or not records.copy_base(run_id, self.journal.attempt, key, of_base):
            return False, None
        return True, None  # on_train_begin has observed its KL

    def _store(self, record: StepRecord) -> None:
        if distributed.first():
            self.journal.write_step(record, self.stop_asked)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        if self.due(state.global_step):
            last = state.global_step >= state.max_steps
            self.found = self.evaluator() if last else self.evaluator(self.stop_asked)
            if self.found is not None:
                self.keeper.accuracies[state.global_step] = self.found.row.accuracy
                self.switched = self.trainer.engine.observe_evaluation(self.found.kl, state.global_step)
        if distributed.agree(self.stop_asked()):
            control.should_save = control.should_training_stop = True

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, float],
        **_: Any,
    ) -> None:
        # stored in the database; here it would grow, and be written in full with every checkpoint
        state.log_history.clear()
        if "loss" not in logs:
            return  # the summary at the end of training
        metrics = {metric: float(logs[trl_key]) for trl_key, metric in FROM_TRL.items() if trl_key in logs}
        metrics["memory/peak"] = out_of_memory.peak_gib()
        samples: list[SampleRow] = []
        switched = self.switched
        rollout = self.trainer.rollout
        # otherwise the step trained on an earlier step's rollout
        if rollout is not None and rollout.step == state.global_step:
            metrics |= reward_metrics(rollout)
            samples = sample_rows(rollout.batch, "train", rollout.scored, rollout.advantages)
            switched = self.switched + self.trainer.switched
        if self.found is not None:
            metrics |= evaluation_metrics(self.found)
            samples += sample_rows(self.found.batch, "eval")
        row = self.found.row if self.found else None
        self._store(
            StepRecord(state.global_step, metrics, samples, row, switched, self.guards.observe(metrics))
        )
        if distributed.first():
            log.info("%s", _line(state, metrics))
        self.found = None
        self.switched = []
        if distributed.agree(self.guards.stopped):
            control.should_save = control.should_training_stop = True

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> None:
        # The files first: a checkpoint that the database names must be complete on the disk.
        folder = Path(args.output_dir)
        step = state.global_step
        distributed.wait()  # every process writes its random state to the checkpoint
        if not distributed.first():
            return
        checkpoints.complete(
            checkpoints.path(folder, step), self.trainer.engine, judge.counts_of(self.trainer.judges)
        )
        self.keeper.saved(step)
