"""The curves of chosen runs over each other, a chart a metric. Called by the Runs page.

Live like a run's page: a pulse looks whether any of the runs has a new step, and only then are the charts drawn again.
"""

from collections.abc import Sequence

import streamlit as st

from app import cache, elements, prose
from app.parts.smoothing import smoothing
from core.metrics import described
from core.store.queries import RunRow

TICK_SECONDS = 1.0
MOST_LINES, MOST_CHARTS = 12, 12
DRAWN = "overlays-drawn"


def overlays(chosen: Sequence[RunRow]) -> None:
    """The section, whole."""
    shown = sorted(chosen, key=lambda r: r.id)[:MOST_LINES]
    known = [n for n in cache.metric_names() if described(n)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = st.multiselect(
            "Metrics", known, ["eval/accuracy"] if "eval/accuracy" in known else known[:1], key="metrics", bind="query-params",
            max_selections=MOST_CHARTS, width="stretch",
        )  # fmt: skip
        weight = smoothing("; the raw lines stay, pale.")
    ids = [r.id for r in shown]
    st.fragment(_charts, key="overlays")(ids, names, weight)
    if any(not r.status.finished for r in shown):
        st.fragment(_pulse, run_every=TICK_SECONDS, key="overlays-pulse")(ids)
    with st.container(horizontal=True):
        for r in shown:
            st.page_link("views/run.py", label=prose.plain(f"Open {r.name}"), query_params={"run": str(r.id)})
    if len(chosen) > MOST_LINES:
        prose.note(f"The first {MOST_LINES} of {len(chosen)} chosen runs.")


def _charts(ids: list[int], names: list[str], weight: float) -> None:
    rows = cache.rows(tuple(ids))
    if not names:
        with st.container(key="card-no-metric"):
            prose.empty("No metric chosen", "Choose one above; the curves of the ticked runs come here.")
    with st.grid(2 if len(names) > 1 else 1, min_column_width=330):
        for name in names:
            elements.live_card(
                f"overlay-{name}", cache.overlay(rows, tuple(names), name, weight, 270 if len(names) > 1 else 340)
            )
    st.session_state[DRAWN] = cache.text_of_all(rows)


def _pulse(ids: list[int]) -> None:
    rows = cache.rows(tuple(ids))
    said, drawn = cache.text_of_all(rows), st.session_state.get(DRAWN, "")
    elements.pulse("overlays-moved", said, drawn, lambda: st.rerun("overlays"))
