"""Adaptive schedules: numbers that move with what the run measures.

Pure: `advance` maps a state and the signals of a finished step to the next state. The state is small,
serializes to JSON, and is part of the checkpoint, so a restored run goes on as if never interrupted.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from pydantic import Field, model_validator

from core.common.config_model import Frozen

SignalName = Literal["accuracy", "spread", "dead_groups", "plateau", "kl"]


@dataclass(frozen=True)
class Signals:
    """The measurements of a step: shares in [0, 1], spread in reward, KL in nats; None if not measured."""

    accuracy: float | None = None
    spread: float | None = None
    dead_groups: float | None = None
    kl: float | None = None


@dataclass(frozen=True)
class AdaptiveState:
    """The state of an adaptive schedule.

    `mean`: the moving average of its signal. `best`: the highest `mean` so far. `still`: the steps since
    `best` rose. `on`: whether the schedule moves towards its end.
    """

    value: float
    mean: float | None = None
    best: float | None = None
    still: int = 0
    on: bool = False

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


class Adaptive(Frozen):
    """Moves from `start` towards `end`, at most `rate` a measurement, while the moving average of a signal is
    past `threshold`.

    It switches off again only `hysteresis` on the other side of the threshold, and moves back then if
    `returns`. plateau switches on when accuracy has not risen by `hysteresis` for `threshold` steps, and
    off when it does. Everything but kl is measured at every step; kl at evaluations. Ours. It is not VERL
    (arXiv 2509.23808), which weighs by how the effective rank of hidden states accelerates: there a moving
    average of the score only scales that bonus (hf618/VERL, reward_manager_versions.py).
    """

    type: Literal["adaptive"] = "adaptive"
    signal: SignalName
    """What is watched: training accuracy, spread inside groups, dead groups, a plateau of accuracy, or KL
    to the start."""
    threshold: float = Field(ge=0)
    """Level of the signal at which it switches on; for plateau: steps without a rise."""
    when: Literal["above", "below"] = "above"
    """Which side of the threshold switches on; plateau has no sides."""
    start: float = 0.0
    """Value at the beginning."""
    end: float = 1.0
    """Value it moves to."""
    rate: float = Field(0.05, gt=0)
    """Largest change a measurement."""
    hysteresis: float = Field(0.05, ge=0)
    """How far past the threshold the signal must fall back before it switches off."""
    memory: float = Field(0.8, ge=0, lt=1)
    """Weight of the past in the moving average; 0: only the last step counts."""
    returns: bool = False
    """Move back to `start` when switched off; else stay."""

    @model_validator(mode="after")
    def _moves(self) -> "Adaptive":
        if self.start == self.end:
            raise ValueError(f"start and end are both {self.start:g}: nothing would move; use a constant")
        return self

    def begin(self) -> AdaptiveState:
        """The state before the first step."""
        return AdaptiveState(self.start)

    def value(self, step: float) -> float:
        """The value before anything was measured.

        The value that a run used at each step is recorded as weight/<term> and blend/hard.
        """
        del step
        return self.start

    def breakpoints(self) -> list[float]:
        return []

    def bounds(self) -> tuple[float, float]:
        """Smallest and largest value it can take."""
        return min(self.start, self.end), max(self.start, self.end)

    def advance(self, state: AdaptiveState, signals: Signals) -> AdaptiveState:
        """The state after a step. A signal that was not measured leaves the state as it was."""
        measurement = signals.accuracy if self.signal == "plateau" else getattr(signals, self.signal)
        if measurement is None or measurement != measurement:
            return state
        mean = (
            measurement if state.mean is None else self.memory * state.mean + (1 - self.memory) * measurement
        )
        rose = state.best is None or mean > state.best + self.hysteresis
        state = replace(
            state, mean=mean, best=mean if rose else state.best, still=0 if rose else state.still + 1
        )
        state = replace(state, on=self._is_on(state, mean))
        goal = self.end if state.on else self.start if self.returns else state.value
        step = min(max(goal - state.value, -self.rate), self.rate)
        return replace(state, value=state.value + step)

    def _is_on(self, state: AdaptiveState, mean: float) -> bool:
        if self.signal == "plateau":
            return state.still >= self.threshold
        sign = 1.0 if self.when == "above" else -1.0
        slack = self.hysteresis if state.on else 0.0
        return sign * (mean - self.threshold) > -slack
