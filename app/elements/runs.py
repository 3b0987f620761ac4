"""Elements that show several runs at once: an experiment's cells, rows with actions. Called by the Queue page and Home.

Names and errors reach the page through `textContent` and attributes only.
"""

from typing import Any

from app.elements import define

_cells, _rows, _remember = define("run_cells"), define("run_rows"), define("visit")


def run_cells(key: str, cells: list[dict[str, Any]], label: str) -> int | None:
    """One cell a run; returns the run that was just clicked, once. A cell: id, name, state, said, share, role."""
    opened = _cells(key=key, data={"cells": cells, "label": label}, on_open_change=lambda: None).open
    return None if opened is None else int(opened)


def run_rows(key: str, rows: list[dict[str, Any]], label: str) -> tuple[int, str] | None:
    """Rows with buttons; returns (run, action) of the one that was just pressed, once."""
    chosen = _rows(key=key, data={"rows": rows, "label": label}, on_act_change=lambda: None).act
    return None if chosen is None else (int(chosen["run"]), str(chosen["act"]))


def remember_visit(values: dict[str, str]) -> None:
    """Keep these in the browser, as cookies that say nothing but when it was here."""
    _remember(key="visit", data={"values": values})
