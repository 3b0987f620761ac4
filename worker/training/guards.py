"""Collapse guards: metrics of a run that warn or stop it when they stay beyond a bound.

A guard's state is not part of a checkpoint: it follows from the run's stored metrics.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.config.run import Guard
from core.metrics import describe


@dataclass
class Guards:
    """The guards of a run. `stopped` says why one of them ends the run now; None when none does."""

    guards: Sequence[Guard]
    stopped: str | None = None
    _bad: dict[int, int] = field(default_factory=dict)
    """Guard -> bad values in a row."""
    _warned: set[int] = field(default_factory=set)

    def replay(self, series: Mapping[str, Mapping[int, float]]) -> None:
        """Observe the metrics that were recorded before this process started, without repeating messages.

        `series` maps metric -> step -> value.
        """
        for step in sorted({s for values in series.values() for s in values}):
            self.observe({name: values[step] for name, values in series.items() if step in values})
        self.stopped = None

    def observe(self, metrics: Mapping[str, float]) -> list[str]:
        """Observe the metrics of a step; returns the messages of the guards that warn or stop."""
        messages = []
        for i, guard in enumerate(self.guards):
            value = metrics.get(guard.metric, math.nan)
            if not math.isfinite(value):
                continue
            bad = (
                value > guard.above
                if guard.above is not None
                else guard.below is not None and value < guard.below
            )
            self._bad[i] = self._bad.get(i, 0) + 1 if bad else 0
            if self._bad[i] < guard.for_steps or i in self._warned:
                continue
            sentence = _sentence(guard, value)
            messages.append(sentence)
            if guard.action == "warn":
                self._warned.add(i)
            else:
                # a run that is queued again gets for_steps to recover
                self.stopped = sentence
                self._bad[i] = 0
        return messages


def _sentence(guard: Guard, value: float) -> str:
    bound = f"above {guard.above:g}" if guard.above is not None else f"below {guard.below:g}"
    times = f", {guard.for_steps} values in a row" if guard.for_steps > 1 else ""
    end = "; the run is stopped" if guard.action == "stop" else ""
    return f"{describe(guard.metric).title} ({guard.metric}) is {value:g}, {bound}{times}{end}"
