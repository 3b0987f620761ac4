"""The address as this session has written it.

All code that writes into the address, or reads what was written, uses this instead of st.query_params.
What is bound to a widget Streamlit reads and writes itself.

With each press, and with each word of a pulse, Streamlit sends the address that the browser has at that
moment. A message sent before the browser has received the last change would bring the old address back
(docs/decisions/0029-late-addresses.md).
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
    """A recent change of one name in the address.

    `before`: its values until shortly. `now`: its value since, "" where it was removed. `at`: when that
    was written, on the monotonic clock.
    """

    before: frozenset[str]
    now: str
    at: float


@dataclass
class Written:
    """The changes that a browser may not have received yet, and the whole address as last sent."""

    changes: dict[str, Change] = field(default_factory=dict)
    said: dict[str, list[str]] = field(default_factory=dict)


def get(name: str) -> str:
    """The value of a name in the address; "" where it is absent."""
    _catch_up()
    return st.query_params.get(name, "")


def put(**values: str) -> None:
    """Write these values into the address; "" removes a name."""
    written = _written()
    for name, value in values.items():
        if (last := get(name)) == value:
            continue
        earlier_values = {last, *(written.changes[name].before if name in written.changes else ())} - {value}
        written.changes[name] = Change(frozenset(earlier_values), value, monotonic())
        _write(name, value)
        written.said = _whole()


def reset(**values: Any) -> None:
    """Give widgets that are bound to the address their first values.

    Widgets that are drawn update their part of the address themselves. For the others, that part is
    removed, and so is the initial value that Streamlit took from it.
    """
    st.session_state.update(values)
    for name in values:
        with suppress(StreamlitAPIException):  # it is bound to one that is drawn
            st.query_params.pop(name, None)
    if context := get_script_run_ctx():
        with context.session_state.query_params() as params:
            params.set_initial_query_params_from_current()


def arrive(another: bool) -> None:
    """Prepare the address before a page is drawn.

    Nothing in the address is late after Back, Forward or a link within the dashboard, nor on `another`
    page. Streamlit drops from the address of another page what a widget of the previous page is bound to:
    that is put back.
    """
    if another or went():
        st.session_state.pop(WRITTEN, None)
    if (context := get_script_run_ctx()) and went():
        sent = context.query_string
        with context.session_state.query_params() as params:
            params.populate_from_query_string(sent)
            params.set_initial_query_params(sent)
        # said again: an answer to what was pressed before may have come after Back
        st.query_params.update({})


def went() -> bool:
    """Whether this run follows Back, Forward or a link within the dashboard.

    Then the address alone says what is shown.
    """
    context = get_script_run_ctx()
    return context is not None and context.is_history_navigation


def _written() -> Written:
    written: Written = st.session_state.setdefault(WRITTEN, Written())
    return written


def _catch_up() -> None:
    """Correct what a browser sent late."""
    written = _written()
    oldest = monotonic() - LATE
    written.changes = {name: change for name, change in written.changes.items() if change.at > oldest}
    if not written.changes:
        return
    for name, change in written.changes.items():
        if st.query_params.get(name, "") in change.before:
            _write(name, change.now)
    if (parameters := _whole()) != written.said:
        # Of a widget that is bound to the address its press wrote there; what was said before may have
        # overwritten that.
        st.query_params.update({})
        written.said = parameters


def _whole() -> dict[str, list[str]]:
    return {name: st.query_params.get_all(name) for name in st.query_params}


def _write(name: str, value: str) -> None:
    if value:
        st.query_params[name] = value
    else:
        st.query_params.pop(name, None)
