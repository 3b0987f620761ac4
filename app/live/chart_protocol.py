"""A chart card as bytes for the browser: a JSON head and typed arrays.

A card is a dict (app.charts.base.card) whose traces hold numpy arrays. Three messages encode it: `whole` has
everything; `tail` has, of every growing array, only what a browser cannot have yet; `lean` is a tail without
titles, layout and styles. A tail begins with the last value that the browser must have, so that the browser
can verify that it extends its own line. The other end is elements/wire.js.

Layout: uint32 length of the head, the head as JSON padded to 8 bytes, the arrays, 8 bytes aligned; those of a
lean message are laid out as in `lean_body`. Knows nothing of sessions or of Streamlit.
"""

import hashlib
import json
import struct
from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from core.metrics.thin import MOST, bucket_width, kept_of_each

MOVING = ("now", "alt")  # the fields of a card that describe its newest point
# Newest raw points that a tail repeats: a browser that missed as many is still served by a tail.
OVERLAP = 16
MANY = 12  # a chart with more lines is drawn with fewer points of each: a browser draws every second
CROWDED = 260  # points of each line then
TYPES: dict[str, np.dtype[Any]] = {"f4": np.dtype("<f4"), "f8": np.dtype("<f8")}
EXACT = 1 << 24  # whole numbers up to here are exact in float32
FEW = 16  # below so many values (what a line has grown by), Python is faster than numpy

Array = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]
Card = dict[str, Any]


class Had(NamedTuple):
    """What the client already has; decides whether a tail is enough."""

    epoch: str
    version: str
    length: int
    frame: str


class Said(ABC):
    """The messages of a card.

    `epoch` names the history that a tail extends; `version` what is drawn; `length` is the number of points
    of its longest line; `frame` changes when anything but points and `MOVING` does; `points` is the number of
    points kept.
    """

    history: str
    epoch: str
    version: str
    length: int
    frame: str
    points: int

    @property
    @abstractmethod
    def card(self) -> Card:
        """The card with every point."""

    @property
    @abstractmethod
    def whole(self) -> bytes: ...

    @property
    @abstractmethod
    def tail(self) -> bytes: ...

    @property
    @abstractmethod
    def lean(self) -> bytes: ...

    def since(self, had: Had | None) -> bytes:
        """The message for a client that has `had`; empty when nothing is new."""
        if had is None or had.epoch != self.epoch or self.length - had.length > OVERLAP:
            return self.whole
        if had.version == self.version:
            return b""
        return self.lean if had.frame == self.frame else self.tail


class Message(Said):
    """The messages of a complete card; each is encoded when it is first requested."""

    def __init__(self, card: Card, version: str = "", epoch: str = "", before: Said | None = None) -> None:
        """Thin the lines of a card.

        `before`: the message of this card when its lines were shorter; what it knows of them is reused.
        """
        self.history = epoch
        self._card = card
        lengths = [len(t["x"]) for t in card["traces"] if "x" in t]
        self.most = max_points = MOST if len(lengths) <= MANY else CROWDED
        widths = ",".join(str(bucket_width(n, max_points)) for n in lengths)
        self.epoch = f"{epoch}|{len(card['traces'])}|{widths}"  # wider buckets begin another history
        self.length = max(lengths, default=0)
        self.points = sum(lengths)
        self._bare = {k: v for k, v in card.items() if k != "traces"}
        previous = (
            before
            if isinstance(before, Message) and before.epoch == self.epoch and before.length <= self.length
            else None
        )
        self.lines: list[Line] = _thinned(card["traces"], previous.lines if previous else None, max_points)
        self._still = (
            {k: v for k, v in self._bare.items() if k not in MOVING},
            [line.style for line in self.lines],
        )
        unchanged = previous is not None and previous._still == self._still
        self.frame = previous.frame if previous and unchanged else _hash(json.dumps(self._still).encode())
        self.version = version
        if not version:  # identified by its contents, and not a tail of anything
            self.version = self.epoch = _hash(_packed({"card": self._bare}, self.lines, "whole"))

    def _head(self, kind: str) -> Card:
        state = {"version": self.version, "epoch": self.epoch, "length": self.length, "frame": self.frame}
        return {"kind": kind, **state, "card": self._bare}

    @property
    def card(self) -> Card:
        return self._card

    @cached_property
    def whole(self) -> bytes:
        return _packed(self._head("whole"), self.lines, "whole")

    @cached_property
    def tail(self) -> bytes:
        return _packed(self._head("tail"), self.lines, "tail")

    @cached_property
    def lean(self) -> bytes:
        moved = {**self._head("lean"), "card": {k: self._bare[k] for k in MOVING if k in self._bare}}
        return joined(moved, lean_body(part for line in self.lines for part in line.tails()))


def word(kind: str, **more: Any) -> bytes:
    """A message that carries no card."""
    return joined({"kind": kind, **more}, b"")


@dataclass(frozen=True)
class Line:
    """A trace, and which of its points are drawn.

    `arrays` hold every point; `at` the positions of those that are drawn, the first `keep` of which stay
    while the line grows; `types` how each array is written.
    """

    style: Card
    arrays: dict[str, Array]
    length: int
    at: Positions
    keep: int
    types: dict[str, str]

    def tails(self) -> Iterable[tuple[int, Array]]:
        """For each array, how many of its drawn values stay, and the values from the last of these on."""
        positions = self.at[max(self.keep - 1, 0) :]
        return [
            (self.keep, values[positions].astype(TYPES[self.types[key]]))
            for key, values in self.arrays.items()
        ]


