"""Widgets drawn from pydantic classes and schedules: bounds, choices and help come from the class. Called by pages.

Each function takes the present values and returns the edited ones as plain JSON types; nothing is validated here
beyond the widgets' own bounds (app.draft.check does that, with messages beside the fields).
"""

from collections.abc import Mapping, Sequence
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import streamlit as st
from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from streamlit.delta_generator import DeltaGenerator

from app import prose
from core.adaptive import Adaptive
from core.config import DataSource
from core.schedule import SCHEDULES

NOTE = 260  # characters of a class's docstring shown under its choice
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


def union(
    title: str, options: dict[str, str], kinds: Mapping[str, type[BaseModel]], value: dict[str, Any], key: str,
    labels: Sequence[str] = (), without: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """One of several classes told apart by `type`, and its fields but those in `without`.

    `options`: type -> what it says in the list; `labels`: the mix's terms, for fields that name one.
    """
    now = value.get("type", next(iter(options)))
    kind = st.selectbox(title, list(options), list(options).index(now), format_func=options.__getitem__, key=f"{key}-type")
    made = kinds[kind]
    note = " ".join((made.__doc__ or "").split())
    st.caption(note[:NOTE] + ("…" if len(note) > NOTE else ""))
    names = [n for n in made.model_fields if n != "type" and n not in without]
    kept = value if made is kinds.get(now) else {}  # group, batch and none are one class: its settings stay
    return {"type": kind, **any_fields(made, names, kept, f"{key}-{kind}", labels)}


def any_fields(
    kind: type[BaseModel], names: Sequence[str], value: dict[str, Any], key: str, labels: Sequence[str] = ()
) -> dict[str, Any]:
    """Fields of a class, names of terms and optional classes of their own among them; under the names YAML has."""
    info = kind.model_fields
    plain = [n for n in names if _is_plain(info[n])]
    given = {n: value[info[n].alias or n] for n in plain if (info[n].alias or n) in value}
    found = fields(kind, plain, given, key, columns=2) if plain else {}
    edited = {info[n].alias or n: found[n] for n in plain}
    for name in names:
        if name not in plain:
            edited |= _special(kind, name, value, f"{key}-{name}", labels)
    return edited


def _is_plain(info: FieldInfo) -> bool:
    """A number, a switch or a choice; not the name of a term, nor a class of its own."""
    types = get_args(info.annotation) or (info.annotation,)
    return get_origin(info.annotation) is Literal or any(t in (int, float, bool) for t in types)


def _special(kind: type[BaseModel], name: str, kept: dict[str, Any], key: str, labels: Sequence[str]) -> dict[str, Any]:
    info = kind.model_fields[name]
    if info.annotation is str:
        now = kept.get(name) or labels[0]
        options = list(labels) if now in labels else [now, *labels]  # a term that is gone stays visible, as a fault
        return {name: st.selectbox(name, options, options.index(now), help=info.description, key=key)}
    if get_origin(info.annotation) is tuple:
        chosen = list(kept.get(name, labels[:1] if info.is_required() else ()))
        options = [*labels, *(x for x in chosen if x not in labels)]
        return {name: st.multiselect(name, options, chosen, help=info.description, key=key)}
    inner = next(t for t in get_args(info.annotation) if isinstance(t, type) and issubclass(t, BaseModel))
    if not st.toggle(name, kept.get(name) is not None, help=info.description, key=f"{key}-on"):
        return {name: None}
    return {name: fields(inner, list(inner.model_fields), kept.get(name) or {}, key, columns=2)}


def schedule(
    value: dict[str, Any], max_steps: int, key: str, low: float | None = 0.0, high: float | None = 1.0, inner: bool = False
) -> dict[str, Any]:
    """A schedule: its kind, what its steps are given in, then its numbers. Both directions are one click apart."""
    kinds = [k for k in SCHEDULES if not inner or k not in ("warmup", "adaptive")]
    now = value.get("type", "linear")
    left, right = st.columns([3, 2], wrap=False, vertical_alignment="bottom")
    with left:
        kind = st.selectbox("Curve", kinds, kinds.index(now), format_func=lambda k: k.replace("_", " "), key=f"{key}-kind")
    if kind == "adaptive":
        names = [n for n in Adaptive.model_fields if n != "type"]
        seed = value if now == kind else {"signal": "accuracy", "threshold": 0.3, "start": low or 0.0, "end": high or 1.0}
        return {"type": kind, **fields(Adaptive, names, {n: seed[n] for n in names if n in seed}, f"{key}-a", columns=2)}
    unit = value.get("unit", "step")
    if not inner and kind != "constant":
        with right:
            unit = st.segmented_control(
                "Steps in", ["step", "percent"], default=unit, key=f"{key}-unit", required=True,
                help="percent: of the training, so that the curve fits any length",
            )  # fmt: skip
    last = 100 if unit == "percent" else max_steps
    if unit != value.get("unit", "step"):
        value = _rescaled(value, last, max_steps if unit == "percent" else 100)
    said = {} if unit == "step" else {"unit": unit}
    # The number boxes are drawn anew for another unit: their old text is in the old one.
    return {"type": kind, **said, **_numbers(kind, value, last, f"{key}-{kind}-{unit}", low, high)}


def _rescaled(value: dict[str, Any], last: int, before: int) -> dict[str, Any]:
    """The same curve in the other unit, to a hundredth of it."""

    def scaled(step: float) -> float:
        found = round(step * last / before, 2)
        return int(found) if found == int(found) else found

    steps = {n: scaled(value[n]) for n in ("from_step", "to_step", "at_step", "period", "steps") if n in value}
    points = {"points": [[scaled(p[0]), p[1]] for p in value["points"]]} if value.get("points") else {}
    then = {"then": _rescaled(value["then"], last, before)} if value.get("then") else {}
    return {**value, **steps, **points, **then}


def _slider(label: str, last: float, now: Sequence[float], key: str) -> list[float]:
    """One or two steps on a slider that holds them exactly: whole numbers where they are, else hundredths."""
    top = max(last, *now)
    if all(float(x).is_integer() for x in (*now, top)):
        found = st.slider(label, 0, int(top), _one_or_two([int(x) for x in now]), key=key)
    else:
        found = st.slider(label, 0.0, float(top), _one_or_two([float(x) for x in now]), 0.01, key=f"{key}-fine")
    return list(found) if isinstance(found, tuple) else [found]


def _one_or_two(now: list[Any]) -> Any:
    return now[0] if len(now) == 1 else tuple(now)


def _numbers(kind: str, value: dict[str, Any], last: int, key: str, low: float | None, high: float | None) -> dict[str, Any]:
    def number(label: str, name: str, otherwise: float, step: float = 0.05, at_least: float | None = low) -> float:
        top = high if at_least == low else None
        return float(st.number_input(label, at_least, top, float(value.get(name, otherwise)), step, key=f"{key}-{name}"))

    if kind == "constant":
        return {"value": number("Value", "value", float(value.get("end", 0.5)))}
    if kind == "step":
        (at,) = _slider("Last step before the jump", last, [value.get("at_step", last // 2)], f"{key}-at_step")
        return {"at_step": at, **_two(number, "Before", "start", 0.0, "After", "end", 1.0)}
    if kind == "cyclic":
        made = _two(number, "Low, at step 0", "low", 0.0, "High", "high", 1.0)
        return {**made, "period": number("Period", "period", max(1.0, last // 4), 1.0, TINY_STEP)}
    if kind == "piecewise":
        return {"points": _typed_points(value, last, key)}
    if kind == "warmup":
        steps = number("Steps of warm-up", "steps", max(1, last // 10), 1.0, TINY_STEP)
        inner = value.get("then") or {"type": "constant", "value": 1.0}
        with st.container(border=True):
            st.caption("and then, counted from its end")
            return {"steps": steps, "then": schedule(inner, last, f"{key}-then", low, high, inner=True)}
    made = _ramp(value, last, key, number)
    if kind in ("sigmoid", "exponential"):
        extra = "steepness" if kind == "sigmoid" else "rate"
        info = SCHEDULES[kind].model_fields[extra]
        lowest, highest = _bounds(info, whole=False)
        made[extra] = st.number_input(
            extra, lowest, highest, float(value.get(extra, info.default)), 1.0, key=f"{key}-{extra}", help=info.description
        )
    return made


def _two(number: Any, *named: Any) -> dict[str, float]:
    """Two number boxes side by side."""
    left, right = st.columns(2, wrap=False)
    with left:
        first = number(*named[:3])
    with right:
        return {named[1]: first, named[4]: number(*named[3:])}


def _ramp(value: dict[str, Any], last: int, key: str, number: Any) -> dict[str, Any]:
    first, end = value.get("from_step", last // 4), value.get("to_step", max(1, 3 * last // 4))
    # A ramp made for a longer run is kept as it is, until somebody moves it.
    steps = _slider("From step, to step", last, [first, end if end > first else first + 1], f"{key}-steps")
    return {**_two(number, "Before", "start", 0.0, "After", "end", 1.0), "from_step": steps[0], "to_step": steps[1]}


def _typed_points(value: dict[str, Any], last: int, key: str) -> list[list[Any]]:
    points = value.get("points") or [
        [value.get("from_step", 0), value.get("start", 0.0)],
        [value.get("to_step", last), value.get("end", 1.0)],
    ]
    text = st.text_input(
        "Points: step value, step value, …", ", ".join(" ".join(map(str, point)) for point in points), key=f"{key}-points",
        help="Straight lines through these points; flat before the first and after the last.",
    )  # fmt: skip
    return _points(text)


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
