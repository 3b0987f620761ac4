"""The curve card: edits the blend or one term's weight over the run, and the step to look at."""

import math
from typing import Any

import streamlit as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from app import elements
from app.data import draft
from app.text.theme import term_roles
from app.views.shared.term_settings import CURVE, label
from app.widgets import forms, html, schedule_widgets
from core.rewards.adaptive import Adaptive
from core.rewards.mix import Mix
from core.rewards.schedule import Schedule

BLEND = "blend"
LOOK = "step"  # widget key and URL parameter of the step looked at
TURNS = {True: ("to hard", "to continuous"), False: ("rising", "falling")}
TICKS = 4
# What an adaptive curve watches, and how often that is measured.
SIGNALS = {
    "accuracy": ("training accuracy", "a step"), "spread": ("the spread inside groups", "a step"),
    "dead_groups": ("the share of dead groups", "a step"), "plateau": ("training accuracy", "a step"),
    "kl": ("the KL to the start", "an evaluation"),
}  # fmt: skip


def curve_card(
    mix: dict[str, Any], faults: forms.Faults, max_steps: int, at: int, key: str
) -> tuple[Mix | None, int]:
    """Draw the card and edit `mix` in place.

    Returns the mix with its schedules in steps, or None while it is invalid, and the step looked at.
    """
    with st.container(key="card-blend", height="stretch"):
        left_column, right_column = st.columns([3, 2], wrap=False)
        with left_column:
            target = _target(mix)
        with right_column:
            step = _look(max_steps)
        element_id = f"curve-{at}-{target}"
        if target is None:
            only = "hard" if any(t["side"] == "hard" for t in mix["terms"]) else "continuous"
            st.caption(
                f"Only the {only} side has terms, so it has the whole reward. "
                "Add a term to the other side to blend."
            )
        else:
            _schedule(mix, target, max_steps, f"{key}-{target}-{seen(element_id)}")
            faults.beside(*_paths(mix, target))
        parsed, problems = draft.check_mix(mix)
        faults.fill(problems)
        parsed = parsed.in_steps(max_steps) if parsed else None
        data_key = f"{key}-{target}-good"  # the last valid drawing, shown while something is wrong
        if target is not None and parsed is not None:
            st.session_state[data_key] = data(
                parsed, _get(mix, target), target, max_steps, step, seen(element_id)
            )
        if target is not None and data_key in st.session_state:
            editor_data = st.session_state[data_key]
            if parsed is None:
                note = "As it was before: what is wrong is said beside its field."
                editor_data = {
                    **editor_data,
                    "look": step,
                    "seen": seen(element_id),
                    "note": note,
                    "old": True,
                }
            elements.curve_editor(element_id, editor_data, lambda: moved(element_id, at, target))
        elif parsed is not None:
            _composition(parsed, step)
    return parsed, step


def seen(element: str) -> int:
    """How many moves the element has reported; each one makes new boxes."""
    return int(st.session_state.get(f"{element}-seen", 0))


def _target(mix: dict[str, Any]) -> str | None:
    """The curve to show: the blend or a term's label; None for the blend of a mix that has none."""
    blends = {"hard", "continuous"} <= {t["side"] for t in mix["terms"]}
    options = [BLEND, *(label(t) for t in mix["terms"] if label(t) != BLEND)]
    if f"{CURVE}-next" in st.session_state:
        st.session_state[CURVE] = st.session_state.pop(f"{CURVE}-next")
    if st.session_state.get(CURVE) not in (None, *options):
        del st.session_state[CURVE]
    note = "The blend is the hard side's share; every term's weight may move too."
    selection = st.selectbox(
        "Curve of", options, key=CURVE, bind="query-params", persist_state="session", help=note
    )
    return None if selection == BLEND and not blends else selection


def _term(mix: dict[str, Any], target: str) -> dict[str, Any]:
    term: dict[str, Any] = next(t for t in mix["terms"] if label(t) == target)
    return term


def _get(mix: dict[str, Any], target: str) -> Any:
    if target == BLEND:
        return mix.get("blend") or {
            "type": "linear",
            "start": 0.0,
            "end": 1.0,
            "from_step": 25,
            "to_step": 75,
            "unit": "percent",
        }
    return _term(mix, target).get("weight", 1.0)


def _set(mix: dict[str, Any], target: str, value: Any) -> None:
    if target == BLEND:
        mix["blend"] = value
    else:
        _term(mix, target)["weight"] = value


def _paths(mix: dict[str, Any], target: str) -> tuple[str, ...]:
    if target == BLEND:
        return ("blend", "")
    return (f"terms.{next(i for i, t in enumerate(mix['terms']) if label(t) == target)}.weight",)


def _schedule(mix: dict[str, Any], target: str, max_steps: int, key: str) -> None:
    """Draw kind, direction and numbers, and put the schedule they make into `mix`."""
    blend = target == BLEND
    kinds = schedule_widgets.KINDS if blend else [schedule_widgets.NUMBER, *schedule_widgets.KINDS]
    current = _get(mix, target)
    schedule = schedule_widgets.pick(current, max_steps, key, TURNS[blend], kinds)
    # Boxes keep the value they were first given, so a change of kind, direction or unit makes new ones.
    box_edition = schedule_widgets.turns(f"{key}-boxes")
    state = (
        f"{schedule_widgets.kind(schedule)}-{schedule.get('unit')}-{box_edition}"
        if isinstance(schedule, dict)
        else schedule_widgets.NUMBER
    )
    typed = schedule_widgets.numbers(schedule, f"{key}-{state}")
    _set(mix, target, typed)
    if isinstance(typed, dict) and schedule_widgets.rises(typed) != schedule_widgets.rises(schedule):
        schedule_widgets.turns(key, 1)
        st.rerun()  # the numbers reversed it: the direction above them is stale
    if not blend and schedule_widgets.kind(typed) != schedule_widgets.kind(current):
        st.rerun()  # the term's row is already drawn with the old kind of weight


