"""Blows at random: a seeded generator picks whom, how, for how long and when; what stands still goes on
after a while."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tests.chaos.parts import Process, tell

KILL, END, STAND = "SIGKILL", "SIGTERM", "SIGSTOP"
SIGNALS = {KILL: signal.SIGKILL, END: signal.SIGTERM, STAND: signal.SIGSTOP}
DATABASE, EVERYTHING = "database", "everything"
CRASH, LOCK, ONE = "crash", "lock", "SIGKILL of a backend"  # what else may happen to a database
RARELY = 0.3  # how often everything at once, where each part alone is 1: after it nothing trains for long
Undo = Callable[[], None]
Say = Callable[[str], None]


class Stage(Protocol):
    """What the storm blows at. `victims`: part -> the blows it may get."""

    victims: dict[str, tuple[str, ...]]

    def processes(self) -> dict[str, list[Process]]:
        """Part -> its processes that live now."""

    def strike(self, action: str, turn: float) -> Undo | None:
        """Hit the database; what ends the blow. None where nothing is hit. `turn`: in [0, 1), which of
        several."""


@dataclass(frozen=True)
class Pace:
    """Seconds between two blows on average, the longest that something stands still or is away, and the
    longest wait for a step to be trained since the last blow: on a slow machine a worker would else be
    killed again before it trains."""

    pause: float
    longest: float
    patience: float


class Storm:
    """`counts`: (part, action) -> blows that met something. `killed`: run -> how often its training got
    SIGKILL."""

    def __init__(self, stage: Stage, seed: int, pace: Pace, say: Say) -> None:
        self.stage, self.pace, self.say = stage, pace, say
        self.random = random.Random(seed)
        self.counts: Counter[tuple[str, str]] = Counter()
        self.killed: Counter[int] = Counter()
        self.missed = 0
        self._undo: list[tuple[float, Undo]] = []
        self._next = time.monotonic()
        self._trained = 0

    def tick(self, trained: int) -> None:
        """End what is over, and blow when it is time. `trained`: a number that grows while runs train."""
        now = time.monotonic()
        self._recover(now)
        if now >= self._next and (trained > self._trained or now >= self._next + self.pace.patience):
            self._blow()
            self._trained = trained
            self._next = time.monotonic() + self.random.expovariate(1 / self.pace.pause)

    def calm(self) -> None:
        """End every blow that still lasts."""
        self._recover(float("inf"))

    def _recover(self, now: float) -> None:
        over = [undo for at, undo in self._undo if at <= now]
        self._undo = [(at, undo) for at, undo in self._undo if at > now]
        for undo in over:
            undo()

    def _blow(self) -> None:
        """The same numbers are drawn whatever is met, so that a seed means the same blows."""
        parts = list(self.stage.victims)
        (part,) = self.random.choices(parts, [RARELY if part == EVERYTHING else 1.0 for part in parts])
        action = self.random.choice(self.stage.victims[part])
        seconds, turn = self.random.uniform(0.2, self.pace.longest), self.random.random()
        if part == EVERYTHING:
            met = self._everything(seconds)
        elif part == DATABASE:
            met = self._later(self.stage.strike(action, turn), seconds)
        else:
            living = self.stage.processes().get(part, [])
            met = bool(living) and self._signal(living[int(turn * len(living))], action, seconds)
        lasts = f" for {seconds:.1f} s" if action == STAND or part in (DATABASE, EVERYTHING) else ""
        self.say(f"{action} {part}{lasts}" + ("" if met else ": nothing there"))
        if met:
            self.counts[part, action] += 1
        else:
            self.missed += 1

    def _later(self, undo: Undo | None, seconds: float) -> bool:
        if undo is not None:
            self._undo.append((time.monotonic() + seconds, undo))
        return undo is not None

    def _signal(self, process: Process, action: str, seconds: float) -> bool:
        handle = process.handle()
        if handle is None or not tell(handle, SIGNALS[action]):
            return False
        if action == KILL and process.run_id is not None:
            self.killed[process.run_id] += 1
        if action != STAND:
            os.close(handle)
            return True

        def go_on() -> None:
            tell(handle, signal.SIGCONT)
            os.close(handle)

        return self._later(go_on, seconds)

    def _everything(self, seconds: float) -> bool:
        """Every process and the database, at once."""
        for processes in self.stage.processes().values():
            for process in processes:
                self._signal(process, KILL, seconds)
        self._later(self.stage.strike(CRASH, 0.0), seconds)
        return True
