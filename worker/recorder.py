"""Takes what every step leaves behind to worker.journal, one record a step. Called by the trainer, as its callback.

Samples, rewards and lengths are recorded at the step that generated them; of num_iterations steps on one rollout the later ones
record only what they trained: loss, KL, clip ratio, entropy, gradient norm, time.

Also the step boundary: here a run is evaluated, a stop is obeyed, guards look, a checkpoint is announced. Of several
processes the first stores, and all do what it says. Knows TRL's log keys.
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import numpy as np
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from core.agreement import surprise
from core.batch import FloatArray, RolloutBatch, ScoredBatch
from core.store import evaluations, queries, records
from core.store.records import SampleRow, ScoreRow, StepRecord, finite
from worker import checkpoints, memory, ranks
from worker.checkpoints import restore_judges
from worker.evaluate import Evaluation, Evaluator
from worker.guards import Guards
from worker.journal import Journal, patiently
from worker.keeper import Keeper
from worker.trainer import Rollout, ShowdownTrainer

log = logging.getLogger("showdown.recorder")
# TRL's key in the log of a step -> ours (core.metrics says what each means)
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
    """The numbers in reading order, None for NaN and infinities. As a list at once: a step has a thousand of them."""
    return [finite(x) for x in values.ravel().tolist()]


def sample_rows(
    batch: RolloutBatch, split: str, scored: ScoredBatch | None = None, advantages: FloatArray | None = None
) -> list[SampleRow]:
    """A batch as rows; scores, totals, advantages and what follows from them only where it was scored."""
    n, rows, seen = len(batch), [], dict[int, int]()
    nothing = [None] * n
    nll, totals = _known(batch.mean_nll), _known(scored.total) if scored else nothing
    trained = nothing if advantages is None else advantages.tolist()
    scores = _score_rows(scored) if scored else [()] * n
    dead = scored.dead[batch.groups.index].tolist() if scored else nothing
    unlike = _known(surprise(scored.total, batch.correct, batch.groups)) if scored else nothing
    for i, (group, answer) in enumerate(zip(batch.group.tolist(), batch.answers, strict=True)):
        seen[group] = seen.get(group, -1) + 1
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
    """Of each sample."""
    k = len(scored.terms)
    values = (_known(scored.raw), _known(scored.shaped), cycle(scored.weights.tolist()), _known(scored.contributions))
    raw, shaped, weights, contributions = values
    rows = map(ScoreRow._make, zip(cycle(scored.terms), cycle(range(k)), raw, shaped, weights, contributions))
    return list(zip(*[rows] * k, strict=True))  # one iterator k times: k rows at once


def reward_metrics(rollout: Rollout) -> dict[str, float]:
    """The metrics of a step that generated a rollout: from the reward engine, and how long it took."""
    scored, batch = rollout.scored, rollout.batch
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
    metrics |= {f"judge/{name}": float(rollout.judged[name]) for name in ("requests", "failed", "cached") if rollout.judged}
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
    """A step for the log's reader."""
    parts = {
        "reward": "reward/total", "accuracy": "reward/accuracy", "loss": "policy/loss", "held-out accuracy": "eval/accuracy"
    }  # fmt: skip
    said = ", ".join(f"{name} {metrics[key]:.4g}" for name, key in parts.items() if key in metrics)
    return f"step {state.global_step} of {state.max_steps}: {said}, {metrics.get('speed/step_seconds', math.nan):.2f} s"


class StoppedEarly(Exception):
    """A stop came before the first step: everything is still in the checkpoint the run began from."""


