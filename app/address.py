"""The address as this session has written it. Called, in the place of st.query_params, by all that writes into it, and by what
reads that. What is bound to a widget Streamlit reads and writes itself.

Streamlit sends with each press, and with each word of a pulse, the address that the browser has at that moment. What is sent
before the browser has heard of the last change would bring the address of before back (docs/decisions/0029-late-addresses.md).
"""

from contextlib import suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitAPIException
from streamlit.runtime.scriptrunner import get_script_run_ctx

LATE = 10.0  # seconds after a change in which a browser may still send the address of before
WRITTEN = "address-written"


@dataclass(frozen=True)
class Change:
    """What a name in the address was until shortly, what it is now ("": not there), and when that was written."""

    before: frozenset[str]
    now: str
    at: float


@dataclass
class Written:
    """The changes of which a browser may not have heard yet, and the whole address that was said last."""

    changes: dict[str, Change] = field(default_factory=dict)
    said: dict[str, list[str]] = field(default_factory=dict)


def get(name: str) -> str:
    """What the address says of this name; "" where it does not hold it."""
    _catch_up()
    return st.query_params.get(name, "")


def put(**values: str) -> None:
    """Write these; "" takes a name away."""
    written = _written()
    for name, value in values.items():
        if (last := get(name)) == value:
            continue
        before = {last, *(written.changes[name].before if name in written.changes else ())} - {value}
        written.changes[name] = Change(frozenset(before), value, monotonic())
        _write(name, value)
        written.said = _whole()


def reset(**values: Any) -> None:
    """Give widgets that are bound to the address their first values. Those that are drawn take their part of it along; of those
    that are not, it is taken out, and what they are to begin with too."""
    st.session_state.update(values)
    for name in values:
        with suppress(StreamlitAPIException):  # it is bound to one that is drawn
            st.query_params.pop(name, None)
    if context := get_script_run_ctx():
        with context.session_state.query_params() as params:
            params.set_initial_query_params_from_current()


def arrive(another: bool) -> None:
    """Called before a page is drawn. After Back, Forward or a link within the dashboard nothing in the address is late. Nor is
    on `another` page, of whose address Streamlit lets go what a widget of the page before is bound to: that is put back."""
    if another or went():
        st.session_state.pop(WRITTEN, None)
    if (context := get_script_run_ctx()) and went():
        sent = context.query_string
        with context.session_state.query_params() as params:
            params.populate_from_query_string(sent)
            params.set_initial_query_params(sent)
        st.query_params.update({})  # said again: an answer to what was pressed before may have come after Back


def went() -> bool:
    """Whether this run follows Back, Forward or a link within the dashboard: then the address alone says what is shown."""
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def _written() -> Written:
    found: Written = st.session_state.setdefault(WRITTEN, Written())
    return found


def _catch_up() -> None:
    """Put right what was sent late."""
    written, oldest = _written(), monotonic() - LATE
    written.changes = {name: change for name, change in written.changes.items() if change.at > oldest}
    if not written.changes:
        return
    for name, change in written.changes.items():
        if st.query_params.get(name, "") in change.before:
            _write(name, change.now)
    if (whole := _whole()) != written.said:
        # Of a widget that is bound to the address its press wrote there; what was said before may have overwritten that.
        st.query_params.update({})
        written.said = whole


def _whole() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in st.query_params}


def _write(name: str, value: str) -> None:
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)
