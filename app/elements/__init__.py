"""Our own page elements (components v2): what no native Streamlit element does. One .js and one .css file each.

Called by pages. Texts reach the page through `textContent` only, so a completion can hold anything. Colours are roles
(`@hard`, `@ink/.4`), resolved in the browser on every draw, so that a theme flip needs no rerun.
"""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import plotly
import streamlit as st

HERE = Path(__file__).parent
STATIC = HERE.parent / "static"
Pick = Callable[[str], None]


def serve_plotly() -> None:
    """Put the installed plotly.min.js where the dashboard serves files from: no network, no second copy in git."""
    source, target = Path(plotly.__file__).parent / "package_data" / "plotly.min.js", STATIC / "plotly.min.js"
    if not target.is_file() or target.stat().st_size != source.stat().st_size:
        shutil.copyfile(source, target)


def _define(name: str) -> Any:
    script = (HERE / "shared.js").read_text() + (HERE / f"{name}.js").read_text()
    style = (HERE / "shared.css").read_text() + (HERE / f"{name}.css").read_text()
    return st.components.v2.component(f"showdown_{name}", js=script, css=style, html="<div class='root'></div>")


serve_plotly()
_chart_card, _step_bar, _sum_table, _marked_text, _group, _log_view, _sample_list, _problem_time = map(
    _define, ("chart_card", "step_bar", "sum_table", "marked_text", "group", "log_view", "sample_list", "problem_time")
)


def chart_card(key: str, card: dict[str, Any]) -> None:
    """A titled card around a Plotly figure that keeps its zoom while data arrive. `card` is made by app.figures."""
    _chart_card(key=key, data=card)


def step_bar(key: str, data: dict[str, Any]) -> int | None:
    """One cell per step, coloured by reward; returns the step that was just chosen, once."""
    chosen = _step_bar(key=key, data=data, on_step_change=lambda: None).step
    return int(chosen) if chosen is not None else None


def sum_table(key: str, data: dict[str, Any]) -> None:
    """How a total came about: score x weight = adds, with a running bar."""
    _sum_table(key=key, data=data)


def marked_text(key: str, text: str, spans: Sequence[tuple[int, int, str]], **more: Any) -> None:
    """Untrusted text with (start, end, class) spans marked. More: `tokens` as (start, end, -log p), shaded; `facts` as (name,
    value, class) below it; `label` for screen readers."""
    _marked_text(key=key, data={"text": text, "spans": spans, **more})


def group(key: str, data: dict[str, Any], pick: Pick) -> None:
    """The completions of one prompt as small cards."""
    _picking(_group, key, data, pick)


def sample_list(key: str, data: dict[str, Any], pick: Pick) -> None:
    """Samples as rows, one of them chosen."""
    _picking(_sample_list, key, data, pick)


def problem_time(key: str, data: dict[str, Any], pick: Pick) -> None:
    """The groups of a problem, run by run and step by step."""
    _picking(_problem_time, key, data, pick)


def _picking(element: Any, key: str, data: dict[str, Any], pick: Pick) -> None:
    """`pick` is called with what was chosen before the page runs again: it is drawn once."""
    element(key=key, data=data, on_pick_change=lambda: pick(str(st.session_state[key]["pick"])))


def log_view(key: str, data: dict[str, Any]) -> None:
    """The end of a log that grows: `text`, `note`, `empty` (headline, sentence) and, of a failure, `cause`."""
    _log_view(key=key, data=data)
