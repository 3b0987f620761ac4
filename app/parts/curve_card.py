"""The curve card: the blend or one term's weight over the run, drawn and typed; the step looked at. Called by the page."""

import math
from typing import Any

import streamlit as st
from pydantic import BaseModel, TypeAdapter, ValidationError

from app import curves, draft, elements, forms, prose
from app.parts.term_settings import CURVE, label
from app.theme import term_roles
from core.adaptive import Adaptive
from core.mix import Mix
from core.schedule import Schedule

BLEND = "blend"
LOOK = "step"  # the widget, and the address, of the step looked at
TURNS = {True: ("to hard", "to continuous"), False: ("rising", "falling")}
TICKS = 4
# What an adaptive curve watches, and how often that is measured.
SIGNALS = {
    "accuracy": ("training accuracy", "a step"), "spread": ("the spread inside groups", "a step"),
    "dead_groups": ("the share of dead groups", "a step"), "plateau": ("training accuracy", "a step"),
    "kl": ("the KL to the start", "an evaluation"),
}  # fmt: skip


def curve_card(mix: dict[str, Any], faults: forms.Faults, max_steps: int, at: int, key: str) -> tuple[Mix | None, int]:
    """Draw it; changes go into `mix` in place. Returns the mix, with its schedules in steps, and the step looked at."""
    with st.container(key="card-blend", height="stretch"):
        left, right = st.columns([3, 2], wrap=False)
        with left:
            target = _target(mix)
        with right:
            step = _look(max_steps)
        element = f"curve-{at}-{target}"
        if target is None:
            only = "hard" if any(t["side"] == "hard" for t in mix["terms"]) else "continuous"
            st.caption(f"Only the {only} side has terms, so it has the whole reward. Add a term to the other side to blend.")
        else:
            _schedule(mix, target, max_steps, f"{key}-{target}-{seen(element)}")
            faults.beside(*_paths(mix, target))
        parsed, found = draft.check_mix(mix)
        faults.fill(found)
        parsed = parsed.in_steps(max_steps) if parsed else None
        good = f"{key}-{target}-good"  # what was drawn last: it stays while something is wrong
        if target is not None and parsed is not None:
            st.session_state[good] = data(parsed, _get(mix, target), target, max_steps, step, seen(element))
        if target is not None and good in st.session_state:
            drawn = st.session_state[good]
            if parsed is None:
                note = "As it was before: what is wrong is said beside its field."
                drawn = {**drawn, "look": step, "seen": seen(element), "note": note, "old": True}
            elements.curve_editor(element, drawn, lambda: moved(element, at, target))
        elif parsed is not None:
            _composition(parsed, step)
    return parsed, step


def seen(element: str) -> int:
    """How often the element has said that something was moved; its boxes are drawn anew then."""
    return int(st.session_state.get(f"{element}-seen", 0))


def _target(mix: dict[str, Any]) -> str | None:
    """Whose curve is shown: the blend's, or that of a term's weight. None: the blend, where there is none."""
    blends = {"hard", "continuous"} <= {t["side"] for t in mix["terms"]}
    options = [BLEND, *(label(t) for t in mix["terms"] if label(t) != BLEND)]
    if f"{CURVE}-next" in st.session_state:
        st.session_state[CURVE] = st.session_state.pop(f"{CURVE}-next")
    if st.session_state.get(CURVE) not in (None, *options):
        del st.session_state[CURVE]
    note = "The blend is the hard side's share; every term's weight may move too."
    chosen = st.selectbox("Curve of", options, key=CURVE, bind="query-params", persist_state="session", help=note)
    return None if chosen == BLEND and not blends else chosen


def _term(mix: dict[str, Any], target: str) -> dict[str, Any]:
    found: dict[str, Any] = next(t for t in mix["terms"] if label(t) == target)
    return found


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
    """Kind, direction and numbers; the schedule they make goes into `mix`."""
    blend = target == BLEND
    kinds = curves.KINDS if blend else [curves.NUMBER, *curves.KINDS]
    given = _get(mix, target)
    made = curves.pick(given, max_steps, key, TURNS[blend], kinds)
    # The boxes hold what they were first given: after a change of kind, direction or unit they are drawn anew.
    drawn = curves.turns(f"{key}-boxes")
    state = f"{curves.kind(made)}-{made.get('unit')}-{drawn}" if isinstance(made, dict) else curves.NUMBER
    typed = curves.numbers(made, f"{key}-{state}")
    _set(mix, target, typed)
    if isinstance(typed, dict) and curves.rises(typed) != curves.rises(made):
        curves.turns(key, 1)
        st.rerun()  # the numbers have turned it: the direction drawn above them is the old one
    if not blend and curves.kind(typed) != curves.kind(given):
        st.rerun()  # the row of the term, which is drawn already, shows another kind of weight


