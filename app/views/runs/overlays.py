"""The curves of chosen runs over each other, one chart per metric.

Charts of running runs update by themselves, through the feed (app.live.feed).
"""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from app import elements
from app.charts.overlay import labels_of
from app.data import reads, run_charts
from app.views.shared.chart_view import chart_view
from app.views.shared.unreadable import parted, say
from app.widgets import html
from core.metrics import described
from core.store.runs.queries import RunRow

MOST_LINES = 12
MOST_CHARTS = 12


def overlays(chosen: Sequence[RunRow]) -> None:
    """Draw the section with the curves of the chosen runs."""
    chosen, unreadable = parted(chosen)
    say(unreadable)
    drawn_runs = sorted(chosen, key=lambda r: r.id)[:MOST_LINES]
    metric_names = [n for n in reads.metric_names() if described(n)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = st.multiselect(
            "Metrics", metric_names,
            ["eval/accuracy"] if "eval/accuracy" in metric_names else metric_names[:1],
            key="metrics", bind="query-params",
            max_selections=MOST_CHARTS, width="stretch",
        )  # fmt: skip
        view = chart_view("The metrics on a logarithmic axis.")
    ids = tuple(r.id for r in drawn_runs)
    lives = any(not r.status.finished for r in drawn_runs)
    if not names:
        with st.container(key="card-no-metric"):
            html.empty("No metric chosen", "Choose one above; the curves of the ticked runs come here.")
    height = 270 if len(names) > 1 else 340
    with st.grid(2 if len(names) > 1 else 1, min_column_width=330):
        for name in names:
            chart_key = (ids, tuple(names), name, view, height)
            elements.live_card(f"overlay-{name}", chart_key, partial(run_charts.overlay, *chart_key), lives)
    with st.container(horizontal=True):
        if len(chosen) > 1:
            query = {"runs": "-".join(str(r.id) for r in sorted(chosen, key=lambda r: r.id))}
            label = f"Compare these {len(chosen)} runs"
            st.page_link(
                "views/compare/page.py", label=label, icon=":material/compare_arrows:", query_params=query
            )
        run_labels = labels_of(drawn_runs)
        for r in drawn_runs:
            st.page_link(
                "views/run/page.py",
                label=html.plain(f"Open {run_labels[r.id]}"),
                query_params={"run": str(r.id)},
            )
    if len(chosen) > MOST_LINES:
        html.note(f"The first {MOST_LINES} of {len(chosen)} chosen runs.")
