"""A run as its charts see it: its series, its mix, and how they are drawn over which axis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from core.metrics.series import Series
from core.rewards.mix import Mix

Over = Literal["step", "tokens", "time"]
EMPTY = Series([], [])
HOVER = {"step": "step %{x}", "tokens": "%{x:.4s} tokens", "time": "%{x:.2f} min"}
OVER: dict[Over, str] = {
    "step": "Optimizer steps.",
    "tokens": "Completion tokens generated for training so far: the sum over rollouts of length/mean × "
    "completions of one.",
    "time": "Minutes of training so far: the sum of speed/step_seconds. Loading and evaluations are "
    "not in it.",
}

NAMES: dict[Over, str] = {"step": "step", "tokens": "tokens", "time": "minutes"}
# The metric whose sum over the steps is the axis.
SUMMED: dict[Over, tuple[str, ...]] = {
    "step": (),
    "tokens": ("length/mean",),
    "time": ("speed/step_seconds",),
}

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """How charts are drawn.

    `smoothing` is the weight of the moving average; 0 draws the raw lines alone.
    """

    over: Over = "step"
    log: bool = False
    smoothing: float = 0.8


@dataclass(frozen=True)
class Shown:
    """One run, read up to step `now`. `completions` is the number of completions per step."""

    series: Mapping[str, Series]
    mix: Mix
    max_step: int
    now: int
    completions: int
    view: View = View()

    def get(self, key: str) -> Series:
        return self.series.get(key, EMPTY)

    def last(self, key: str) -> float | None:
        values = self.get(key).values
        return values[-1] if values else None

    @cached_property
    def _so_far(self) -> Floats:
        """Tokens or minutes after each step 0..now [now + 1]; a step that recorded none counts as none."""
        scale = float(self.completions) if self.view.over == "tokens" else 1 / 60
        summed = self.get(SUMMED[self.view.over][0])
        each = np.zeros(max(self.now, summed.steps[-1] if summed.steps else 0) + 1)
        each[summed.steps] = np.asarray(summed.values) * scale
        return np.cumsum(each)

    def x(self, steps: Sequence[int]) -> Floats:
        """Where these steps lie on the axis."""
        if self.view.over == "step":
            return np.asarray(steps, dtype=float)
        return self._so_far[np.minimum(steps, len(self._so_far) - 1)] if steps else np.empty(0)

    @property
    def end(self) -> float:
        """Where the axis ends: the last planned step, or the tokens or minutes expected by then.

        The expectation uses the pace so far.
        """
        if self.view.over == "step":
            return float(self.max_step)
        return float(self._so_far[-1]) * self.max_step / max(self.now, 1) or 1.0

    @property
    def hover(self) -> str:
        return HOVER[self.view.over]

    @property
    def axis(self) -> str:
        """The name of the axis: charts over the same axis hover together."""
        return NAMES[self.view.over]
