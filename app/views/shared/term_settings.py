"""The popover of a term: its side, its name, its params, the numbers of its shaping."""

from typing import Any

import streamlit as st

from app.data import draft
from app.text import labels
from app.widgets import forms
from core.rewards.components import COMPONENTS
from core.rewards.shaping import SHAPINGS

CURVE = "curve"  # widget key of the choice of curve


def label(term: dict[str, Any]) -> str:
    """A term's label in a draft, as core.rewards.mix.Term derives it once the mix is valid."""
    return term.get("name") or str(term["component"])


def choose(name: str) -> None:
    """Show the curve of a term's weight."""
    st.session_state[CURVE] = name


def settings(mix: dict[str, Any], i: int, key: str) -> None:
    """Draw the popover of a term; changes go into `mix` in place."""
    term = mix["terms"][i]
    component = COMPONENTS[term["component"]]
    named = label(term)
    st.markdown(f"**{component.title}**")
    st.caption(f"{component.what} Gamed by: {component.how_it_is_gamed}")
    _side(term, key)
    typed = st.text_input(
        "Name", named, key=f"{key}-name", max_chars=40, help="In metric keys, tables and rules."
    ).strip()
    if typed != named:
        rename(mix, i, typed)
        draft.touch()
        st.rerun()
    if not isinstance(term.get("weight", 1.0), dict):
        st.button(
            "Let the weight move",
            icon=":material/show_chart:",
            key=f"{key}-move",
            on_click=choose,
            args=(named,),
            help="Shows this weight in the curve editor, where its curve is chosen and drawn.",
        )
    names = list(component.params.model_fields)
    if names:
        term["params"] = forms.fields(component.params, names, term.get("params", {}), f"{key}-p", columns=2)
    _shaping(term, key)
    with st.container(horizontal=True):
        _order(mix, i, key)
        remove(mix, i, key)


def neighbour(mix: dict[str, Any], i: int, by: int) -> int | None:
    """Index of the term before (-1) or after (1) this one on its side; None if there is none."""
    side = [n for n, t in enumerate(mix["terms"]) if t["side"] == mix["terms"][i]["side"]]
    position = side.index(i) + by
    return side[position] if 0 <= position < len(side) else None


def _order(mix: dict[str, Any], i: int, key: str) -> None:
    """Draw the buttons that swap a term with its neighbour on the same side.

    The order matters to rules, tables and colours.
    """
    for text, icon, by in (("Move up", "arrow_upward", -1), ("Move down", "arrow_downward", 1)):
        neighbour_index = neighbour(mix, i, by)
        name = text.replace(" ", "-").lower()
        if (
            st.button(text, icon=f":material/{icon}:", key=f"{key}-{name}", disabled=neighbour_index is None)
            and neighbour_index is not None
        ):
            terms = mix["terms"]
            terms[i], terms[neighbour_index] = terms[neighbour_index], terms[i]
            draft.touch()
            st.rerun()


def remove(mix: dict[str, Any], i: int, key: str) -> None:
    """Draw the button that removes a term from its mix."""
    if st.button("Remove", icon=":material/delete:", key=f"{key}-remove"):
        mix["terms"].pop(i)
        draft.touch()
        st.rerun()


def _side(term: dict[str, Any], key: str) -> None:
    sides = ["hard", "continuous", "always"]
    side = st.segmented_control("Side", sides, default=term["side"], key=f"{key}-side", required=True)
    if side != term["side"]:
        term["side"] = side
        draft.touch()
        st.rerun()


def _shaping(term: dict[str, Any], key: str) -> None:
    """Draw the numbers of the shaping that is chosen in the term's row."""
    shaping = term.get("shaping") or {"type": "plain"}
    kind = SHAPINGS[shaping["type"]]
    names = [n for n in kind.model_fields if n != "type"]
    if shaping["type"] != "plain":
        st.caption(f"Shaping {shaping['type'].replace('_', ' ')}: {labels.first_paragraph(kind)}")
    if names:
        term["shaping"] = forms.fields(kind, names, shaping, f"{key}-shaping-{shaping['type']}", columns=2)


def rename(mix: dict[str, Any], i: int, name: str) -> None:
    """Rename a term, also in the rule that names it and in the choice of curve."""
    term = mix["terms"][i]
    old_name = label(term)
    term["name"] = "" if name == term["component"] else name
    rule = mix.get("rule") or {}
    for field, value in rule.items():
        if isinstance(value, list | tuple):
            rule[field] = [name if x == old_name else x for x in value]
        elif field != "type" and value == old_name:
            rule[field] = name
    if st.session_state.get(CURVE) == old_name:
        st.session_state[f"{CURVE}-next"] = name
