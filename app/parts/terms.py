"""The terms of a mix as cards, one a side: name, weight, and a popover for the rest. Called by the design page."""

from typing import Any

import streamlit as st

from app import curves, draft, forms, prose
from core.mix import Mix
from core.rewards import COMPONENTS, FAULTS
from core.shaping import SHAPINGS

SIDES = {
    "hard": "right or wrong, weighted by the blend",
    "continuous": "graded, weighted by one minus the blend",
    "always": "added as it is, at every step",
}
PLAIN = {"type": "plain"}
WEIGHT_KINDS = ["number", "schedule"]


def label(term: dict[str, Any]) -> str:
    return term.get("name") or str(term["component"])


def edit(mix: dict[str, Any], roles: dict[str, str], faults: forms.Faults, max_steps: int, key: str) -> None:
    """Draw the cards; changes go into `mix` in place."""
    parsed, _ = draft.check_mix(mix)
    for side, meaning in SIDES.items():
        rows = [(i, t) for i, t in enumerate(mix["terms"]) if t["side"] == side]
        if side == "always" and not rows and not st.session_state.get(f"{key}-always"):
            if st.button("Add a term outside the blend", icon=":material/add:", type="tertiary", key=f"{key}-always-button"):
                st.session_state[f"{key}-always"] = True
                st.rerun()
            continue
        with st.container(key=f"card-{key}-{side}"):
            with st.container(horizontal=True, vertical_alignment="center"):
                with st.container(width="stretch"):
                    prose.head(f"{side.capitalize()} side" if side != "always" else "Always", meaning, tick=side)
                _add_term(mix, side, f"{key}-{side}")
            if not rows:
                st.caption("No term on this side.")
            for i, term in rows:
                _row(mix, i, term, roles.get(label(term), "c6"), parsed, max_steps, f"{key}-{i}-{label(term)}")
                faults.beside(f"terms.{i}")
    faults.beside("terms")
    for fault in FAULTS:
        prose.fault(f"A component of your own cannot be used: {fault.where}: {fault.message}")


def _add_term(mix: dict[str, Any], side: str, key: str) -> None:
    taken = {label(t) for t in mix["terms"]}
    options = [f"Add {c.title.lower()}" for c in COMPONENTS.values()]
    chosen = st.menu_button("Add term", options, icon=":material/add:", type="tertiary", key=f"{key}-add")
    if chosen:
        name = list(COMPONENTS)[options.index(chosen)]
        term = {"component": name, "side": side, "weight": 1.0, "params": {}}
        if name in taken:
            term["name"] = next(n for n in (f"{name}-{i}" for i in range(2, 99)) if n not in taken)
        mix["terms"].append(term)
        draft.touch()
        st.rerun()


def _row(mix: dict[str, Any], i: int, term: dict[str, Any], role: str, parsed: Mix | None, max_steps: int, key: str) -> None:
    what = COMPONENTS[term["component"]].what
    left, right = st.columns([10, 8], vertical_alignment="center")
    with left:
        prose.term(label(term), what, role)
    with right:
        weight, more = st.columns([3, 1], wrap=False, vertical_alignment="center")
        with weight:
            if isinstance(term.get("weight", 1.0), dict):
                now = parsed.terms[i].weight if parsed else None
                st.caption(f"moves: {now.type}" if now is not None and not isinstance(now, float) else "moves")
            else:
                name = f"weight of {label(term)}"
                term["weight"] = st.number_input(
                    name, value=float(term.get("weight", 1.0)), step=0.1, format="%.2f", key=f"{key}-weight",
                    label_visibility="collapsed",
                )  # fmt: skip
        with more, st.popover("", icon=":material/tune:", help=f"Settings of {label(term)}"):
            _settings(mix, i, term, max_steps, key)


def _settings(mix: dict[str, Any], i: int, term: dict[str, Any], max_steps: int, key: str) -> None:
    made = COMPONENTS[term["component"]]
    st.markdown(f"**{made.title}**")
    st.caption(f"{made.what} Gamed by: {made.how_it_is_gamed}")
    is_schedule = isinstance(term.get("weight", 1.0), dict)
    kind = st.segmented_control("Weight", WEIGHT_KINDS, default=WEIGHT_KINDS[is_schedule], key=f"{key}-wkind", required=True)
    if kind == "schedule":
        now = term["weight"] if is_schedule else {"type": "linear", "start": 0.0, "end": float(term.get("weight", 1.0))}
        term["weight"] = curves.schedule(now, max_steps, f"{key}-w", low=None, high=None)
    elif is_schedule:
        term["weight"] = 1.0
        draft.touch()
        st.rerun()
    names = list(made.params.model_fields)
    if names:
        term["params"] = forms.fields(made.params, names, term.get("params", {}), f"{key}-p", columns=2)
    if st.toggle("Shape the score before it is weighted", term.get("shaping", PLAIN)["type"] != "plain", key=f"{key}-shaped"):
        now = term.get("shaping", PLAIN)
        now = {"type": "clip"} if now["type"] == "plain" else now
        options = {k: k.replace("_", " ") for k in SHAPINGS if k != "plain"}
        term["shaping"] = forms.union("Shaping", options, SHAPINGS, now, f"{key}-shaping")
    else:
        term["shaping"] = dict(PLAIN)
    if st.button("Remove", icon=":material/delete:", key=f"{key}-remove"):
        mix["terms"].pop(i)
        draft.touch()
        st.rerun()