def _look(max_steps: int) -> int:
    now = st.session_state.get(LOOK)
    if now is not None and not 0 <= now <= max_steps:
        st.session_state[LOOK] = max_steps
    return int(
        st.number_input("Look at step", 0, max_steps, max_steps // 2, key=LOOK, bind="query-params", persist_state="session")
    )


def moved(element: str, at: int, target: str) -> None:
    """Something was let go in the editor: what it says goes into the draft, if it is a schedule at all."""
    said = (st.session_state.get(element) or {}).get("moved") or {}
    st.session_state[f"{element}-seen"] = int(said.get("n", 0))
    step = said.get("look")
    if isinstance(step, int):
        st.session_state[LOOK] = step
    curve = said.get("curve")
    mix = st.session_state["draft"]["arms"][at]["mix"]
    if isinstance(curve, int | float) and not isinstance(curve, bool) and target != BLEND:
        _set(mix, target, float(curve))
    elif isinstance(curve, dict):
        try:
            _set(mix, target, plain(TypeAdapter(Schedule).validate_python(curve)))
        except ValidationError:
            st.toast("The curve could not be taken as it was drawn; it stays as it was.", icon=":material/warning:")


def plain(schedule: BaseModel) -> dict[str, Any]:
    """A schedule as the draft has it, without what is only said by default."""
    return {k: v for k, v in _json(schedule).items() if (k, v) != ("unit", "step")}


def _json(schedule: BaseModel) -> dict[str, Any]:
    return schedule.model_dump(mode="json", by_alias=True)


def data(mix: Mix, curve: Any, target: str, max_steps: int, step: int, n: int) -> dict[str, Any]:
    """What the editor draws: the curve with its own steps, everything else in steps of the run."""
    roles = term_roles(mix)
    percent = isinstance(curve, dict) and curve.get("unit") == "percent"
    weights = [t.weight for t in mix.terms]
    low, high = (0.0, 1.0) if target == BLEND else _range(weights)
    what = "The hard side's share" if target == BLEND else f"The weight of {target}"
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
        "curve": curve if isinstance(curve, int | float) else _json(TypeAdapter(Schedule).validate_python(curve)),
        "target": target, "max": max_steps, "last": 100 if percent else max_steps, "low": low, "high": high,
        "floor": 0.0 if target == BLEND else None, "roof": 1.0 if target == BLEND else None, "look": step, "seen": n,
        "only": None if mix.structure == "hybrid" else mix.structure,
        "blend": _json(mix.blend) if mix.structure == "hybrid" and mix.blend else 0,
        "terms": [
            {
                "name": t.label, "side": t.side, "role": roles[t.label],
                "weight": t.weight if isinstance(t.weight, float) else _json(t.weight),
            }
            for t in mix.terms
        ],
        "ticks": [low + (high - low) * i / TICKS for i in range(TICKS + 1)],
        "steps": [round(max_steps * i / 5) for i in range(6)],
        "alt": f"{what} over the run. Handles and the line of the step looked at move with the mouse and the arrow keys.",
        "note": note,
    }  # fmt: skip


def _by_signals(curve: dict[str, Any]) -> str:
    """In words what an adaptive curve does, which no line can say before a run."""
    made = TypeAdapter(Schedule).validate_python(curve)
    assert isinstance(made, Adaptive)
    signal, unit = SIGNALS[made.signal]
    when = f"has stood still for {made.threshold:g} steps" if made.signal == "plateau" else f"is {made.when} {made.threshold:g}"
    back = " and back where it is not" if made.returns else ""
    return (
        f"No plan draws this curve, but signals of the run: shaded, where it may go. It begins at {made.start:g} and moves "
        f"to {made.end:g} (dashed) while {signal} {when}, at most {made.rate:g} at {unit}{back}."
    )


def _range(weights: list[Any]) -> tuple[float, float]:
    """An axis of round numbers with room above every weight, so that a handle can be drawn upwards."""
    bounds = [b for w in weights for b in ((w, w) if isinstance(w, float) else w.bounds())]
    lowest, highest = min(0.0, *bounds), max(0.0, *bounds)
    least = max(highest - lowest, 0.4) * 1.2 / TICKS
    power = 10.0 ** math.floor(math.log10(least))
    tick = next(power * n for n in (1, 2, 2.5, 5, 10) if power * n >= least)
    low = math.floor(lowest / tick) * tick
    return low, low + tick * max(TICKS, math.ceil((highest - low) / tick))


def _composition(mix: Mix, step: int) -> None:
    roles = term_roles(mix)
    prose.head(f"Composition at step {step}", "the full factor of each term")
    prose.stack([(t.label, mix.factor(t, step), roles[t.label]) for t in mix.terms])
