"""Elements that show several runs at once: an experiment's cells, rows with actions, a table.

Names and errors reach the page through `textContent` and attributes only.
"""

from collections.abc import Callable
from typing import Any

import streamlit as st

from app.elements import define

_cells, _rows, _remember, _table = map(define, ("run_cells", "run_rows", "visit", "run_table"))


def run_cells(key: str, cells: list[dict[str, Any]], label: str) -> None:
    """One cell a run, linked to it. A cell has id, name, text, state, said, share, role."""
    _cells(key=key, data={"cells": cells, "label": label})


def run_rows(key: str, rows: list[dict[str, Any]], label: str) -> tuple[int, str] | None:
    """Rows with buttons; returns (run, action) of the button that was just pressed, once."""
    press = _rows(key=key, data={"rows": rows, "label": label}, on_act_change=lambda: None).act
    return None if press is None else (int(press["run"]), str(press["act"]))


def run_table(
    key: str, data: dict[str, Any], tick: Callable[[list[int]], None], sort: Callable[[str, bool], None]
) -> None:  # fmt: skip
    """Runs as rows with ticks, links and columns that sort.

    `tick` is called with the ids of all ticked runs, `sort` with the column ("" for the given order) and
    whether its highest come first.
    """

    def sorted_() -> None:
        order = st.session_state[key]["sort"]
        sort(str(order.get("key", "")), bool(order.get("down")))

    def ticked() -> None:
        tick([int(i) for i in st.session_state[key]["tick"]])

    _table(key=key, data=data, on_tick_change=ticked, on_sort_change=sorted_)


def remember_visit(values: dict[str, str]) -> None:
    """Keep these values in the browser, as cookies that say only when it was here."""
    _remember(key="visit", data={"values": values})
