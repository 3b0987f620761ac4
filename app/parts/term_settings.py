"""The popover of a term: its side, its name, its params, the numbers of its shaping. Called by app.parts.terms."""

from typing import Any

import streamlit as st

from app import draft, forms, words
from core.rewards import COMPONENTS
from core.shaping import SHAPINGS

CURVE = "curve"  # the widget that says whose curve is shown


def label(term: dict[str, Any]) -> str:
    """What a term is called, as core.mix.Term says it once the mix is right."""
    return term.get("name") or str(term["component"])


def choose(name: str) -> None:
    """Show the curve of a term's weight."""
    st.session_state[CURVE] = name


def settings(mix: dict[str, Any], i: int, key: str) -> None:
    """The popover of a term; changes go into `mix` in place."""
    term = mix["terms"][i]
    made = COMPONENTS[term["component"]]
    named = label(term)
    st.markdown(f"**{made.title}**")
    st.caption(f"{made.what} Gamed by: {made.how_it_is_gamed}")
    _side(term, key)
    typed = st.text_input("Name", named, key=f"{key}-name", max_chars=40, help="In metric keys, tables and rules.").strip()
    if typed != named:
        rename(mix, i, typed)
        draft.touch()
        st.rerun()
    if not isinstance(term.get("weight", 1.0), dict):
        st.button(
            "Let the weight move", icon=":material/show_chart:", key=f"{key}-move", on_click=choose, args=(named,),
            help="Shows this weight in the curve editor, where its curve is chosen and drawn.",
        )  # fmt: skip
    names = list(made.params.model_fields)
    if names:
        term["params"] = forms.fields(made.params, names, term.get("params", {}), f"{key}-p", columns=2)
    _shaping(term, key)
    with st.container(horizontal=True):
        _order(mix, i, key)
        remove(mix, i, key)


def neighbour(mix: dict[str, Any], i: int, by: int) -> int | None:
    """The place of the term before (-1) or after (1) this one on its side; None where there is none."""
    side = [n for n, t in enumerate(mix["terms"]) if t["side"] == mix["terms"][i]["side"]]
    at = side.index(i) + by
    return side[at] if 0 <= at < len(side) else None


def _order(mix: dict[str, Any], i: int, key: str) -> None:
    """Buttons that change places with the next term of the side: rules, tables and colours go by the order."""
    for text, icon, by in (("Move up", "arrow_upward", -1), ("Move down", "arrow_downward", 1)):
        other, name = neighbour(mix, i, by), text.replace(" ", "-").lower()
        if st.button(text, icon=f":material/{icon}:", key=f"{key}-{name}", disabled=other is None) and other is not None:
            terms = mix["terms"]
            terms[i], terms[other] = terms[other], terms[i]
            draft.touch()
            st.rerun()


def remove(mix: dict[str, Any], i: int, key: str) -> None:
    """The button that takes a term out of its mix."""
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
    """The numbers of the shaping that the row names."""
    now = term.get("shaping") or {"type": "plain"}
    kind = SHAPINGS[now["type"]]
    names = [n for n in kind.model_fields if n != "type"]
    if now["type"] != "plain":
        st.caption(f"Shaping {now['type'].replace('_', ' ')}: {words.first_paragraph(kind)}")
    if names:
        term["shaping"] = forms.fields(kind, names, now, f"{key}-shaping-{now['type']}", columns=2)


def rename(mix: dict[str, Any], i: int, name: str) -> None:
    """Give a term another name, in the rules that name it too."""
    term = mix["terms"][i]
    before = label(term)
    term["name"] = "" if name == term["component"] else name
    rule = mix.get("rule") or {}
    for field, value in rule.items():
        if isinstance(value, list | tuple):
            rule[field] = [name if x == before else x for x in value]
        elif field != "type" and value == before:
            rule[field] = name
    if st.session_state.get(CURVE) == before:
        st.session_state[f"{CURVE}-next"] = name
