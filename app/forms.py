"""Widgets drawn from pydantic classes and schedules: bounds, choices and help come from the class. Called by pages.

Each function takes the present values and returns the edited ones as plain JSON types; nothing is validated here
beyond the widgets' own bounds (app.draft.check does that, with messages beside the fields).
"""

from types import NoneType
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from streamlit.delta_generator import DeltaGenerator

from app import prose
from core.config import DataSource

MOST_SEEDS = 1000  # a longer range is a slip of the finger: left as text, for the check to name
TINY_STEP = 1e-9  # an open bound as the nearest closed one


def _bounds(info: FieldInfo, whole: bool) -> tuple[Any, Any]:
    low = high = None
    for rule in info.metadata:
        if isinstance(rule, Ge):
            low = rule.ge
        elif isinstance(rule, Gt):
            low = rule.gt + (1 if whole else TINY_STEP)  # type: ignore[operator]
        elif isinstance(rule, Le):
            high = rule.le
        elif isinstance(rule, Lt):
            high = rule.lt - (1 if whole else TINY_STEP)  # type: ignore[operator]
    kind = int if whole else float
    return (None if low is None else kind(low)), (None if high is None else kind(high))  # type: ignore[arg-type]


def field(kind: type[BaseModel], name: str, value: Any, key: str) -> Any:
    """One field of a pydantic class as the widget that fits its type."""
    info = kind.model_fields[name]
    label, note, types = name, info.description, get_args(info.annotation) or (info.annotation,)
    if get_origin(info.annotation) is Literal:
        options = list(types)
        return st.selectbox(label, options, options.index(value) if value in options else 0, help=note, key=key)
    if info.annotation is bool:
        return st.toggle(label, bool(value), help=note, key=key)
    if int in types or float in types:
        whole = int in types
        low, high = _bounds(info, whole)
        number = None if value is None else (int(value) if whole else float(value))
        small = not whole and number is not None and 0 < abs(number) < 0.01
        return st.number_input(
            label, low, high, number, step=1 if whole else (number / 10 if small and number else 0.1),
            format=None if whole else ("%.1e" if small else "%.2f"), help=note, key=key,
            placeholder="default" if NoneType in types else None,
        )  # fmt: skip
    return st.text_input(label, "" if value is None else str(value), help=note, key=key)


def fields(kind: type[BaseModel], names: list[str], values: dict[str, Any], key: str, columns: int = 3) -> dict[str, Any]:
    """Several fields in a grid; returns `values` with them replaced."""
    edited = dict(values)
    defaults = {n: kind.model_fields[n].get_default(call_default_factory=True) for n in names}
    with st.grid(columns, min_column_width=150):
        for name in names:
            edited[name] = field(kind, name, values.get(name, defaults[name]), f"{key}-{name}")
    return edited


class Faults:
    """Places for messages, made where the fields are and filled when everything has been typed and checked."""

    def __init__(self) -> None:
        self._places: list[tuple[tuple[str, ...], DeltaGenerator]] = []

    def beside(self, *paths: str) -> None:
        """Messages at or below these field paths belong here."""
        self._places.append((paths, st.container(gap=None)))

    def fill(self, found: list[tuple[str, str]]) -> None:
        """Show each message at the first place that fits it; what fits none is shown here, with its path."""
        for where, message in found:
            place = next((p for paths, p in self._places if any(_at_or_below(where, path) for path in paths)), None)
            if place is None:
                prose.fault(f"{where}: {message}" if where else message)
            else:
                with place:
                    prose.fault(message)


def _at_or_below(where: str, path: str) -> bool:
    return where == path or (path != "" and where.startswith(path + "."))


def schedule(
    value: dict[str, Any], max_steps: int, key: str, low: float | None = 0.0, high: float | None = 1.0
) -> dict[str, Any]:
    """A schedule: its kind, then its numbers. Both directions are one click apart."""
    kinds = ["constant", "linear", "piecewise"]
    kind = st.pills(
        "Curve", kinds, default=value.get("type", "linear"), key=f"{key}-kind", required=True, label_visibility="collapsed"
    )
    if kind == "constant":
        start = float(value.get("value", value.get("end", 0.5)))
        return {"type": kind, "value": st.number_input("Value", low, high, start, 0.05, key=f"{key}-value")}
    if kind == "linear":
        return _linear(value, max_steps, key, low, high)
    points = value.get("points") or [
        [value.get("from_step", 0), value.get("start", 0.0)],
        [value.get("to_step", max_steps), value.get("end", 1.0)],
    ]
    text = st.text_input(
        "Points: step value, step value, …", ", ".join(" ".join(map(str, point)) for point in points), key=f"{key}-points",
        help="Straight lines through these points; flat before the first and after the last.",
    )  # fmt: skip
    return {"type": kind, "points": _points(text)}


def _linear(value: dict[str, Any], max_steps: int, key: str, low: float | None, high: float | None) -> dict[str, Any]:
    start, end = float(value.get("start", 0.0)), float(value.get("end", 1.0))
    first, last = value.get("from_step", max_steps // 4), value.get("to_step", 3 * max_steps // 4)
    longest = max(max_steps, int(last))  # a ramp made for a longer run is kept as it is, until somebody moves it
    steps = st.slider("From step, to step", 0, longest, (int(first), int(last)), key=f"{key}-steps")
    left, right = st.columns(2, wrap=False)
    with left:
        start = st.number_input("Before", low, high, start, 0.05, key=f"{key}-start")
    with right:
        end = st.number_input("After", low, high, end, 0.05, key=f"{key}-end")
    return {"type": "linear", "start": start, "end": end, "from_step": steps[0], "to_step": steps[1]}


def _points(text: str) -> list[list[Any]]:
    """`0 0, 50 1` as [[0, 0], [50, 1]]; what is no number stays text, for the check to name."""

    def number(word: str) -> Any:
        try:
            return float(word)
        except ValueError:
            return word

    return [[number(word) for word in pair.split()] for pair in text.split(",") if pair.strip()]


def source(value: dict[str, Any], key: str, names: list[str]) -> dict[str, Any]:
    """A data source: a known or hub name, or the path of a JSONL file, typed into one box."""
    now = value.get("path") or value.get("name") or names[0]
    options = names if now in names else [*names, now]
    help_text = "tiny-arithmetic, a hub name such as openai/gsm8k, or the path of a JSONL file with question and answer"
    chosen = st.selectbox("Problems", options, options.index(now), key=f"{key}-source", help=help_text, accept_new_options=True)
    is_path = str(chosen).endswith((".jsonl", ".json")) or str(chosen).startswith((".", "/", "~"))
    edited = fields(DataSource, ["size", "subset", "split"], value, key)
    return {**edited, "name": "" if is_path else str(chosen), "path": str(chosen) if is_path else ""}


def _whole(word: str) -> bool:
    return word.isascii() and word.isdecimal() and len(word) <= 12


def seeds(text: str) -> list[Any]:
    """`0, 1, 2` or `0-4` as a list; what is no number stays text, for the check to name."""
    found: list[Any] = []
    for word in text.replace(",", " ").split():
        first, dash, last = word.partition("-")
        if dash and _whole(first) and _whole(last) and 0 <= int(last) - int(first) < MOST_SEEDS:
            found += range(int(first), int(last) + 1)
        else:
            found.append(int(word) if _whole(word) else word)
    return found