class Recorder(TrainerCallback):
    """The trainer's callback. `stop_asked()` is looked at once a step."""

    def __init__(
        self, journal: Journal, trainer: ShowdownTrainer, evaluator: Evaluator, keeper: Keeper, stop_asked: Callable[[], bool]
    ) -> None:
        """`journal` is written to by the first process alone."""
        self.journal, self.trainer, self.evaluator, self.stop_asked = journal, trainer, evaluator, stop_asked
        self.keeper = keeper
        self.guards = Guards(evaluator.config.guards)
        self.found: Evaluation | None = None
        self.switched: list[str] = []  # adaptive schedules that an evaluation switched

    def due(self, step: int) -> bool:
        """The policy is evaluated after this step."""
        config = self.evaluator.config
        return step % config.evaluation.every == 0 or step >= config.grpo.max_steps

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Evaluate the step a run starts or goes on from, unless that was done. The checkpoint is loaded by now."""
        step = state.global_step
        restore_judges(self.trainer.judges, checkpoints.path(Path(args.output_dir), step))
        if self.guards.guards and ranks.first():
            before = patiently(lambda: queries.series(self.journal.run_id), self.stop_asked)
            self.guards.replay({name: dict(zip(found.steps, found.values, strict=True)) for name, found in before.items()})
        if self.due(step):
            engine = self.trainer.engine
            of_base = [] if step else engine.observe_evaluation(0.0, 0)  # whoever evaluates it: to itself its KL is none
            evaluated, kl = ranks.from_first(lambda: patiently(lambda: self._evaluated(step, of_base), self.stop_asked))
            if not evaluated:
                self._evaluate(step, of_base)
            elif kl is not None:
                engine.observe_evaluation(kl, step)  # what that switched was stored with it
        if ranks.agree(self.stop_asked() or bool(self.guards.stopped)):
            raise StoppedEarly

    def _evaluate(self, step: int, of_base: Sequence[str]) -> None:
        """Evaluate the policy a run starts or goes on from, and store that. `of_base`: what the base's KL switches."""
        found = self.evaluator(self.stop_asked, untrained=step == 0)
        if found is None:
            raise StoppedEarly
        self.keeper.accuracies[step] = found.row.accuracy
        switched = self.trainer.engine.observe_evaluation(found.kl, step) if step else of_base
        metrics = evaluation_metrics(found)
        samples, guarded = sample_rows(found.batch, "eval"), self.guards.observe(metrics)
        self._store(StepRecord(step, metrics, samples, found.row, switched, guarded))

    def _evaluated(self, step: int, of_base: Sequence[str]) -> tuple[bool, float | None]:
        """Whether the step's evaluation is stored, and the KL it found; that of the base may come from another run."""
        run_id, key = self.journal.run_id, self.evaluator.key
        if evaluations.evaluated(run_id, step):
            # Stored, but perhaps after the checkpoint was written: a run killed then must not forget what it saw.
            return True, queries.newest(run_id, ["eval/kl"]).get("eval/kl")
        if step or not key or not records.copy_base(run_id, self.journal.attempt, key, of_base):
            return False, None
        return True, None  # seen above

    def _store(self, record: StepRecord) -> None:
        if ranks.first():
            self.journal.write_step(record, self.stop_asked)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        if self.due(state.global_step):
            last = state.global_step >= state.max_steps
            self.found = self.evaluator() if last else self.evaluator(self.stop_asked)
            if self.found is not None:
                self.keeper.accuracies[state.global_step] = self.found.row.accuracy
                self.switched = self.trainer.engine.observe_evaluation(self.found.kl, state.global_step)
        if ranks.agree(self.stop_asked()):
            control.should_save = control.should_training_stop = True

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict[str, float], **_: Any
    ) -> None:
        state.log_history.clear()  # the database has it; here it would grow, and be written whole with every checkpoint
        if "loss" not in logs:
            return  # the summary at the end of training
        metrics = {ours: float(logs[theirs]) for theirs, ours in FROM_TRL.items() if theirs in logs}
        metrics["memory/peak"] = memory.peak_gib()
        samples: list[SampleRow] = []
        switched = self.switched
        rollout = self.trainer.rollout
        if rollout is not None and rollout.step == state.global_step:  # else the step trained on an earlier step's rollout
            metrics |= reward_metrics(rollout)
            samples = sample_rows(rollout.batch, "train", rollout.scored, rollout.advantages)
            switched = self.switched + self.trainer.switched
        if self.found is not None:
            metrics |= evaluation_metrics(self.found)
            samples += sample_rows(self.found.batch, "eval")
        row = self.found.row if self.found else None
        self._store(StepRecord(state.global_step, metrics, samples, row, switched, self.guards.observe(metrics)))
        if ranks.first():
            log.info("%s", _line(state, metrics))
        self.found, self.switched = None, []
        if ranks.agree(self.guards.stopped):
            control.should_save = control.should_training_stop = True

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        # The files first: a step that the row names must be whole on disk.
        folder, step = Path(args.output_dir), state.global_step
        ranks.wait()  # every process keeps its random state in it
        if not ranks.first():
            return
        checkpoints.complete(checkpoints.path(folder, step), self.trainer.engine, self.trainer.judges)
        self.keeper.saved(step)
