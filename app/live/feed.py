"""The feed of live charts: sends each browser what it lacks of each chart, given what it has.

It draws no page and keeps nothing of a viewer. A chart is identified by a token, drawn at random and told
only to those who were sent the page; viewers of the same chart share the token, the chart and its messages.
Knows bytes (app.live.chart_protocol), not figures; the browser's end is elements/feed.js.
"""

import csv
import io
import json
import secrets
import struct
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Protocol

import numpy as np

from app.live.chart_protocol import Card, Had, Said, word
from app.server import failures
from core.common.csv_cells import cell_text
from core.common.errors import ShowdownError
from core.metrics.series import Series

MOST_ASKS = 200
# The least recently used are evicted; a browser then requests the page again.
MOST_LIVE = 4000
MOST_STILL = 200


class Answer(Protocol):
    """What a token stands for, in its current state."""

    def since(self, had: Had | None) -> bytes:
        """What a client with `had` lacks; empty when it lacks nothing."""


@dataclass(frozen=True)
class Version:
    """The version of something that the page draws itself: sends only whether it has changed."""

    text: str

    def since(self, had: Had | None) -> bytes:
        return b"" if had and had.version == self.text else word("version", version=self.text)


@dataclass
class Source:
    """Something live.

    `make` may be called in any thread, and must not read a session. `place`: what holds a card's place until
    its first message.
    """

    token: str
    make: Callable[[], Answer]
    place: Mapping[str, Any] | None = None


class Feed:
    """The registered sources, by token. Safe to use from the threads of many sessions."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._tokens: OrderedDict[Hashable, Source] = OrderedDict()
        self._keys: dict[str, Hashable] = {}

    def source(self, key: Hashable, make: Callable[[], Answer]) -> Source:
        """The source that `key` names, under the same token for everybody."""
        with self._lock:
            source = self._tokens.get(key)
            if source is None:
                source = self._tokens[key] = Source(secrets.token_urlsafe(12), make)
                self._keys[source.token] = key
            source.make = make
            self._tokens.move_to_end(key)
            while len(self._tokens) > self._most:
                self._keys.pop(self._tokens.popitem(last=False)[1].token)
            return source

    def now(self, token: str) -> Answer | None:
        """The current answer of a token; None when it is not known (any more)."""
        with self._lock:
            key = self._keys.get(token)
            if key is None:
                return None
            self._tokens.move_to_end(key)
            make = self._tokens[key].make
        return make()


LIVE = Feed(MOST_LIVE)
STILL = Feed(MOST_STILL)


def known(token: str) -> Answer | None:
    """The current answer of a token in either feed; None when neither knows it (any more)."""
    return LIVE.now(token) or STILL.now(token)


def asked(body: bytes) -> list[tuple[str, Had | None]]:
    """A request's tokens, with what the browser has of each.

    Raises ValueError for a body that is not a request.
    """
    try:
        asks = json.loads(body)
    except RecursionError:
        raise ValueError("give a list of asks, no deeper") from None
    if not isinstance(asks, list) or len(asks) > MOST_ASKS:
        raise ValueError(f"give a list of at most {MOST_ASKS} asks")
    parsed_asks: list[tuple[str, Had | None]] = []
    for ask in asks:
        match ask:
            case [str(token), str(version), str(epoch), int(length), str(frame)]:
                parsed_asks.append((token, Had(epoch, version, length, frame)))
            case [str(token), str(version)] if version:
                parsed_asks.append((token, Had("", version, 0, "")))
            case [str(token), *_]:
                parsed_asks.append((token, None))
            case _:
                raise ValueError("an ask is [token] or [token, version, epoch, length, frame]")
    return parsed_asks


def answered(asks: Sequence[tuple[str, Had | None]]) -> bytes:
    """For each ask, the length of its message and the message; 0 when there is nothing new."""
    out = bytearray()
    for token, had in asks:
        message = _one(token, had)
        out += struct.pack("<I", len(message)) + message
    return bytes(out)


def _one(token: str, had: Had | None) -> bytes:
    try:
        answer = known(token)
        return word("gone") if answer is None else answer.since(had)
    except ShowdownError as error:  # database unreachable, run gone: the other charts still get answers
        return word("fault", said=str(error))
    except Exception as error:
        return word("fault", said=failures.logged(error, "a chart of the feed cannot be drawn"))


def file_of(token: str) -> tuple[str, str] | None:
    """A chart's title, and every point of its lines as CSV.

    None when the token is not known (any more) or is not that of a chart.
    """
    answer = known(token)
    return (answer.card["title"], csv_of(answer.card)) if isinstance(answer, Said) else None


def weight(value: object) -> int:
    """Approximate size of a value in bytes.

    A card counts its points, and as much again for its messages; series by run and name count their points.
    Anything else counts little.
    """
    if isinstance(value, Said):
        return 20_000 + 32 * value.points
    runs = value.values() if isinstance(value, Mapping) else ()
    lines = [line for run in runs if isinstance(run, Mapping) for line in run.values()]
    return 20_000 + 16 * sum(len(line.steps) for line in lines if isinstance(line, Series))


def csv_of(card: Card) -> str:
    """Every point of a card's lines, none left out: one column per line, one row per value of x."""
    columns: dict[str, dict[float, float]] = {}
    for trace in card["traces"]:
        name = trace.get("saved", trace.get("name"))
        if name and isinstance(trace.get("y"), np.ndarray):
            column = columns.setdefault(name, {})
            own = dict(zip(trace["x"].tolist(), trace["y"].tolist(), strict=True))
            below = trace.get("stackgroup") == "below"  # the other half of a layer on both sides is 0
            column.update({x: column.get(x, 0.0) + y for x, y in own.items()} if below else own)
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    unit = card["layout"]["yaxis"].get("ticksuffix", "").strip()
    table.writerow(
        [card.get("axis") or "x", *(cell_text(f"{name} ({unit})" if unit else name) for name in columns)]
    )
    for x in sorted({x for column in columns.values() for x in column}):
        values = (column.get(x, np.nan) for column in columns.values())
        table.writerow([f"{x:.12g}", *("" if np.isnan(y) else f"{y:.9g}" for y in values)])
    return out.getvalue()