def _look(max_steps: int) -> int:
    step = st.session_state.get(LOOK)
    if step is not None and not 0 <= step <= max_steps:
        st.session_state[LOOK] = max_steps
    return int(
        st.number_input(
            "Look at step",
            0,
            max_steps,
            max_steps // 2,
            key=LOOK,
            bind="query-params",
            persist_state="session",
        )
    )


def moved(element: str, at: int, target: str) -> None:
    """Put what was dragged in the editor into the draft, if it is a valid schedule."""
    message = (st.session_state.get(element) or {}).get("moved") or {}
    st.session_state[f"{element}-seen"] = int(message.get("n", 0))
    step = message.get("look")
    if isinstance(step, int):
        st.session_state[LOOK] = step
    curve = message.get("curve")
    mix = st.session_state["draft"]["arms"][at]["mix"]
    if isinstance(curve, int | float) and not isinstance(curve, bool) and target != BLEND:
        _set(mix, target, float(curve))
    elif isinstance(curve, dict):
        try:
            _set(mix, target, plain(TypeAdapter(Schedule).validate_python(curve)))
        except ValidationError:
            st.toast(
                "The curve could not be taken as it was drawn; it stays as it was.", icon=":material/warning:"
            )


def plain(schedule: BaseModel) -> dict[str, Any]:
    """A schedule as the draft holds it, without the default unit."""
    return {k: v for k, v in _json(schedule).items() if (k, v) != ("unit", "step")}


def _json(schedule: BaseModel) -> dict[str, Any]:
    return schedule.model_dump(mode="json", by_alias=True)


def data(mix: Mix, curve: Any, target: str, max_steps: int, step: int, n: int) -> dict[str, Any]:
    """Data for the editor: the curve in its own unit, everything else in steps of the run."""
    roles = term_roles(mix)
    percent = isinstance(curve, dict) and curve.get("unit") == "percent"
    weights = [t.weight for t in mix.terms]
    low, high = (0.0, 1.0) if target == BLEND else _range(weights)
    subject = "The hard side's share" if target == BLEND else f"The weight of {target}"
    note = (
        "Pale: what each term counts, its weight times its side's share."
        if target == BLEND
        else ("Solid: this weight. Dashed: times its side's share. Pale: the other weights.")
    )
    if isinstance(curve, dict) and curve.get("type") == "adaptive":
        note += f" {_by_signals(curve)}"
    elif mix.adaptive:
        note += " Adaptive curves stand at their start: they move only in a run."
    return {
        "curve": (
            curve if isinstance(curve, int | float) else _json(TypeAdapter(Schedule).validate_python(curve))
        ),
        "target": target,
        "max": max_steps,
        "last": 100 if percent else max_steps,
        "low": low,
        "high": high,
        "floor": 0.0 if target == BLEND else None,
        "roof": 1.0 if target == BLEND else None,
        "look": step,
        "seen": n,
        "only": None if mix.structure == "hybrid" else mix.structure,
        "blend": _json(mix.blend) if mix.structure == "hybrid" and mix.blend else 0,
        "terms": [
            {
                "name": t.label,
                "side": t.side,
                "role": roles[t.label],
                "weight": t.weight if isinstance(t.weight, float) else _json(t.weight),
            }
            for t in mix.terms
        ],
        "ticks": [low + (high - low) * i / TICKS for i in range(TICKS + 1)],
        "steps": [round(max_steps * i / 5) for i in range(6)],
        "alt": (
            f"{subject} over the run. "
            "Handles and the line of the step looked at move with the mouse and the arrow keys."
        ),
        "note": note,
    }


def _by_signals(curve: dict[str, Any]) -> str:
    """Describe an adaptive curve in words: before a run no line can show it."""
    schedule = TypeAdapter(Schedule).validate_python(curve)
    assert isinstance(schedule, Adaptive)
    signal, unit = SIGNALS[schedule.signal]
    when = (
        f"has stood still for {schedule.threshold:g} steps"
        if schedule.signal == "plateau"
        else f"is {schedule.when} {schedule.threshold:g}"
    )
    back = " and back where it is not" if schedule.returns else ""
    return (
        "No plan draws this curve, but signals of the run: shaded, where it may go. "
        f"It begins at {schedule.start:g} and moves to {schedule.end:g} (dashed) while {signal} {when}, "
        f"at most {schedule.rate:g} at {unit}{back}."
    )


def _range(weights: list[Any]) -> tuple[float, float]:
    """Round axis limits with room above every weight, so that a handle can be dragged upwards."""
    bounds = [b for w in weights for b in ((w, w) if isinstance(w, float) else w.bounds())]
    lowest = min(0.0, *bounds)
    highest = max(0.0, *bounds)
    min_tick = max(highest - lowest, 0.4) * 1.2 / TICKS
    power = 10.0 ** math.floor(math.log10(min_tick))
    tick = next(power * n for n in (1, 2, 2.5, 5, 10) if power * n >= min_tick)
    low = math.floor(lowest / tick) * tick
    return low, low + tick * max(TICKS, math.ceil((highest - low) / tick))


def _composition(mix: Mix, step: int) -> None:
    roles = term_roles(mix)
    html.head(f"Composition at step {step}", "the full factor of each term")
    html.stack([(t.label, mix.factor(t, step), roles[t.label]) for t in mix.terms])
