"""Schedules: numbers that move while a run trains.

A schedule is a function of the training step (1 = the first update); it knows nothing of runs or rewards.
Its steps may be given as percent of the training; `in_steps` turns them into steps once the length is
known. Adaptive schedules, which watch the run, are in core.rewards.adaptive. To add one: a class with
`value` and `breakpoints`, and its name in `Schedule`.
"""

import math
from bisect import bisect_right
from itertools import pairwise
from typing import Annotated, Literal, Self, TypeVar

from pydantic import Discriminator, Field, Tag, model_validator

from core.common.config_model import Frozen
from core.rewards.adaptive import Adaptive

W = TypeVar("W")


class _Schedule(Frozen):
    unit: Literal["step", "percent"] = "step"
    """What its steps are given in: steps, or percent of the training."""

    def value(self, step: float) -> float:
        """The number in force at `step`."""
        raise AssertionError(f"{type(self).__name__} defines no value")

    def breakpoints(self) -> list[float]:
        """Steps at which the curve changes its law, for marks on the time axis."""
        return []

    def bounds(self) -> tuple[float, float]:
        """Smallest and largest value it can take."""
        values = [self.value(step) for step in (0.0, *self.breakpoints())]
        return min(values), max(values)

    def in_steps(self, max_steps: int) -> Self:
        """This curve with its steps given in steps, for a training of `max_steps`."""
        if self.unit == "step":
            return self
        return self.model_copy(update={"unit": "step", **self._scaled(max_steps / 100)})

    def _scaled(self, factor: float) -> dict[str, object]:
        """The fields that hold steps, multiplied by `factor`."""
        return {}


class Constant(_Schedule):
    """The same number at every step."""

    type: Literal["constant"] = "constant"
    value_: float = Field(alias="value")
    """The number."""

    def value(self, step: float) -> float:
        return self.value_


