"""Schedules: a number that moves while a run trains. Called by core.mix (blend, weights), core.engine and the curve editor.

A schedule is a function of the training step (1 = the first update); it knows nothing of runs or rewards. To add one: a
class with `value` and `breakpoints`, and its name in `Schedule`.
"""

from bisect import bisect_right
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Schedule(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    def value(self, step: float) -> float:
        """The number in force at `step`."""
        raise AssertionError(f"{type(self).__name__} defines no value")

    def breakpoints(self) -> list[float]:
        """Steps at which the curve changes its law, for marks on the time axis."""
        return []


class Constant(_Schedule):
    """The same number at every step."""

    type: Literal["constant"] = "constant"
    value_: Finite = Field(alias="value")
    """The number."""

    def value(self, step: float) -> float:
        return self.value_


class Linear(_Schedule):
    """`start` until from_step, then a straight line, `end` from to_step on.

    The piecewise-linear ramp reported for arXiv 2511.13016 (Eq. 13; T_s = 50, T_e = 150 of 200 steps, second-hand).
    The paper's direction is not known to us: choose it by `start` and `end`.
    """

    type: Literal["linear"] = "linear"
    start: Finite
    """Value before the ramp."""
    end: Finite
    """Value after the ramp."""
    from_step: float = Field(ge=0)
    """Last step at `start`."""
    to_step: float = Field(ge=0)
    """First step at `end`."""

    @model_validator(mode="after")
    def _ordered(self) -> "Linear":
        if self.to_step <= self.from_step:
            raise ValueError(f"to_step {self.to_step:g} must be above from_step {self.from_step:g}")
        return self

    def value(self, step: float) -> float:
        share = (step - self.from_step) / (self.to_step - self.from_step)
        return self.start + (self.end - self.start) * min(max(share, 0.0), 1.0)

    def breakpoints(self) -> list[float]:
        return [self.from_step, self.to_step]


class Piecewise(_Schedule):
    """Straight lines through [step, value] points; flat before the first and after the last."""

    type: Literal["piecewise"] = "piecewise"
    points: tuple[tuple[Finite, Finite], ...] = Field(min_length=1)
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
        (a, va), (b, vb) = self.points[i - 1], self.points[i]
        return va + (vb - va) * (step - a) / (b - a)

    def breakpoints(self) -> list[float]:
        return [s for s, _ in self.points]


Schedule = Annotated[Constant | Linear | Piecewise, Field(discriminator="type")]
SCHEDULES: dict[str, type[_Schedule]] = {"constant": Constant, "linear": Linear, "piecewise": Piecewise}


def _kind(value: object) -> str:
    return "schedule" if isinstance(value, dict | _Schedule) else "number"


Weight = Annotated[Annotated[Finite, Tag("number")] | Annotated[Schedule, Tag("schedule")], Discriminator(_kind)]


def value_at(weight: float | Constant | Linear | Piecewise, step: float) -> float:
    """A weight may be a plain number or a schedule: its value at `step`."""
    return float(weight) if isinstance(weight, int | float) else weight.value(step)
