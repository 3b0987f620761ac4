"""A chart whose lines only grow at their ends, gone on with from its new points alone. Called by app.cards.

app.wire makes a message of a whole card: of every point of every line. Here a line is what is drawn of it and its last bucket,
so that a step costs a few values, and a chart keeps no points (app.series has them). What is said is the same, to the last bit
(tests/db/app/test_growing.py). Knows nothing of runs.
"""

import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from threading import Lock

import numpy as np

from app.figures.base import MOST_NEW, averaged_on
from app.series import same
from app.wire import EXACT, OVERLAP, Card, Line, Message, Said, joined, lean_body
from core.metrics.series import Series
from core.metrics.thin import bucket_width

CODES = {"f4": "f", "f8": "d"}


class Strand:
    """One line: what is drawn of its full buckets, and every point of the last one. `line`: the same with every point."""

    def __init__(self, line: Line, most: int) -> None:
        x, y, n = line.arrays["x"], line.arrays["y"], line.length
        self.width = bucket_width(n, most)
        self.start, self.length = max(n - 1, 0) // self.width * self.width, n
        bounds = np.searchsorted(line.at, np.arange(0, self.start + 1, self.width))
        self.before: list[int] = bounds.tolist()  # of each bucket how many points are drawn before it
        at = line.at[: self.before[-1]]
        self.drawn: tuple[list[float], list[float]] = (x[at].tolist(), y[at].tolist())
        self.last: tuple[list[float], list[float]] = (x[self.start : n].tolist(), y[self.start : n].tolist())
        self.codes = [CODES[line.types[key]] for key in ("x", "y")]
        self.whole = bool(np.isfinite(y).all())
        """It has no gap."""

    def grow(self, xs: Iterable[float], ys: Iterable[float]) -> None:
        """More points, at the end."""
        last_x, last_y = self.last
        for x, y in zip(xs, ys, strict=True):
            if len(last_y) == self.width:
                self._close()
            last_x.append(x)
            last_y.append(y)
            self.length += 1
            if abs(x) > EXACT:
                self.codes[0] = "d"
            if abs(y) > EXACT:
                self.codes[1] = "d"

    def _close(self) -> None:
        kept = ends(self.last[1])
        for drawn, last in zip(self.drawn, self.last, strict=True):
            drawn += [last[i] for i in kept]
            last.clear()
        self.start += self.width
        self.before.append(len(self.drawn[1]))

    def tails(self) -> list[tuple[int, "array[float]"]]:
        """As `app.wire.Line.tails`: of x and y how many of the drawn points stay, and the rest behind the last of these."""
        keep = self.before[max(self.length - OVERLAP, 0) // self.width]
        kept = ends(self.last[1])
        if kept and kept[-1] != len(self.last[1]) - 1:
            kept.append(len(self.last[1]) - 1)
        from_, ((x, y), (last_x, last_y), (code_x, code_y)) = max(keep - 1, 0), (self.drawn, self.last, self.codes)
        return [
            (keep, array(code_x, x[from_:] + [last_x[i] for i in kept])),
            (keep, array(code_y, y[from_:] + [last_y[i] for i in kept])),
        ]


def ends(values: Sequence[float]) -> list[int]:
    """Positions of the lowest and the highest of a bucket, rising; of one without a finite value the first. As
    `core.metrics.thin.kept`, for few values."""
    if not values:
        return []
    low, high = min(values), max(values)
    if not math.isfinite(sum(values)):  # no number equals itself there: min and max do not know it
        finite = [v for v in values if math.isfinite(v)]
        if not finite:
            return [0]
        low, high = min(finite), max(finite)
    a, b = values.index(low), values.index(high)
    return [a] if a == b else [min(a, b), max(a, b)]


class Strands:
    """The lines of one chart. They change; who goes on with them says what they were, and gets nothing if they are not any
    more. Safe to use from many threads."""

    def __init__(self, message: Message, weight: float) -> None:
        """`weight`: of the moving average that follows each line as one of its own; 0: there is none."""
        self._lines = [Strand(line, message.most) for line in message.lines]
        self._weight, self._most, self._lock, self._version = weight, message.most, Lock(), message.version

    def gone_on(self, was: str, now: str, found: Sequence[Series], scale: float) -> list[tuple[int, "array[float]"]] | None:
        """The tails of all lines, which were as of version `was` and are as of `now` what `found` has. None: the chart must be
        made anew, because they are no longer, or a line does not simply go on."""
        with self._lock:
            if self._version != was:
                return None
            self._version = ""
            raws = self._lines[:: 2 if self._weight else 1]
            new = [self._new(line, series, scale) for line, series in zip(raws, found, strict=True)]
            if any(one is None for one in new):
                return None
            for k, one in enumerate(new):
                if one and one[0]:
                    self._grow(k, *one)
            self._version = now
            return [tail for line in self._lines for tail in line.tails()]

    def _new(self, line: Strand, series: Series, scale: float) -> tuple[list[float], list[float]] | None:
        """What a series has behind the end of its line; None where it does not go on from it."""
        n, values = line.length, series.values
        if len(values) < n or n and not same(line.last[1][-1], scale * values[n - 1]):
            return None
        if bucket_width(len(values), self._most) != line.width:
            return None
        steps, new = [float(step) for step in series.steps[n:]], [scale * value for value in values[n:]]
        if self._weight and new and not (n and line.whole and len(new) <= MOST_NEW and all(map(math.isfinite, new))):
            return None  # its average must be made anew
        return steps, new

    def _grow(self, k: int, steps: list[float], values: list[float]) -> None:
        if not self._weight:
            self._lines[k].grow(steps, values)
            return
        raw, average = self._lines[2 * k : 2 * k + 2]
        average.grow(steps, averaged_on(average.last[1][-1], average.length, values, self._weight))
        raw.grow(steps, values)

    @property
    def most(self) -> int:
        """Points of the longest line."""
        return max((line.length for line in self._lines), default=0)

    @property
    def drawn(self) -> int:
        """Points that are kept, of all lines together."""
        return sum(len(line.drawn[1]) + len(line.last[1]) for line in self._lines)


class Grown(Said):
    """What goes on from another message of the same chart. Who lacks more than its tail gets the whole card, made then."""

    def __init__(self, before: Said, strands: Strands, version: str, lean: bytes, make: Callable[[], Card]) -> None:
        self.history, self.epoch, self.frame = before.history, before.epoch, before.frame
        self.version, self.length, self.points = version, strands.most, strands.drawn
        self.strands, self._lean, self._make = strands, lean, make

    @cached_property
    def _full(self) -> Message:
        return Message(self._make(), self.version, self.history)

    @property
    def card(self) -> Card:
        return self._full.card

    @property
    def whole(self) -> bytes:
        return self._full.whole

    @property
    def tail(self) -> bytes:
        return self._full.tail

    @property
    def lean(self) -> bytes:
        return self._lean


def gone_on(
    before: Said, version: str, found: Sequence[Series], moved: Card, make: Callable[[], Card],
    scale: float = 1.0, weight: float = 0.0,
) -> Grown | None:  # fmt: skip
    """The message of a chart as of `version` that shows `found`, a line each, times `scale`, and of each its moving average
    where `weight` is not 0. None: it must be made anew.

    `before`: its message as of an earlier version, different from it only in points and in `moved` (app.wire.MOVING).
    `make`: the whole card, for who lacks more; it is called later, in any thread.
    """
    if isinstance(before, Grown):
        strands = before.strands
    elif isinstance(before, Message):
        strands = Strands(before, weight)
    else:
        return None
    tails = strands.gone_on(before.version, version, found, scale)
    if tails is None:
        return None
    at = {"version": version, "epoch": before.epoch, "length": strands.most, "frame": before.frame}
    return Grown(before, strands, version, joined({"kind": "lean", **at, "card": moved}, lean_body(tails)), make)
