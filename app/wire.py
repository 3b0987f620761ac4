"""A chart card as bytes for the browser: a JSON head and typed arrays. Called by app.live and app.elements.

A card is a dict (app.figures.base.card) whose traces hold numpy arrays. Five messages say it: `whole` has everything; `tail`
has of every growing array only what a browser cannot have yet, `lean` the same without titles, layout and styles; `hold` says
that nothing is new; `wait` that the rest comes when the card is looked at. The other end is elements/wire.js. Layout: uint32
length of the head, the head as JSON padded to 8 bytes, the arrays, 8 bytes aligned.
Knows nothing of sessions or of Streamlit.
"""

import hashlib
import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.metrics.thin import bucket_width, kept

MOVING = ("now", "alt")  # what a card says of its newest point
OVERLAP = 32  # newest raw points that a tail repeats: a browser may have missed so many and still be served by a tail
EXACT = 1 << 24  # whole numbers up to here are exact in float32

Array = npt.NDArray[np.float64]
Card = dict[str, Any]


@dataclass(frozen=True)
class Message:
    """What may be sent of a card. `epoch` names the history that a tail goes on from; `version` what is drawn; `length` is
    the number of points of its longest line; `frame` tells whether anything but points and `MOVING` is another."""

    version: str
    epoch: str
    length: int
    frame: str
    whole: bytes
    tail: bytes
    lean: bytes
    hold: bytes
    wait: bytes


def message(card: Card, version: str = "", epoch: str = "") -> Message:
    """All the messages of a card. Without a version, it is told from others by its contents."""
    traces = [_thinned(t) for t in _by_stack(card["traces"])]
    widths = ",".join(str(bucket_width(len(t["x"]))) for t in card["traces"] if "x" in t)
    here = f"{epoch}|{len(traces)}|{widths}"  # wider buckets make another history
    bare = {k: v for k, v in card.items() if k != "traces"}
    if not version:
        version = hashlib.sha256(_packed({"card": bare}, traces, tail=False)).hexdigest()[:16]
    head = {"version": version, "epoch": here, "card": bare}
    still = {k: v for k, v in bare.items() if k not in MOVING}
    styles = [{k: v for k, v in t.items() if not isinstance(v, np.ndarray) and k != "_keep"} for t in traces]
    frame = hashlib.sha256(json.dumps([still, styles]).encode()).hexdigest()[:16]
    length = max((len(t["x"]) for t in card["traces"] if "x" in t), default=0)
    whole, tail = (_packed({**head, "kind": kind}, traces, tail=kind == "tail") for kind in ("whole", "tail"))
    arrays = [{k: v for k, v in t.items() if isinstance(v, np.ndarray) or k == "_keep"} for t in traces]
    moved = {**head, "kind": "lean", "card": {k: bare[k] for k in MOVING if k in bare}}
    lean = _packed(moved, arrays, tail=True)
    shell = {k: bare[k] for k in ("title", "height")}
    return Message(
        version, here, length, frame, whole, tail, lean,
        _joined({"kind": "hold", "version": version}, b""), _joined({"kind": "wait", "version": version, "card": shell}, b""),
    )  # fmt: skip


def with_csv(whole: bytes, text: str) -> bytes:
    """A whole message that also carries a file to save."""
    (size,) = struct.unpack_from("<I", whole)
    head = json.loads(whole[4 : 4 + size])
    body = whole[4 + size + _gap(4 + size) :]
    return _joined({**head, "csv": text}, body)


def _by_stack(traces: Sequence[Card]) -> list[Card]:
    """Layers of one stack keep the same points, or plotly would fill the missing ones with zeros."""
    heights: dict[str, Array] = {}
    for t in traces:
        if group := t.get("stackgroup"):
            heights[group] = heights.get(group, np.zeros(len(t["y"]))) + np.nan_to_num(np.abs(t["y"]))
    return [{**t, "_by": heights[t["stackgroup"]]} if t.get("stackgroup") else t for t in traces]


def _thinned(trace: Card) -> Card:
    """The trace with at most MOST points, and how many of them stay as they are while it grows."""
    if not isinstance(trace.get("y"), np.ndarray):
        return trace
    by = trace.pop("_by", None)
    at = kept(trace["y"] if by is None else by)
    n = len(trace["y"])
    width = bucket_width(n)
    settled = int(np.searchsorted(at, max(n - OVERLAP, 0) // width * width))
    still = 0 if trace.get("moving") else settled
    arrays = {k: v[at] for k, v in trace.items() if isinstance(v, np.ndarray)}
    return {**{k: v for k, v in trace.items() if k != "moving"}, **arrays, "_keep": still}


def _type(values: Array) -> str:
    """float32, but for large whole numbers (tokens, Unix seconds) that it cannot tell apart."""
    finite = values[np.isfinite(values)]
    return "f8" if finite.size and np.abs(finite).max() > EXACT else "f4"


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
