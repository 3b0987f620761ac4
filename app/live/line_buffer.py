"""Extends a chart's encoded lines with new points instead of re-encoding them.

app.live.chart_protocol makes a message of a whole card: of every point of every line. Here a line is its
drawn points and its last bucket, so that a step costs a few values, and a chart keeps no points
(app.live.series_cache has them). The messages are equal to the last bit (tests/db/app/test_growing.py). Knows
nothing of runs.
"""

import math
from array import array
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from threading import Lock

import numpy as np

from app.charts.base import MOST_NEW, averaged_on
from app.live.chart_protocol import EXACT, OVERLAP, Card, Line, Message, Said, joined, lean_body
from app.live.series_cache import same
from core.metrics.series import Series
from core.metrics.thin import bucket_width

CODES = {"f4": "f", "f8": "d"}


class Strand:
    """One line: the drawn points of its full buckets, and every point of its last one.

    `line`: the line with every point.
    """

    def __init__(self, line: Line, most: int) -> None:
        x = line.arrays["x"]
        y = line.arrays["y"]
        n = line.length
        self.width = bucket_width(n, most)
        self.start = max(n - 1, 0) // self.width * self.width
        self.length = n
        bounds = np.searchsorted(line.at, np.arange(0, self.start + 1, self.width))
        self.before: list[int] = bounds.tolist()  # for each bucket, how many points are drawn before it
        positions = line.at[: self.before[-1]]
        self.drawn: tuple[list[float], list[float]] = (x[positions].tolist(), y[positions].tolist())
        self.last: tuple[list[float], list[float]] = (x[self.start : n].tolist(), y[self.start : n].tolist())
        self.codes = [CODES[line.types[key]] for key in ("x", "y")]
        self.whole = bool(np.isfinite(y).all())  # without a gap

    def grow(self, xs: Iterable[float], ys: Iterable[float]) -> None:
        """Append points."""
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
        kept_indexes = ends(self.last[1])
        for drawn_values, last in zip(self.drawn, self.last, strict=True):
            drawn_values += [last[i] for i in kept_indexes]
            last.clear()
        self.start += self.width
        self.before.append(len(self.drawn[1]))

    def tails(self) -> list[tuple[int, "array[float]"]]:
        """For x and y, how many of the drawn points stay, and the values from the last of these on.

        As `app.live.chart_protocol.Line.tails`.
        """
        keep = self.before[max(self.length - OVERLAP, 0) // self.width]
        kept_indexes = ends(self.last[1])
        if kept_indexes and kept_indexes[-1] != len(self.last[1]) - 1:
            kept_indexes.append(len(self.last[1]) - 1)
        from_, ((x, y), (last_x, last_y), (code_x, code_y)) = (
            max(keep - 1, 0),
            (self.drawn, self.last, self.codes),
        )
        return [
            (keep, array(code_x, x[from_:] + [last_x[i] for i in kept_indexes])),
            (keep, array(code_y, y[from_:] + [last_y[i] for i in kept_indexes])),
        ]


def ends(values: Sequence[float]) -> list[int]:
    """Positions of the lowest and the highest value of a bucket, rising.

    The first position for a bucket without a finite value. As `core.metrics.thin.kept`, for few values.
    """
    if not values:
        return []
    low = min(values)
    high = max(values)
    if not math.isfinite(sum(values)):  # min and max cannot handle NaN, which does not equal itself
        finite = [v for v in values if math.isfinite(v)]
        if not finite:
            return [0]
        low = min(finite)
        high = max(finite)
    a = values.index(low)
    b = values.index(high)
    return [a] if a == b else [min(a, b), max(a, b)]


class Strands:
    """The lines of one chart, which change in place.

    A caller names the version that it extends, and gets nothing if the lines are no longer at it. Safe to use
    from many threads.
    """

    def __init__(self, message: Message, weight: float) -> None:
        """Take over the lines of a message.

        `weight`: of the moving average that follows each line as a line of its own; 0 if there is none.
        """
        self._lines = [Strand(line, message.most) for line in message.lines]
        self._weight = weight
        self._most = message.most
        self._lock = Lock()
        self._version = message.version

    def gone_on(
        self, was: str, now: str, found: Sequence[Series], scale: float
    ) -> list[tuple[int, "array[float]"]] | None:
        """Extend all lines from version `was` to `now`, at which they show `found`; returns their tails.

        None where the chart must be made anew: the lines are no longer at `was`, or a line is not simply
        extended.
        """
        with self._lock:
            if self._version != was:
                return None
            self._version = ""
            raws = self._lines[:: 2 if self._weight else 1]
            new = [self._new(line, series, scale) for line, series in zip(raws, found, strict=True)]
            if any(points is None for points in new):
                return None
            for k, points in enumerate(new):
                if points and points[0]:
                    self._grow(k, *points)
            self._version = now
            return [tail for line in self._lines for tail in line.tails()]

    def _new(self, line: Strand, series: Series, scale: float) -> tuple[list[float], list[float]] | None:
        """The points of a series behind the end of its line; None where it does not extend the line."""
        n = line.length
        values = series.values
        if len(values) < n or n and not same(line.last[1][-1], scale * values[n - 1]):
            return None
        if bucket_width(len(values), self._most) != line.width:
            return None
        steps = [float(step) for step in series.steps[n:]]
        new = [scale * value for value in values[n:]]
        if (
            self._weight
            and new
            and not (n and line.whole and len(new) <= MOST_NEW and all(map(math.isfinite, new)))
        ):
            return None  # its average must be computed anew
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
        """The number of points of the longest line."""
        return max((line.length for line in self._lines), default=0)

    @property
    def drawn(self) -> int:
        """The number of points kept, of all lines together."""
        return sum(len(line.drawn[1]) + len(line.last[1]) for line in self._lines)


class Grown(Said):
    """The messages of a chart that extends another message of the same chart.

    A client that lacks more than its tail gets the whole card, which is made then.
    """

    def __init__(
        self, before: Said, strands: Strands, version: str, lean: bytes, make: Callable[[], Card]
    ) -> None:
        self.history = before.history
        self.epoch = before.epoch
        self.frame = before.frame
        self.version = version
        self.length = strands.most
        self.points = strands.drawn
        self.strands = strands
        self._lean = lean
        self._make = make

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
    """The message of a chart as of `version`, extended from `before`; None if it must be made anew.

    `found`: the series of its lines, times `scale`, each with its moving average where `weight` is not 0.
    `before`: the chart's message as of an earlier version, which differs only in points and in `moved`
    (app.live.chart_protocol.MOVING). `make`: the whole card, for clients that lack more; it is called later,
    in any thread.
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
    state = {"version": version, "epoch": before.epoch, "length": strands.most, "frame": before.frame}
    return Grown(
        before, strands, version, joined({"kind": "lean", **state, "card": moved}, lean_body(tails)), make
    )
