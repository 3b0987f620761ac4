"""Evidence: the part of a run's record that a comparison reads.

core.store.runs.evidence builds it from the database; this module must not know the store.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np

from core.common.config_diff import flat
from core.common.groups import FloatArray
from core.metrics.series import Series

GOLD = "eval/accuracy"
REWARD = "reward/total"
TRAINING = "reward/accuracy"
# Metrics of evaluations, which are few points: enough for curves, tables of gold accuracy and pairs.
EVALUATED = (GOLD, "eval/kl")
# Every metric that a score, a refusal or a flag reads.
READ = (
    *EVALUATED, REWARD, TRAINING, "signal/dead_groups", "policy/entropy", "policy/grad_norm", "policy/kl",
    "policy/loss", "length/mean", "length/truncated", "speed/step_seconds",
)  # fmt: skip
EACH_STEP = ("policy/loss", "policy/grad_norm")  # where one is missing, the step had no finite number
Outcome = Literal["complete", "failed", "stopped", "training", "waiting"]
OUTCOMES: tuple[Outcome, ...] = ("complete", "failed", "stopped", "training", "waiting")


@dataclass(frozen=True)
class Evidence:
    """A run.

    `arm` is its variant: arm and swept settings. `status` is `run.status`; `problems` and `num_samples` are
    those of its newest evaluation, at `temperature`.
    """

    run_id: int
    arm: str
    seed: int
    status: str
    step: int
    max_steps: int
    series: Mapping[str, Series]
    problems: int = 0
    num_samples: int = 1
    temperature: float = 1.0
    config: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """Every setting by its path, as core.common.config_diff names them."""
        # runs from before this setting do not have it
        return {"grpo.num_iterations": 1, **flat(self.config)}

    @property
    def outcome(self) -> Outcome:
        """How the run ended, or that it has not ended.

        A run that goes on is "waiting" until its second evaluation.
        """
        if self.status in ("failed", "stopped"):
            return "failed" if self.status == "failed" else "stopped"
        if self.status == "done":
            return "complete"
        return "training" if len(self.line(GOLD)[0]) > 1 else "waiting"

    @property
    def counted(self) -> "Evidence":
        """The run as it is compared: a waiting run without its gold accuracy.

        Its first one is from before it was trained, and would hold all others at its step.
        """
        if self.outcome != "waiting":
            return self
        return replace(self, series={name: line for name, line in self.series.items() if name != GOLD})

    @property
    def independent(self) -> int:
        """Independent completions per evaluation; greedy ones of a problem are all equal and count once."""
        return self.problems * (self.num_samples if self.temperature else 1)

    @property
    def completions_per_step(self) -> int:
        """Trained completions per step."""
        grpo = self.config.get("grpo", {})
        return int(grpo.get("prompts_per_step", 0)) * int(grpo.get("num_generations", 0))

    @property
    def num_iterations(self) -> int:
        """Steps that train on each rollout.

        Rewards, lengths and samples are recorded only at the first of them.
        """
        return int(self.config.get("grpo", {}).get("num_iterations", 1))

    def line(self, name: str, last: int | None = None) -> tuple[FloatArray, FloatArray]:
        """Steps [n] and finite values [n] of a metric, up to step `last`; empty where it was not recorded."""
        recorded = self.series.get(name)
        if recorded is None:
            return np.zeros(0), np.zeros(0)
        steps = np.asarray(recorded.steps, dtype=float)
        values = np.asarray(recorded.values, dtype=float)
        keep = np.isfinite(values) & (steps <= (np.inf if last is None else last))
        return steps[keep], values[keep]


def horizon(runs: Sequence[Evidence]) -> int:
    """The last step up to which runs can be compared.

    It is the smallest budget, and no further than runs that still train. A run that failed or was stopped
    does not shorten it: what it lacks is counted against it. 0 where nothing was evaluated.
    """
    steps = [run.max_steps for run in runs]
    steps += [int(run.line(GOLD)[0][-1]) for run in runs if run.outcome == "training"]
    evaluated = any(len(run.line(GOLD)[0]) for run in runs)
    return min(steps) if steps and evaluated else 0


def by_arm(runs: Sequence[Evidence]) -> dict[str, list[Evidence]]:
    """Arm -> its runs by seed.

    Arms are in the order of their names, so that no result depends on the order of rows.
    """
    runs_by_arm: dict[str, list[Evidence]] = {name: [] for name in sorted({run.arm for run in runs})}
    for run in sorted(runs, key=lambda r: (r.seed, r.run_id)):
        runs_by_arm[run.arm].append(run)
    return runs_by_arm