def lean_body(tails: "Iterable[tuple[int, Array | array[float]]]") -> bytes:
    """The arrays of a lean message, in the order of the traces and of a trace's arrays.

    First three int32 for each array: how many values stay, how many come (the last that stays is repeated, if
    any does) and the bytes of one; then all values that come, without gaps.
    """
    table = array("i")
    body = bytearray()
    for keep, part in tails:
        table.extend((keep, len(part), part.itemsize))
        body += part.tobytes()
    return table.tobytes() + body


def _by_stack(traces: Sequence[Card]) -> dict[str, Array]:
    """The heights by which the points of each stack are chosen: those of the sum of its layers.

    Layers of one stack keep the same points, or plotly would fill the missing ones with zeros. So do the two
    halves of a stack on both sides of zero, one of which answers for both.
    """
    heights: dict[str, Array] = {}
    for k, t in enumerate(traces, 1):
        # Each layer has a factor of its own, so that a shift from one to the next also changes the sum.
        if group := _stack(t):
            heights[group] = heights.get(group, np.zeros(len(t["y"]))) + k * np.nan_to_num(np.abs(t["y"]))
    return heights


def _stack(trace: Card) -> str:
    group = str(trace.get("stackgroup", ""))
    return "above" if group == "below" else group


def _thinned(traces: Sequence[Card], before: Sequence[Line] | None, most: int) -> list[Line]:
    """The traces with at most `most` points each, and how many of these stay while the lines grow."""
    heights = _by_stack(traces)
    by = [heights[group] if (group := _stack(t)) else t.get("y") for t in traces]
    known_lines = [
        b if b and isinstance(y, np.ndarray) and not t.get("moving") and _begins(b, t) else None
        for t, y, b in zip(traces, by, before or repeat(None, len(traces)), strict=True)
    ]
    line_indexes = [k for k, y in enumerate(by) if isinstance(y, np.ndarray)]
    starts = [
        0 if (b := known_lines[k]) is None or not b.keep else _settled(b.length, most) for k in line_indexes
    ]
    positions = dict(
        zip(line_indexes, kept_of_each([np.asarray(by[k]) for k in line_indexes], most, starts), strict=True)
    )
    return [_line(trace, positions.get(k), known_lines[k], most) for k, trace in enumerate(traces)]


def _begins(before: Line, trace: Card) -> bool:
    """Whether the trace extends the line: a run may have stepped back and made its points anew."""
    n = before.length
    old_values = before.arrays.get("y")
    new_values = trace["y"]
    return n <= len(new_values) and (
        n == 0
        or old_values is not None
        and (old_values[-1] == new_values[n - 1] or old_values[-1] != old_values[-1])
    )


def _settled(n: int, most: int) -> int:
    """The first position of a line of `n` points whose bucket may still change.

    For a browser that is OVERLAP points behind.
    """
    width = bucket_width(n, most)
    return max(n - OVERLAP, 0) // width * width


def _line(trace: Card, rest: Positions | None, before: Line | None, most: int) -> Line:
    """The line of a trace.

    `rest`: the positions that are drawn, after those that `before` knows; None draws all.
    """
    arrays: dict[str, Array] = {}
    style = {}
    for key, value in trace.items():
        if isinstance(value, np.ndarray):
            arrays[key] = value
        elif key != "moving":
            style[key] = value
    length = max(map(len, arrays.values()), default=0)
    positions = (
        np.arange(length)
        if rest is None
        else np.concatenate([before.at[: before.keep], rest])
        if before
        else rest
    )
    keep = 0 if trace.get("moving") or rest is None else int(positions.searchsorted(_settled(length, most)))
    types = before.types if before else {}
    types = {
        k: "f8" if types.get(k) == "f8" else _type(v[before.length :] if before and k in types else v)
        for k, v in arrays.items()
    }
    return Line(style, arrays, length, positions, keep, types)


def _type(values: Array) -> str:
    """float32, or float64 for large whole numbers (tokens, Unix seconds) that float32 cannot tell apart."""
    if len(values) < FEW:
        for value in values.tolist():
            if abs(value) > EXACT:
                return "f8"
        return "f4"
    return "f8" if np.fmax.reduce(np.abs(values), initial=0.0) > EXACT else "f4"


def _hash(blob: bytes) -> str:
    return hashlib.sha256(blob).hexdigest()[:16]


def _packed(head: Card, lines: Sequence[Line], kind: str) -> bytes:
    blobs = []
    size = 0
    traces = []
    for line in lines:
        keep = 0 if kind == "whole" else line.keep
        positions = line.at[max(keep - 1, 0) :]
        entry = dict(line.style)
        for key, values in line.arrays.items():
            blob = values[positions].astype(TYPES[line.types[key]]).tobytes()
            entry[key] = {"at": size, "n": len(positions), "type": line.types[key], "keep": keep}
            blobs += [blob, bytes(_gap(len(blob)))]
            size += len(blob) + len(blobs[-1])
        traces.append(entry)
    if lines:
        head = {**head, "card": {**head["card"], "traces": traces}}
    return joined(head, b"".join(blobs))


def _gap(size: int) -> int:
    return -size % 8


def joined(head: Card, body: bytes) -> bytes:
    """A message: its head and its arrays."""
    text = json.dumps(head, separators=(",", ":"), allow_nan=False).encode()
    return struct.pack("<I", len(text)) + text + bytes(_gap(4 + len(text))) + body