class _Ramp(_Schedule):
    """From `start` to `end` between two steps; what happens between them is the subclass's law on [0, 1]."""

    start: float
    """Value before the ramp."""
    end: float
    """Value after the ramp."""
    from_step: float = Field(ge=0)
    """Last step at `start`."""
    to_step: float = Field(ge=0)
    """First step at `end`."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.to_step <= self.from_step:
            raise ValueError(f"to_step {self.to_step:g} must be above from_step {self.from_step:g}")
        return self

    def law(self, share: float) -> float:
        """How far the ramp has come, 0 to 1, at a share of its way."""
        return share

    def value(self, step: float) -> float:
        share = min(max((step - self.from_step) / (self.to_step - self.from_step), 0.0), 1.0)
        return self.start + (self.end - self.start) * self.law(share)

    def breakpoints(self) -> list[float]:
        return [self.from_step, self.to_step]

    def _scaled(self, factor: float) -> dict[str, object]:
        return {"from_step": self.from_step * factor, "to_step": self.to_step * factor}


class Linear(_Ramp):
    """`start` until from_step, then a straight line, `end` from to_step on.

    The piecewise-linear ramp reported for arXiv 2511.13016 (Eq. 13; T_s = 50, T_e = 150 of 200 steps,
    second-hand). The paper's direction is not known to us: choose it by `start` and `end`.
    """

    type: Literal["linear"] = "linear"


class Cosine(_Ramp):
    """Half a cosine between the two steps: (1 - cos(pi x)) / 2; flat at both ends."""

    type: Literal["cosine"] = "cosine"

    def law(self, share: float) -> float:
        return 0.5 * (1.0 - math.cos(math.pi * share))


class Sigmoid(_Ramp):
    """1 / (1 + exp(-k (x - 1/2))), stretched so that it begins at 0 and ends at 1 exactly."""

    type: Literal["sigmoid"] = "sigmoid"
    steepness: float = Field(10.0, ge=0.01, le=100)
    """k: how sudden the middle is."""

    def law(self, share: float) -> float:
        def raw(x: float) -> float:
            return 1.0 / (1.0 + math.exp(-self.steepness * (x - 0.5)))

        return (raw(share) - raw(0.0)) / (raw(1.0) - raw(0.0))


class Exponential(_Ramp):
    """(1 - exp(-r x)) / (1 - exp(-r)): most of the way early; a negative rate: most of it late."""

    type: Literal["exponential"] = "exponential"
    rate: float = Field(5.0, ge=-50, le=50)
    """r: how early; 0 is a straight line."""

    def law(self, share: float) -> float:
        return share if abs(self.rate) < 1e-9 else math.expm1(-self.rate * share) / math.expm1(-self.rate)


class Step(_Schedule):
    """`start` up to and at `at_step`, `end` after it. The one schedule that jumps."""

    type: Literal["step"] = "step"
    start: float
    """Value before the jump."""
    end: float
    """Value after the jump."""
    at_step: float = Field(ge=0)
    """Last step at `start`."""

    def value(self, step: float) -> float:
        return self.start if step <= self.at_step else self.end

    def breakpoints(self) -> list[float]:
        return [self.at_step]

    def bounds(self) -> tuple[float, float]:
        return min(self.start, self.end), max(self.start, self.end)

    def _scaled(self, factor: float) -> dict[str, object]:
        return {"at_step": self.at_step * factor}


class Cyclic(_Schedule):
    """A cosine wave between `low` and `high`, beginning at `low`."""

    type: Literal["cyclic"] = "cyclic"
    low: float
    """Smallest value, at step 0."""
    high: float
    """Largest value, half a period later."""
    period: float = Field(gt=0)
    """Steps from low to low."""

    def value(self, step: float) -> float:
        return self.low + (self.high - self.low) * 0.5 * (1.0 - math.cos(2 * math.pi * step / self.period))

    def bounds(self) -> tuple[float, float]:
        return min(self.low, self.high), max(self.low, self.high)

    def _scaled(self, factor: float) -> dict[str, object]:
        return {"period": self.period * factor}


class Piecewise(_Schedule):
    """Straight lines through [step, value] points; flat before the first and after the last."""

    type: Literal["piecewise"] = "piecewise"
    points: tuple[tuple[float, float], ...] = Field(min_length=1)
    """[step, value] pairs in the order of their steps."""

    @model_validator(mode="after")
    def _ordered(self) -> "Piecewise":
        for (a, _), (b, _) in pairwise(self.points):
            if b <= a:
                raise ValueError(f"point at step {b:g} comes after step {a:g}: steps must rise")
        return self

    def value(self, step: float) -> float:
        steps = [s for s, _ in self.points]
        i = bisect_right(steps, step)
        if i == 0 or i == len(steps):
            return self.points[min(i, len(steps) - 1)][1] if i == 0 else self.points[-1][1]
        a, va = self.points[i - 1]
        b, vb = self.points[i]
        return va + (vb - va) * (step - a) / (b - a)

    def breakpoints(self) -> list[float]:
        return [s for s, _ in self.points]

    def _scaled(self, factor: float) -> dict[str, object]:
        return {"points": tuple((s * factor, v) for s, v in self.points)}


class Warmup(_Schedule):
    """From 0 to the first value of `then` in a straight line over `steps`, and after that `then`, begun at
    its step 0."""

    type: Literal["warmup"] = "warmup"
    steps: float = Field(gt=0)
    """Steps of the warm-up."""
    then: "FixedSchedule"
    """What follows; its own steps count from the end of the warm-up, in this warm-up's unit."""

    @model_validator(mode="after")
    def _one_unit(self) -> "Warmup":
        if self.then.unit == "percent" and self.unit == "step":
            raise ValueError(
                "unit: what follows is in percent, the warm-up in steps; give the unit once, on the warm-up"
            )
        return self

    def value(self, step: float) -> float:
        if step < self.steps:
            return self.then.value(0) * step / self.steps
        return self.then.value(step - self.steps)

    def breakpoints(self) -> list[float]:
        return [self.steps, *(self.steps + b for b in self.then.breakpoints())]

    def bounds(self) -> tuple[float, float]:
        low, high = self.then.bounds()
        return min(0.0, low), max(0.0, high)

    def _scaled(self, factor: float) -> dict[str, object]:
        inner = self.then.model_copy(update={**self.then._scaled(factor), "unit": "step"})
        return {"steps": self.steps * factor, "then": inner}


Fixed = Constant | Linear | Cosine | Sigmoid | Exponential | Step | Piecewise | Cyclic | Warmup
FixedSchedule = Annotated[Fixed, Field(discriminator="type")]
Schedule = Annotated[Fixed | Adaptive, Field(discriminator="type")]
SCHEDULES: dict[str, type[_Schedule] | type[Adaptive]] = {
    "constant": Constant,
    "linear": Linear,
    "cosine": Cosine,
    "sigmoid": Sigmoid,
    "exponential": Exponential,
    "step": Step,
    "piecewise": Piecewise,
    "cyclic": Cyclic,
    "warmup": Warmup,
    "adaptive": Adaptive,
}
JUMPS = frozenset({"step", "adaptive"})  # not continuous, alone or after a warm-up
Warmup.model_rebuild()


def _kind(value: object) -> str:
    return "schedule" if isinstance(value, dict | _Schedule | Adaptive) else "number"


Weight = Annotated[
    Annotated[float, Tag("number")] | Annotated[Schedule, Tag("schedule")], Discriminator(_kind)
]


def value_at(weight: float | Fixed | Adaptive, step: float) -> float:
    """The value of a weight, a plain number or a schedule, at `step`.

    An adaptive schedule gives its value before anything was measured. ValueError for a schedule that is
    still in percent: its curve is not known before the length of the training is.
    """
    if isinstance(weight, int | float):
        return float(weight)
    if isinstance(weight, _Schedule) and weight.unit == "percent":
        raise ValueError("this schedule is in percent of the training; use Mix.in_steps(max_steps) first")
    return weight.value(step)


def in_steps(weight: W, max_steps: int) -> W:
    """A weight with its steps given in steps, for a training of `max_steps`."""
    return weight.in_steps(max_steps) if isinstance(weight, _Schedule) else weight
