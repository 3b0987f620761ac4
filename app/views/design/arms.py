"""The arms of the draft: choose, add, rename and remove."""

from typing import Any

import streamlit as st

from app.data import draft
from app.widgets import html
from core.rewards.mix import Mix

ARM = "arm"  # widget key and URL parameter of the arm on screen


def arms(d: draft.Draft) -> int:
    """Draw the bar of arms and return the index of the chosen one."""
    names = [a["name"] for a in d["arms"]]
    _settle(len(names))
    with st.container(horizontal=True, vertical_alignment="center"):
        selection = st.segmented_control(
            "Arm",
            range(len(names)),
            format_func=lambda i: html.plain(names[i]),
            required=True,
            key=ARM,
            bind="query-params",
            label_visibility="collapsed",
            persist_state="session",
        )
        index = min(selection if selection is not None else len(names) - 1, len(names) - 1)
        if st.button("Add arm", icon=":material/add:", type="tertiary", help="A copy of this arm, to change"):
            add(d, draft.arm_name(d, names[index]), d["arms"][index]["mix"])
        name = f"Rename or remove {html.plain(names[index])}"
        with html.unwritten("arm"), st.popover(name, icon=":material/edit:", help=name):
            typed = st.text_input(
                "Name", names[index], key=f"arm-name-{draft.edition()}-{index}", max_chars=40
            )
            if typed != names[index]:
                d["arms"][index]["name"] = typed
                draft.touch()
                st.rerun()
            if st.button("Remove arm", icon=":material/delete:", disabled=len(names) == 1):
                d["arms"].pop(index)
                show(max(0, index - 1))
    return index


def _settle(count: int) -> None:
    """Select the arm that something other than the bar asked for; initially the last one."""
    next_index = st.session_state.pop(f"{ARM}-next", None)
    if next_index is None and ARM not in st.session_state and ARM not in st.query_params:
        next_index = count - 1
    if next_index is not None or int(st.session_state.get(ARM) or 0) >= count:
        st.session_state[ARM] = min(next_index if next_index is not None else count, count - 1)


def choose(at: int) -> None:
    """Show this arm when the page is next drawn."""
    st.session_state[f"{ARM}-next"] = at
    draft.touch()


def show(at: int) -> None:
    """Redraw the page with this arm now."""
    choose(at)
    st.rerun()


def append(d: draft.Draft, name: str, mix: dict[str, Any] | Mix) -> int:
    """Append an arm with a copy of this mix and return its index."""
    values = mix.resolved() if isinstance(mix, Mix) else copied(mix)
    d["arms"].append({"name": draft.arm_name(d, name), "mix": values})
    return len(d["arms"]) - 1


def add(d: draft.Draft, name: str, mix: dict[str, Any] | Mix) -> None:
    """Append an arm with a copy of this mix and show it."""
    show(append(d, name, mix))


def copied(mix: dict[str, Any]) -> dict[str, Any]:
    """A copy of a mix that has its own terms and params."""
    return {**mix, "terms": [{**t, "params": dict(t.get("params", {}))} for t in mix["terms"]]}


def name_faults(d: draft.Draft, at: int) -> None:
    """Show what is wrong with the arm's name, under the bar."""
    _, faults = draft.check(d)
    for path, message in faults:
        if path == f"arms.{at}.name" or (path == "" and message.startswith("arm ")):
            html.fault(message)
