"""The feed of live charts: what a browser lacks of each, for browsers that say what they have. Called by app.serve (the route)
and app.elements (which registers charts).

No page is drawn for it and nothing is kept of a viewer. A chart goes by a token, drawn at random and told only to who was sent
the page; viewers of the same chart share the token, the chart and its messages. Knows bytes (app.wire), not figures; the
browser's end is elements/feed.js.
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

from app import failures
from app.wire import Card, Had, Said, word
from core.csv_cells import cell_text
from core.errors import ShowdownError
from core.metrics.series import Series

MOST_ASKS = 200
MOST_LIVE, MOST_STILL = 4000, 200  # the least recently used are let go; a browser then asks for the page again


class Answer(Protocol):
    """What a token stands for, as it is now."""

    def since(self, had: Had | None) -> bytes:
        """What who has `had` lacks; empty when nothing."""


@dataclass(frozen=True)
class Version:
    """Of something that the page draws by itself: only whether it has changed."""

    text: str

    def since(self, had: Had | None) -> bytes:
        return b"" if had and had.version == self.text else word("version", version=self.text)


@dataclass
class Source:
    """Something live. `make` may be called in any thread, and must not read a session. `place`: what keeps a card's place
    until its first message."""

    token: str
    make: Callable[[], Answer]
    place: Mapping[str, Any] | None = None


class Feed:
    """What was registered, by token. Safe to use from the threads of many sessions."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, Lock()
        self._tokens: OrderedDict[Hashable, Source] = OrderedDict()
        self._keys: dict[str, Hashable] = {}

    def source(self, key: Hashable, make: Callable[[], Answer]) -> Source:
        """What `key` names, under the same token for everybody."""
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
        """What a token stands for, as it is now; None when it is not known (any more)."""
        with self._lock:
            key = self._keys.get(token)
            if key is None:
                return None
            self._tokens.move_to_end(key)
            make = self._tokens[key].make
        return make()


LIVE, STILL = Feed(MOST_LIVE), Feed(MOST_STILL)


def known(token: str) -> Answer | None:
    """What a token of either feed stands for, as it is now; None when neither knows it (any more)."""
    return LIVE.now(token) or STILL.now(token)


def asked(body: bytes) -> list[tuple[str, Had | None]]:
    """A request's tokens with what the browser has of each. ValueError for what is none."""
    try:
        asks = json.loads(body)
    except RecursionError:
        raise ValueError("give a list of asks, no deeper") from None
    if not isinstance(asks, list) or len(asks) > MOST_ASKS:
        raise ValueError(f"give a list of at most {MOST_ASKS} asks")
    found: list[tuple[str, Had | None]] = []
    for ask in asks:
        match ask:
            case [str(token), str(version), str(epoch), int(length), str(frame)]:
                found.append((token, Had(epoch, version, length, frame)))
            case [str(token), str(version)] if version:
                found.append((token, Had("", version, 0, "")))
            case [str(token), *_]:
                found.append((token, None))
            case _:
                raise ValueError("an ask is [token] or [token, version, epoch, length, frame]")
    return found


def answered(asks: Sequence[tuple[str, Had | None]]) -> bytes:
    """For each ask the length of its message and the message; 0 when there is nothing new."""
    out = bytearray()
    for token, had in asks:
        message = _one(token, had)
        out += struct.pack("<I", len(message)) + message
    return bytes(out)


def _one(token: str, had: Had | None) -> bytes:
    try:
        found = known(token)
        return word("gone") if found is None else found.since(had)
    except ShowdownError as error:  # the database is away, a run is gone: the other charts are still answered
        return word("fault", said=str(error))
    except Exception as error:
        return word("fault", said=failures.logged(error, "a chart of the feed cannot be drawn"))


def file_of(token: str) -> tuple[str, str] | None:
    """A chart's title and every point of its lines as CSV; None when the token is not known (any more) or is no chart's."""
    found = known(token)
    return (found.card["title"], csv_of(found.card)) if isinstance(found, Said) else None


def weight(value: object) -> int:
    """Bytes, about: of a card its points, and as much again for its messages; of series by run and name theirs. Of anything
    else: little."""
    if isinstance(value, Said):
        return 20_000 + 32 * value.points
    runs = value.values() if isinstance(value, Mapping) else ()
    lines = [line for run in runs if isinstance(run, Mapping) for line in run.values()]
    return 20_000 + 16 * sum(len(line.steps) for line in lines if isinstance(line, Series))


def csv_of(card: Card) -> str:
    """Every point of a card's lines, none left out: one column a line, one row a value of x."""
    columns: dict[str, dict[float, float]] = {}
    for trace in card["traces"]:
        name = trace.get("saved", trace.get("name"))
        if name and isinstance(trace.get("y"), np.ndarray):
            column, own = columns.setdefault(name, {}), dict(zip(trace["x"].tolist(), trace["y"].tolist(), strict=True))
            below = trace.get("stackgroup") == "below"  # of a layer on both sides of zero the other half is 0
            column.update({x: column.get(x, 0.0) + y for x, y in own.items()} if below else own)
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    unit = card["layout"]["yaxis"].get("ticksuffix", "").strip()
    table.writerow([card.get("axis") or "x", *(cell_text(f"{name} ({unit})" if unit else name) for name in columns)])
    for x in sorted({x for column in columns.values() for x in column}):
        found = (column.get(x, np.nan) for column in columns.values())
        table.writerow([f"{x:.12g}", *("" if np.isnan(y) else f"{y:.9g}" for y in found)])
    return out.getvalue()
