"""Widgets for a schedule: its kind, its direction, the unit of its steps, its numbers.

As in app.widgets.forms, present values go in and edited ones come out as plain JSON types, and
app.data.draft.check says what is wrong with them. Functions that change a schedule as a whole (another
unit, the other direction) are here too, free of widgets.
"""

import math
from typing import Any

import streamlit as st

from app.widgets.forms import EXACT, fields, in_words
from core.common.config_model import descriptions
from core.rewards.adaptive import Adaptive
from core.rewards.schedule import SCHEDULES

NUMBER = "number"  # a weight that does not move
KINDS = [*SCHEDULES]
INNER = [k for k in SCHEDULES if k not in ("warmup", "adaptive")]


def kind(value: Any) -> str:
    return str(value.get("type", "linear")) if isinstance(value, dict) else NUMBER


def pick(value: Any, max_steps: int, key: str, directions: tuple[str, str], kinds: list[str]) -> Any:
    """Draw the kind, the direction and the unit as pills; return the schedule with them changed."""
    current_kind = kind(value)
    new_kind = st.pills(
        "Curve", kinds, default=current_kind, format_func=lambda k: str(k).replace("_", " "), key=f"{key}-kind", required=True,
        label_visibility="collapsed",
    )  # fmt: skip
    if new_kind != current_kind:
        value = as_kind(value, str(new_kind), max_steps)
    if not isinstance(value, dict):
        return value
    left_column, right_column = st.columns([3, 2], vertical_alignment="bottom")
    up = rises(value)
    if up is not None:
        with left_column:
            # A new control after each turn: the numbers may turn the curve too, and a control keeps what it
            # was given first.
            direction = st.segmented_control(
                "Direction",
                directions,
                default=directions[not up],
                key=f"{key}-direction-{new_kind}-{turns(key)}",
                required=True,
            )
            if direction != directions[not up]:
                value = turned(value)
                turns(key, 1)
                turns(f"{key}-boxes", 1)
    if value["type"] not in ("constant", "adaptive"):
        with right_column:
            value = _unit(value, max_steps, key)
    return value


def turns(key: str, more: int = 0) -> int:
    """How often the curve was turned, `more` times just now: part of the keys of what is then redrawn.

    A key that was used before would bring back what was set under it, where the run that would have
    forgotten that was interrupted.
    """
    count = int(st.session_state.get(f"{key}-turns", 0)) + more
    if more:
        st.session_state[f"{key}-turns"] = count
    return count


def _unit(value: dict[str, Any], max_steps: int, key: str) -> dict[str, Any]:
    current_unit = value.get("unit", "step")
    unit = st.segmented_control(
        "Steps in", ["step", "percent"], default=current_unit, key=f"{key}-unit", required=True,
        help="percent: of the training, so that the curve fits any length",
    )  # fmt: skip
    if unit == current_unit:
        return value
    scaled = rescaled(value, 100 if unit == "percent" else max_steps, max_steps if unit == "percent" else 100)
    return {**{k: v for k, v in scaled.items() if k != "unit"}, **({} if unit == "step" else {"unit": unit})}


