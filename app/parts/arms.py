"""The arms of the draft: choose, add, rename and remove. Called by the design page."""

from typing import Any

import streamlit as st

from app import draft, prose
from core.mix import Mix

ARM = "arm"  # the widget, and the address, of the arm that is shown


def arms(d: draft.Draft) -> int:
    """The bar of arms; returns the chosen one's index."""
    names = [a["name"] for a in d["arms"]]
    _settle(len(names))
    with st.container(horizontal=True, vertical_alignment="center"):
        chosen = st.segmented_control(
            "Arm", range(len(names)), format_func=lambda i: prose.plain(names[i]), required=True, key=ARM, bind="query-params",
            label_visibility="collapsed", persist_state="session",
        )  # fmt: skip
        at = min(chosen if chosen is not None else len(names) - 1, len(names) - 1)
        if st.button("Add arm", icon=":material/add:", type="tertiary", help="A copy of this arm, to change"):
            add(d, draft.arm_name(d, names[at]), d["arms"][at]["mix"])
        name = f"Rename or remove {prose.plain(names[at])}"
        with prose.unwritten("arm"), st.popover(name, icon=":material/edit:", help=name):
            typed = st.text_input("Name", names[at], key=f"arm-name-{draft.edition()}-{at}", max_chars=40)
            if typed != names[at]:
                d["arms"][at]["name"] = typed
                draft.touch()
                st.rerun()
            if st.button("Remove arm", icon=":material/delete:", disabled=len(names) == 1):
                d["arms"].pop(at)
                show(max(0, at - 1))
    return at


def _settle(count: int) -> None:
    """The arm to be shown, where something else than the bar said which; at first the last one."""
    wanted = st.session_state.pop(f"{ARM}-next", None)
    if wanted is None and ARM not in st.session_state and ARM not in st.query_params:
        wanted = count - 1
    if wanted is not None or int(st.session_state.get(ARM) or 0) >= count:
        st.session_state[ARM] = min(wanted if wanted is not None else count, count - 1)


def choose(at: int) -> None:
    """The next drawing of the page shows this arm."""
    st.session_state[f"{ARM}-next"] = at
    draft.touch()


def show(at: int) -> None:
    """Draw the page anew with this arm."""
    choose(at)
    st.rerun()


def append(d: draft.Draft, name: str, mix: dict[str, Any] | Mix) -> int:
    """Another arm with a copy of this mix; returns its index."""
    values = mix.resolved() if isinstance(mix, Mix) else copied(mix)
    d["arms"].append({"name": draft.arm_name(d, name), "mix": values})
    return len(d["arms"]) - 1


def add(d: draft.Draft, name: str, mix: dict[str, Any] | Mix) -> None:
    """Another arm with a copy of this mix, and show it."""
    show(append(d, name, mix))


def copied(mix: dict[str, Any]) -> dict[str, Any]:
    """A mix whose terms and schedules are its own."""
    return {**mix, "terms": [{**t, "params": dict(t.get("params", {}))} for t in mix["terms"]]}


def name_faults(d: draft.Draft, at: int) -> None:
    """What is wrong with the arm's name, under the bar."""
    _, found = draft.check(d)
    for path, message in found:
        if path == f"arms.{at}.name" or (path == "" and message.startswith("arm ")):
            prose.fault(message)
