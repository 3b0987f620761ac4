"""Collapse guards: metrics of a run that warn or stop it when they stay beyond a bound. Called by worker.recorder.

What a guard has seen is no part of a checkpoint: it is what the run's stored metrics say.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.config import Guard
from core.metrics import describe


@dataclass
class Guards:
    """The guards of a run. `stopped`: why one of them ends the run now."""

    guards: Sequence[Guard]
    stopped: str | None = None
    _bad: dict[int, int] = field(default_factory=dict)
    """Guard -> bad values in a row."""
    _warned: set[int] = field(default_factory=set)

    def replay(self, series: Mapping[str, Mapping[int, float]]) -> None:
        """See again what was recorded before this process, metric -> step -> value. What was said is not said twice."""
        for step in sorted({s for found in series.values() for s in found}):
            self.observe({name: found[step] for name, found in series.items() if step in found})
        self.stopped = None

    def observe(self, metrics: Mapping[str, float]) -> list[str]:
        """Take in the metrics of a step; what there is to say about them."""
        said = []
        for i, guard in enumerate(self.guards):
            value = metrics.get(guard.metric, math.nan)
            if not math.isfinite(value):
                continue
            bad = value > guard.above if guard.above is not None else guard.below is not None and value < guard.below
            self._bad[i] = self._bad.get(i, 0) + 1 if bad else 0
            if self._bad[i] < guard.for_steps or i in self._warned:
                continue
            sentence = _sentence(guard, value)
            said.append(sentence)
            if guard.action == "warn":
                self._warned.add(i)
            else:
                self.stopped, self._bad[i] = sentence, 0  # a run that is queued again has for_steps to recover
        return said


def _sentence(guard: Guard, value: float) -> str:
    bound = f"above {guard.above:g}" if guard.above is not None else f"below {guard.below:g}"
    times = f", {guard.for_steps} values in a row" if guard.for_steps > 1 else ""
    end = "; the run is stopped" if guard.action == "stop" else ""
    return f"{describe(guard.metric).title} ({guard.metric}) is {value:g}, {bound}{times}{end}"
