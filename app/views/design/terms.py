"""The terms of a mix, a card for each side; each row has weight, shaping and a popover for the rest."""

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.data import draft
from app.text import labels, theme
from app.views.shared import term_settings
from app.views.shared.term_settings import label
from app.widgets import forms, html
from core.rewards.components import COMPONENTS, FAULTS
from core.rewards.mix import Mix
from core.rewards.shaping import SHAPINGS

SIDES = {
    "hard": "right or wrong, weighted by the blend",
    "continuous": "graded, weighted by one minus the blend",
    "always": "added as it is, at every step",
}
MOST_SAID = 64  # characters of what a component rewards, in the menu of components
PLAIN = {"type": "plain"}
Heads = dict[str, DeltaGenerator]


def edit(mix: dict[str, Any], faults: forms.Faults, key: str) -> Heads:
    """Draw the cards and edit `mix` in place.

    Returns the containers of their heads, to be filled once all fields have been read.
    """
    roles = theme.roles([(label(t), t["side"]) for t in mix["terms"]])
    places = {}
    for side in SIDES:
        rows = [(i, t) for i, t in enumerate(mix["terms"]) if t["side"] == side]
        if side == "always" and not rows and not st.session_state.get(f"{key}-always"):
            if st.button(
                "Add a term outside the blend",
                icon=":material/add:",
                type="tertiary",
                key=f"{key}-always-button",
            ):
                st.session_state[f"{key}-always"] = True
                st.rerun()
            continue
        with st.container(key=f"card-{key}-{side}"):
            with st.container(horizontal=True, vertical_alignment="center"):
                places[side] = st.container(width="stretch")
                _add_term(mix, side, f"{key}-{side}")
            if not rows:
                st.caption("No term on this side.")
            for i, term in rows:
                _row(mix, i, roles[label(term)], f"{key}-{i}-{label(term)}")
                faults.beside(f"terms.{i}")
    faults.beside("terms")
    for fault in FAULTS:
        html.fault(f"A component of your own cannot be used: {fault.where}: {fault.message}")
    return places


def heads(places: Heads, mix: Mix | None, step: int) -> None:
    """Fill the heads of the cards with what each side weighs at the step looked at."""
    for side, place in places.items():
        name = f"{side.capitalize()} side" if side != "always" else "Always"
        chips = []
        if mix is not None and mix.structure == "hybrid" and side != "always":
            share = mix.hard_share(step)
            chips = [html.chip(f"× {share if side == 'hard' else 1 - share:.2f} at step {step}", dot=False)]
        with place:
            html.head(name, SIDES[side], tick=side, chips=chips)


def _add_term(mix: dict[str, Any], side: str, key: str) -> None:
    name = st.menu_button(
        "Add term",
        list(COMPONENTS),
        icon=":material/add:",
        type="tertiary",
        key=f"{key}-add",
        format_func=lambda n: (
            f"**{COMPONENTS[n].title}**  {html.plain(labels.cut(COMPONENTS[n].what, MOST_SAID))}"
        ),
    )
    if name:
        used_labels = {label(t) for t in mix["terms"]}
        term = {"component": name, "side": side, "weight": 1.0, "params": {}}
        if name in used_labels:
            term["name"] = next(n for n in (f"{name}-{i}" for i in range(2, 99)) if n not in used_labels)
        mix["terms"].append(term)
        draft.touch()
        st.rerun()


def _row(mix: dict[str, Any], i: int, role: str, key: str) -> None:
    term = mix["terms"][i]
    if term["component"] not in COMPONENTS:
        _gone(mix, i, role, key)
        return
    left_column, right_column = st.columns([8, 11], vertical_alignment="center")
    with left_column:
        html.term(label(term), f"{COMPONENTS[term['component']].what} {_set(term)}".strip(), role)
    with right_column, st.container(key=f"narrow-{key}"):
        weight, shaping, more = st.columns([9, 8, 4], wrap=False, vertical_alignment="center", gap="xsmall")
        with weight:
            _weight(term, key)
        with shaping:
            _shaping(term, key)
        name = f"Settings of {html.plain(label(term))}"
        with more, html.unwritten(key), st.popover(name, icon=":material/tune:", help=name):
            term_settings.settings(mix, i, key)


def _set(term: dict[str, Any]) -> str:
    """Describe the params that differ from the component's defaults: what it rewards may depend on them."""
    fields = COMPONENTS[term["component"]].params.model_fields
    changed_params = {
        k: v for k, v in term.get("params", {}).items() if k in fields and v != fields[k].default
    }
    assignments = (
        f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in changed_params.items()
    )
    return f"Set: {', '.join(assignments)}." if changed_params else ""


def _gone(mix: dict[str, Any], i: int, role: str, key: str) -> None:
    """Draw a term of a draft or a saved mix whose component is no longer installed.

    The fault that names the component is shown below.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        html.term(label(mix["terms"][i]), "Its component is not installed here.", role)
        term_settings.remove(mix, i, key)


def _weight(term: dict[str, Any], key: str) -> None:
    name = f"weight of {html.plain(label(term))}"
    weight = term.get("weight", 1.0)
    if isinstance(weight, dict):
        st.button(
            str(weight.get("type")).replace("_", " "),
            icon=":material/show_chart:",
            key=f"{key}-curve",
            width="stretch",
            on_click=term_settings.choose,
            args=(label(term),),
            help=f"The {name} moves over the run: show its curve",
        )
        return
    term["weight"] = st.number_input(
        name,
        value=float(weight),
        step=0.1,
        format=forms.EXACT,
        key=f"{key}-weight",
        label_visibility="collapsed",
    )


def _shaping(term: dict[str, Any], key: str) -> None:
    shaping = term.get("shaping", PLAIN)
    kinds = list(SHAPINGS)
    name = f"shaping of {html.plain(label(term))}"
    kind = st.selectbox(
        name,
        kinds,
        kinds.index(shaping["type"]),
        format_func=lambda k: str(k).replace("_", " "),
        key=f"{key}-shaping",
        label_visibility="collapsed",
    )
    if kind != shaping["type"]:
        term["shaping"] = {"type": kind}
