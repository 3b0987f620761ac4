"""A chart card as bytes for the browser: a JSON head and typed arrays. Called by app.live and app.elements.

A card is a dict (app.figures.base.card) whose traces hold numpy arrays. Three messages say it: `whole` has everything; `tail`
has of every growing array only what a browser cannot have yet, `lean` the same without titles, layout and styles. A tail begins
with the last value that the browser must have, so that it can be sure that it goes on from the same line. The other end is
elements/wire.js. Layout: uint32 length of the head, the head as JSON padded to 8 bytes, the arrays, 8 bytes aligned; those of a
lean message as `lean_body` says. Knows nothing of sessions or of Streamlit.
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

MOVING = ("now", "alt")  # what a card says of its newest point
OVERLAP = 16  # newest raw points that a tail repeats: a browser may have missed so many and still be served by a tail
MANY, CROWDED = 12, 260  # lines from which on a chart is drawn with fewer points of each: a browser draws each second
TYPES: dict[str, np.dtype[Any]] = {"f4": np.dtype("<f4"), "f8": np.dtype("<f8")}
EXACT = 1 << 24  # whole numbers up to here are exact in float32
FEW = 16  # values that Python looks at sooner than numpy: what a line has grown by

Array = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]
Card = dict[str, Any]


class Had(NamedTuple):
    """What of a message tells whether the next one may be a tail of it."""

    epoch: str
    version: str
    length: int
    frame: str


class Said(ABC):
    """What may be sent of a card.

    `epoch` names the history that a tail goes on from; `version` what is drawn; `length` is the number of points of its
    longest line; `frame` tells whether anything but points and `MOVING` is another; `points` is how many are kept.
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
        """With every point."""

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
        """The message for who has `had`, empty when nothing is new."""
        if had is None or had.epoch != self.epoch or self.length - had.length > OVERLAP:
            return self.whole
        if had.version == self.version:
            return b""
        return self.lean if had.frame == self.frame else self.tail


class Message(Said):
    """Of a card as it is made: bytes, each made when it is first asked for."""

    def __init__(self, card: Card, version: str = "", epoch: str = "", before: Said | None = None) -> None:
        """`before`: of the same card when its lines were shorter; what its message knows of them is not looked for again."""
        self.history, self._card = epoch, card
        lengths = [len(t["x"]) for t in card["traces"] if "x" in t]
        self.most = most = MOST if len(lengths) <= MANY else CROWDED
        widths = ",".join(str(bucket_width(n, most)) for n in lengths)
        self.epoch = f"{epoch}|{len(card['traces'])}|{widths}"  # wider buckets make another history
        self.length, self.points = max(lengths, default=0), sum(lengths)
        self._bare = {k: v for k, v in card.items() if k != "traces"}
        known = before if isinstance(before, Message) and before.epoch == self.epoch and before.length <= self.length else None
        self.lines: list[Line] = _thinned(card["traces"], known.lines if known else None, most)
        self._still = ({k: v for k, v in self._bare.items() if k not in MOVING}, [one.style for one in self.lines])
        same = known is not None and known._still == self._still
        self.frame = known.frame if known and same else _hash(json.dumps(self._still).encode())
        self.version = version
        if not version:  # told from others by its contents, and a tail of nothing
            self.version = self.epoch = _hash(_packed({"card": self._bare}, self.lines, "whole"))

    def _head(self, kind: str) -> Card:
        at = {"version": self.version, "epoch": self.epoch, "length": self.length, "frame": self.frame}
        return {"kind": kind, **at, "card": self._bare}

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
        return joined(moved, lean_body(part for one in self.lines for part in one.tails()))


def word(kind: str, **more: Any) -> bytes:
    """A message that carries no card."""
    return joined({"kind": kind, **more}, b"")


@dataclass(frozen=True)
class Line:
    """A trace: its arrays with every point, the positions `at` of those that are drawn, the first `keep` of which stay while
    the line grows, and how each array is written."""

    style: Card
    arrays: dict[str, Array]
    length: int
    at: Positions
    keep: int
    types: dict[str, str]

    def tails(self) -> Iterable[tuple[int, Array]]:
        """Of each array how many of its values stay, and the rest behind the last of these."""
        at = self.at[max(self.keep - 1, 0) :]
        return [(self.keep, values[at].astype(TYPES[self.types[key]])) for key, values in self.arrays.items()]


