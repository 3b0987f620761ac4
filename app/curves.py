"""Widgets for a schedule: its curve, what its steps are given in, its numbers. Called by the design page.

As in app.forms: present values in, edited ones out as plain JSON types, and app.draft.check says what is wrong with them.
"""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app.forms import TINY_STEP, bounds, fields
from core.adaptive import Adaptive
from core.schedule import SCHEDULES


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
        lowest, highest = bounds(info, whole=False)
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
