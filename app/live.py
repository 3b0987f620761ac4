"""What each viewer's browser has of each chart, so that it is sent what it lacks and nothing else. Called by app.elements.

Kept per session, key by key, and forgotten whenever the whole page is drawn (app.main), because a page drawn anew may have
new, empty cards. Knows bytes (app.wire), not figures; the browser's end is elements/chart_card.js.
"""

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from app.wire import OVERLAP, Card, Message, with_csv

SENT, WANTED = "charts-sent", "charts-wanted"


@dataclass(frozen=True)
class Drawn:
    """A card and its messages; shared by all viewers."""

    message: Message
    card: Card


def weight(value: object) -> int:
    """Bytes of a card, about: its arrays, and as much again for its messages. Of anything else: little."""
    traces = value.card["traces"] if isinstance(value, Drawn) else []
    return 20_000 + 2 * sum(v.nbytes for t in traces for v in t.values() if isinstance(v, np.ndarray))


class Had(NamedTuple):
    """What of a message tells whether the next one may be a tail of it; the message itself would keep its arrays."""

    epoch: str
    version: str
    length: int
    frame: str


def begin() -> None:
    """The whole page is drawn: nothing is known to be in the browser."""
    st.session_state[SENT] = {}


def data(key: str, drawn: Drawn, early: bool) -> bytes:
    """The message for this browser now. `early`: also before the browser said that the card is on screen."""
    made, sent = drawn.message, st.session_state.setdefault(SENT, {})
    if key in st.session_state.get(WANTED, ()):
        st.session_state[WANTED].discard(key)
        sent[key] = Had(made.epoch, made.version, made.length, made.frame)
        return with_csv(made.whole, csv_of(drawn.card))
    visible = (st.session_state.get(key) or {}).get("visible")
    if visible is False or (visible is None and not early):
        return made.hold if key in sent else made.wait
    had: Had | None = sent.get(key)
    if had is not None and (had.epoch, had.version) == (made.epoch, made.version):
        return made.hold
    sent[key] = Had(made.epoch, made.version, made.length, made.frame)
    if had is None or had.epoch != made.epoch or made.length - had.length > OVERLAP:
        return made.whole
    return made.lean if had.frame == made.frame else made.tail


def asks(key: str) -> dict[str, Callable[[], Any]]:
    """The callbacks of a card: it came on screen or left it, it missed a message, its file is wanted."""
    return {
        "on_visible_change": lambda: None,
        "on_lost_change": partial(_forget, key),
        "on_csv_change": partial(_want, key),
    }


def _forget(key: str) -> None:
    st.session_state.get(SENT, {}).pop(key, None)


def _want(key: str) -> None:
    st.session_state.setdefault(WANTED, set()).add(key)


def csv_of(card: Card) -> str:
    """Every point of a card's lines, none left out: one column a line, one row a value of x."""
    columns: dict[str, dict[float, float]] = {}
    for trace in card["traces"]:
        name = trace.get("saved", trace.get("name"))
        if name and isinstance(trace.get("y"), np.ndarray):
            columns.setdefault(name, {}).update(zip(trace["x"].tolist(), trace["y"].tolist(), strict=True))
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\n")
    table.writerow([card.get("axis") or "x", *columns])
    for x in sorted({x for column in columns.values() for x in column}):
        found = (column.get(x, np.nan) for column in columns.values())
        table.writerow([f"{x:.12g}", *("" if np.isnan(y) else f"{y:.9g}" for y in found)])
    return out.getvalue()
