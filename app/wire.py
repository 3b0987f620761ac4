"""A chart card as bytes for the browser: a JSON head and typed arrays. Called by app.live and app.elements.

A card is a dict (app.figures.base.card) whose traces hold numpy arrays. Three messages say it: `whole` has everything; `tail`
has of every growing array only what a browser cannot have yet, `lean` the same without titles, layout and styles. The other
end is elements/wire.js. Layout: uint32 length of the head, the head as JSON padded to 8 bytes, the arrays, 8 bytes aligned.
Knows nothing of sessions or of Streamlit.
"""

import hashlib
import json
import struct
from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from core.metrics.thin import bucket_width, kept_of_each

MOVING = ("now", "alt")  # what a card says of its newest point
OVERLAP = 32  # newest raw points that a tail repeats: a browser may have missed so many and still be served by a tail
EXACT = 1 << 24  # whole numbers up to here are exact in float32

Array = npt.NDArray[np.float64]
Card = dict[str, Any]


class Had(NamedTuple):
    """What of a message tells whether the next one may be a tail of it."""

    epoch: str
    version: str
    length: int
    frame: str


class Message:
    """What may be sent of a card: bytes, each made when it is first asked for.

    `epoch` names the history that a tail goes on from; `version` what is drawn; `length` is the number of points of its
    longest line; `frame` tells whether anything but points and `MOVING` is another.
    """

    def __init__(self, card: Card, version: str = "", epoch: str = "") -> None:
        lengths = [len(t["x"]) for t in card["traces"] if "x" in t]
        widths = ",".join(str(bucket_width(n)) for n in lengths)
        self.epoch = f"{epoch}|{len(card['traces'])}|{widths}"  # wider buckets make another history
        self.length = max(lengths, default=0)
        self._given = card["traces"]
        self._bare = {k: v for k, v in card.items() if k != "traces"}
        self.version = version
        if not version:  # told from others by its contents, and a tail of nothing
            self.version = self.epoch = hashlib.sha256(_packed({"card": self._bare}, self._traces, tail=False)).hexdigest()[:16]

    @cached_property
    def _traces(self) -> list[Card]:
        return _thinned(_by_stack(self._given))

    def _head(self, kind: str) -> Card:
        at = {"version": self.version, "epoch": self.epoch, "length": self.length, "frame": self.frame}
        return {"kind": kind, **at, "card": self._bare}

    def since(self, had: Had | None) -> bytes:
        """The message for who has `had`, empty when nothing is new."""
        if had is None or had.epoch != self.epoch or self.length - had.length > OVERLAP:
            return self.whole
        if had.version == self.version:
            return b""
        return self.lean if had.frame == self.frame else self.tail

    @cached_property
    def frame(self) -> str:
        still = {k: v for k, v in self._bare.items() if k not in MOVING}
        styles = [{k: v for k, v in t.items() if not isinstance(v, np.ndarray)} for t in self._given]
        return hashlib.sha256(json.dumps([still, styles]).encode()).hexdigest()[:16]

    @cached_property
    def whole(self) -> bytes:
        return _packed(self._head("whole"), self._traces, tail=False)

    @cached_property
    def tail(self) -> bytes:
        return _packed(self._head("tail"), self._traces, tail=True)

    @cached_property
    def lean(self) -> bytes:
        moved = {**self._head("lean"), "card": {k: self._bare[k] for k in MOVING if k in self._bare}}
        arrays = [{k: v for k, v in t.items() if isinstance(v, np.ndarray) or k == "_keep"} for t in self._traces]
        return _packed(moved, arrays, tail=True)


def said(kind: str, **more: Any) -> bytes:
    """A message that carries no card."""
    return _joined({"kind": kind, **more}, b"")


def _by_stack(traces: Sequence[Card]) -> list[Card]:
    """Layers of one stack keep the same points, or plotly would fill the missing ones with zeros."""
    heights: dict[str, Array] = {}
    for t in traces:
        if group := t.get("stackgroup"):
            heights[group] = heights.get(group, np.zeros(len(t["y"]))) + np.nan_to_num(np.abs(t["y"]))
    return [{**t, "_by": heights[t["stackgroup"]]} if t.get("stackgroup") else t for t in traces]


def _thinned(traces: Sequence[Card]) -> list[Card]:
    """The traces with at most MOST points each, and how many of them stay as they are while they grow."""
    lines = [t for t in traces if isinstance(t.get("y"), np.ndarray)]
    places = iter(kept_of_each([t.get("_by", t["y"]) for t in lines]))
    return [_at(t, next(places)) if isinstance(t.get("y"), np.ndarray) else t for t in traces]


def _at(trace: Card, at: npt.NDArray[np.int64]) -> Card:
    n = len(trace["y"])
    width = bucket_width(n)
    settled = int(np.searchsorted(at, max(n - OVERLAP, 0) // width * width))
    still = 0 if trace.get("moving") else settled
    arrays = {k: v[at] for k, v in trace.items() if isinstance(v, np.ndarray) and k != "_by"}
    return {**{k: v for k, v in trace.items() if k not in ("moving", "_by")}, **arrays, "_keep": still}


def _type(values: Array) -> str:
    """float32, but for large whole numbers (tokens, Unix seconds) that it cannot tell apart."""
    return "f8" if (np.abs(values) > EXACT).any() else "f4"


def _packed(head: Card, traces: Sequence[Card], tail: bool) -> bytes:
    blob = bytearray()
    said = []
    for trace in traces:
        keep = trace.get("_keep", 0) if tail else 0
        entry = {}
        for key, value in trace.items():
            if not isinstance(value, np.ndarray):
                entry[key] = value
                continue
            blob += bytes(_gap(len(blob)))
            kind = _type(value)
            part = value[keep:].astype(f"<{kind}")
            # `tie`: the last value the browser must have, to be sure that it goes on from the same line.
            tie = None if not keep or not np.isfinite(value[keep - 1]) else float(value[keep - 1].astype(kind))
            entry[key] = {"at": len(blob), "n": len(part), "type": kind, "keep": keep, "tie": tie}
            blob += part.tobytes()
        entry.pop("_keep", None)
        said.append(entry)
    if traces:
        head = {**head, "card": {**head["card"], "traces": said}}
    return _joined(head, bytes(blob))


def _gap(size: int) -> int:
    return -size % 8


def _joined(head: Card, body: bytes) -> bytes:
    text = json.dumps(head, separators=(",", ":"), allow_nan=False).encode()
    return struct.pack("<I", len(text)) + text + bytes(_gap(4 + len(text))) + body
