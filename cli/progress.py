"""Progress of a training in a terminal: one moving line, or plain lines where nobody can see it move.

Goes to standard error, so that a command's result stays alone on standard output. rich is imported where
it is used.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import click

from core.store.runs.queries import RunRow
from core.store.status import Status

LINE_SECONDS = 10.0  # between two plain lines
# the terminal was closed: the training goes on to its checkpoint without being shown
GONE = (OSError, ValueError)


@dataclass(frozen=True)
class Seen:
    """State of a training at one moment; None: not known yet. `left`: seconds to its end."""

    status: Status
    step: int
    max_steps: int
    reward: float | None
    accuracy: float | None
    tokens_per_second: float | None
    left: float | None

    def words(self) -> str:
        """The known values in one line."""
        if self.status == Status.STARTING:
            return "starting"
        parts = [] if self.left is None else [f"ETA {clock(self.left)}"]
        parts += [] if self.reward is None else [f"reward {self.reward:.3f}"]
        parts += [] if self.accuracy is None else [f"gold {self.accuracy:.1%}"]
        parts += [] if self.tokens_per_second is None else [f"{self.tokens_per_second:,.0f} tok/s"]
        return "  ".join(parts) or "evaluating the start"


def clock(seconds: float) -> str:
    """Seconds as `1:02:03` or `2:03`."""
    minutes, remainder = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{remainder:02}" if hours else f"{minutes}:{remainder:02}"


class Pace:
    """Estimates the remaining time from the steps so far, evaluations and checkpoints included."""

    def __init__(self) -> None:
        self._from: tuple[float, int] | None = None

    def left(self, row: RunRow, now: float) -> float | None:
        """Seconds to the end; None before a step has been seen."""
        if row.status != Status.RUNNING:
            return None
        if self._from is None:
            self._from = (now, row.step)
        began, first = self._from
        return (now - began) / (row.step - first) * (row.max_steps - row.step) if row.step > first else None


class Lines:
    """Plain lines: one every LINE_SECONDS, and a last one at the end of the training."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._at = 0.0
        self._said = ""
        self._last: str | None = None

    def show(self, seen: Seen) -> None:
        """Print a line when the last is old enough."""
        self._last = f"{self.name}: step {seen.step}/{seen.max_steps}  {seen.words()}"
        if time.monotonic() - self._at > LINE_SECONDS:
            self._print()

    def _print(self) -> None:
        self._at = time.monotonic()
        if self._last and self._last != self._said:
            self._said = self._last
            self.say(self._last)

    def say(self, text: str) -> None:
        """Print a line of its own."""
        with suppress(*GONE):
            click.echo(text, err=True)

    def close(self) -> None:
        self._print()


class Bar:
    """One moving line, drawn by rich."""

    def __init__(self, name: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[words]}"),
        )
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task(name, total=None, words="starting")
        self._progress.start()

    def show(self, seen: Seen) -> None:
        """Redraw the line."""
        with suppress(*GONE):
            self._progress.update(self._task, completed=seen.step, total=seen.max_steps, words=seen.words())

    def say(self, text: str) -> None:
        """Print a line above the moving one."""
        with suppress(*GONE):
            self._progress.console.print(text, highlight=False, markup=False)

    def close(self) -> None:
        with suppress(*GONE):
            self._progress.stop()


def _made(name: str) -> Any:
    if not sys.stderr.isatty():
        return Lines(name)
    try:
        return Bar(name)
    except ImportError:
        return Lines(name)


@contextmanager
def display(name: str) -> Iterator[Any]:
    """Show a training: yields an object with `show(Seen)` and `say(text)`."""
    view = _made(name)
    try:
        yield view
    finally:
        view.close()