def lean_body(tails: "Iterable[tuple[int, Array | array[float]]]") -> bytes:
    """Of each array, in the order of the traces and of a trace's arrays, three int32: how many values stay, how many come (the
    last that stays is repeated, if any does) and the bytes of one; then all that comes, without gaps."""
    table, body = array("i"), bytearray()
    for keep, part in tails:
        table.extend((keep, len(part), part.itemsize))
        body += part.tobytes()
    return table.tobytes() + body


def _by_stack(traces: Sequence[Card]) -> dict[str, Array]:
    """Layers of one stack keep the same points, or plotly would fill the missing ones with zeros: those of their sum. So do the
    two halves of a stack on both sides of zero, of which one answers for both."""
    heights: dict[str, Array] = {}
    for k, t in enumerate(traces, 1):
        if group := _stack(t):  # each layer counts by another number: what goes from one to the next changes the sum, too
            heights[group] = heights.get(group, np.zeros(len(t["y"]))) + k * np.nan_to_num(np.abs(t["y"]))
    return heights


def _stack(trace: Card) -> str:
    group = str(trace.get("stackgroup", ""))
    return "above" if group == "below" else group


def _thinned(traces: Sequence[Card], before: Sequence[Line] | None, most: int) -> list[Line]:
    """The traces with at most `most` points each, and how many of them stay as they are while they grow."""
    heights = _by_stack(traces)
    by = [heights[group] if (group := _stack(t)) else t.get("y") for t in traces]
    known = [
        b if b and isinstance(y, np.ndarray) and not t.get("moving") and _begins(b, t) else None
        for t, y, b in zip(traces, by, before or repeat(None, len(traces)), strict=True)
    ]
    drawn = [k for k, y in enumerate(by) if isinstance(y, np.ndarray)]
    starts = [0 if (b := known[k]) is None or not b.keep else _settled(b.length, most) for k in drawn]
    rest = dict(zip(drawn, kept_of_each([np.asarray(by[k]) for k in drawn], most, starts), strict=True))
    return [_line(trace, rest.get(k), known[k], most) for k, trace in enumerate(traces)]


def _begins(before: Line, trace: Card) -> bool:
    """The trace goes on where the line ended: a run may have taken steps back and made them anew."""
    n, was, now = before.length, before.arrays.get("y"), trace["y"]
    return n <= len(now) and (n == 0 or was is not None and (was[-1] == now[n - 1] or was[-1] != was[-1]))


def _settled(n: int, most: int) -> int:
    """The first position of a line of `n` points whose bucket may still change for a browser that is OVERLAP points behind."""
    width = bucket_width(n, most)
    return max(n - OVERLAP, 0) // width * width


def _line(trace: Card, rest: Positions | None, before: Line | None, most: int) -> Line:
    """`rest`: the positions that are drawn, behind those that `before` knows; None: all are."""
    arrays: dict[str, Array] = {}
    style = {}
    for key, value in trace.items():
        if isinstance(value, np.ndarray):
            arrays[key] = value
        elif key != "moving":
            style[key] = value
    length = max(map(len, arrays.values()), default=0)
    at = np.arange(length) if rest is None else np.concatenate([before.at[: before.keep], rest]) if before else rest
    keep = 0 if trace.get("moving") or rest is None else int(at.searchsorted(_settled(length, most)))
    types = before.types if before else {}
    types = {
        k: "f8" if types.get(k) == "f8" else _type(v[before.length :] if before and k in types else v)
        for k, v in arrays.items()
    }
    return Line(style, arrays, length, at, keep, types)


def _type(values: Array) -> str:
    """float32, but for large whole numbers (tokens, Unix seconds) that it cannot tell apart."""
    if len(values) < FEW:
        for value in values.tolist():
            if abs(value) > EXACT:
                return "f8"
        return "f4"
    return "f8" if np.fmax.reduce(np.abs(values), initial=0.0) > EXACT else "f4"


def _hash(blob: bytes) -> str:
    return hashlib.sha256(blob).hexdigest()[:16]


def _packed(head: Card, lines: Sequence[Line], kind: str) -> bytes:
    blobs, size, traces = [], 0, []
    for one in lines:
        keep = 0 if kind == "whole" else one.keep
        at = one.at[max(keep - 1, 0) :]
        entry = dict(one.style)
        for key, values in one.arrays.items():
            blob = values[at].astype(TYPES[one.types[key]]).tobytes()
            entry[key] = {"at": size, "n": len(at), "type": one.types[key], "keep": keep}
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