def as_kind(value: Any, wanted: str, max_steps: int) -> Any:
    """Convert a schedule to another kind, keeping what the two have in common."""
    old: dict[str, Any] = (
        value if isinstance(value, dict) else {"start": 0.0, "end": float(value), "value": float(value)}
    )
    last = 100 if old.get("unit") == "percent" else max_steps
    start, end = _levels(old)
    ramp = {
        "from_step": old.get("from_step", last // 4),
        "to_step": old.get("to_step", max(1, 3 * last // 4)),
    }
    if len(points := _points(old)) > 1:
        ramp = {"from_step": points[0][0], "to_step": points[-1][0]}
    unit = {"unit": "percent"} if last == 100 and old.get("unit") == "percent" else {}
    if wanted == NUMBER:
        return end
    if wanted == "constant":
        return {"type": wanted, "value": end}
    if wanted == "adaptive":
        return {
            "type": wanted,
            "signal": "accuracy",
            "threshold": 0.3,
            "start": start,
            "end": end if end != start else start + 1,
        }
    if wanted == "step":
        return {"type": wanted, **unit, "start": start, "end": end, "at_step": old.get("at_step", last // 2)}
    if wanted == "cyclic":
        return {
            "type": wanted,
            **unit,
            "low": start,
            "high": end,
            "period": float(old.get("period", max(1, last // 4))),
        }
    if wanted == "piecewise":
        return {"type": wanted, **unit, "points": [[ramp["from_step"], start], [ramp["to_step"], end]]}
    if wanted == "warmup":
        inner = (
            {k: v for k, v in old.items() if k != "unit"}
            if kind(old) in INNER and "type" in old
            else {"type": "constant", "value": end}
        )
        return {"type": wanted, **unit, "steps": float(max(1, last // 10)), "then": inner}
    return {"type": wanted, **unit, "start": start, "end": end, **ramp}


def _levels(old: dict[str, Any]) -> tuple[float, float]:
    """The values at which a schedule of any kind begins and ends."""
    if isinstance(old.get("then"), dict):
        return _levels(old["then"])
    if points := _points(old):
        return float(points[0][1]), float(points[-1][1])
    return float(old.get("start", old.get("low", 0.0))), float(
        old.get("end", old.get("high", old.get("value", 1.0)))
    )


def _points(old: dict[str, Any]) -> list[list[float]]:
    """The points of a piecewise curve; none while they are being typed and are not valid."""
    points = old.get("points") or []
    right = all(len(p) == 2 and all(isinstance(x, int | float) for x in p) for p in points)
    return points if right else []


def rises(value: dict[str, Any]) -> bool | None:
    """Whether a schedule rises; None for one that neither rises nor falls."""
    if value["type"] == "warmup":
        return rises(value["then"])
    if value["type"] == "piecewise":
        points = value.get("points", [])
        # as they are typed: the check says what is wrong with them
        if not points or any(len(p) != 2 for p in points):
            return None
        ends = (points[0][1], points[-1][1])
    elif value["type"] == "cyclic":
        ends = (value.get("low", 0.0), value.get("high", 1.0))
    else:
        ends = (value.get("start", 0.0), value.get("end", 0.0))
    return (
        None
        if ends[0] == ends[1] or not all(isinstance(x, int | float) for x in ends)
        else bool(ends[0] < ends[1])
    )


def turned(value: dict[str, Any]) -> dict[str, Any]:
    """Reverse the direction of a curve."""
    if value["type"] == "warmup":
        return {**value, "then": turned(value["then"])}
    if value["type"] == "piecewise":
        values = [p[1] for p in value["points"]]
        return {
            **value,
            "points": [[p[0], v] for p, v in zip(value["points"], reversed(values), strict=True)],
        }
    a, b = ("low", "high") if value["type"] == "cyclic" else ("start", "end")
    return {**value, a: value[b], b: value[a]}


def rescaled(value: dict[str, Any], last: int, before: int) -> dict[str, Any]:
    """Convert a curve to the other unit, rounded to a hundredth of it."""

    def scaled(step: Any) -> Any:
        if not isinstance(step, int | float):
            return step
        rounded = round(step * last / before, 2)
        return int(rounded) if rounded == int(rounded) else rounded

    steps: dict[str, Any] = {
        n: scaled(value[n]) for n in ("from_step", "to_step", "at_step", "period", "steps") if n in value
    }
    points = {"points": [[scaled(p[0]), *p[1:]] for p in value["points"]]} if value.get("points") else {}
    inner = {"then": rescaled(value["then"], last, before)} if value.get("then") else {}
    return {**value, **steps, **points, **inner}


class _Boxes:
    """Number boxes of one schedule, without bounds, as in app.widgets.forms."""

    def __init__(self, value: dict[str, Any], key: str) -> None:
        self.value = value
        self.key = key

    def level(self, label: str, name: str) -> float:
        return self._number(label, name, 0.05)

    def step(self, label: str, name: str) -> float:
        return self._number(label, name, 1.0)

    def _number(self, label: str, name: str, by: float) -> float:
        current = float(self.value.get(name, 0.0))
        return float(st.number_input(label, value=current, step=by, format=EXACT, key=f"{self.key}-{name}"))


def numbers(value: Any, key: str) -> Any:
    """Draw the numbers of a schedule in boxes; return it with what was typed."""
    boxes = _Boxes(value if isinstance(value, dict) else {"value": value}, key)
    if not isinstance(value, dict):
        return boxes.level("Weight", "value")
    current_kind = kind(value)
    if current_kind == "adaptive":
        names = [n for n in Adaptive.model_fields if n != "type"]
        initial = {n: value[n] for n in names if n in value}
        return {"type": current_kind, **fields(Adaptive, names, initial, f"{key}-a", columns=3, worded=True)}
    if current_kind == "piecewise":
        return {**value, "points": _typed_points(value, key)}
    if current_kind == "constant":
        return {**value, "value": boxes.level("Value", "value")}
    if current_kind == "warmup":
        steps = boxes.step("Steps of warm-up", "steps")
        with st.container(border=True):
            inner = value["then"]
            inner_kind = st.selectbox(
                "and then, counted from its end", INNER, INNER.index(inner["type"]), key=f"{key}-then-kind"
            )
            inner = inner if inner_kind == inner["type"] else as_kind(inner, inner_kind, 100)
            return {**value, "steps": steps, "then": numbers(inner, f"{key}-then-{inner_kind}")}
    with st.grid(4, min_column_width=104):
        edited = _grid(value, boxes)
    return {**value, **edited}


def _grid(value: dict[str, Any], boxes: _Boxes) -> dict[str, Any]:
    current_kind = kind(value)
    if current_kind == "step":
        return {
            "at_step": boxes.step("Jump after step", "at_step"), "start": boxes.level("Before", "start"),
            "end": boxes.level("After", "end"),
        }  # fmt: skip
    if current_kind == "cyclic":
        return {
            "period": boxes.step("Period", "period"), "low": boxes.level("At step 0", "low"),
            "high": boxes.level("Half a period on", "high"),
        }  # fmt: skip
    edited: dict[str, Any] = {
        "from_step": boxes.step("From step", "from_step"),
        "start": boxes.level("Before", "start"),
    }
    edited |= {"to_step": boxes.step("To step", "to_step"), "end": boxes.level("After", "end")}
    if current_kind in ("sigmoid", "exponential"):
        extra = "steepness" if current_kind == "sigmoid" else "rate"
        info = SCHEDULES[current_kind].model_fields[extra]
        start = float(value.get(extra, info.default))
        edited[extra] = st.number_input(
            in_words(extra),
            value=start,
            step=1.0,
            format=EXACT,
            key=f"{boxes.key}-{extra}",
            help=descriptions(SCHEDULES[current_kind]).get(extra),
        )
    return edited


def _typed_points(value: dict[str, Any], key: str) -> list[list[Any]]:
    text = st.text_input(
        "Points: step value, step value, …", ", ".join(" ".join(map(_short, point)) for point in value.get("points", [])),
        key=f"{key}-points", help="Straight lines through these points; flat before the first and after the last.",
    )  # fmt: skip
    return typed_points(text)


def _short(number: Any) -> str:
    return f"{number:g}" if isinstance(number, float) and float(f"{number:g}") == number else str(number)


def typed_points(text: str) -> list[list[Any]]:
    """Parse `0 0, 50 1` into [[0, 0], [50, 1]].

    A word that is not a number stays text, for the check to name.
    """

    def number(word: str) -> Any:
        try:
            parsed = float(word)
        except ValueError:
            return word
        return parsed if math.isfinite(parsed) else word

    return [[number(word) for word in pair.split()] for pair in text.split(",") if pair.strip()]
