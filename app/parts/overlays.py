"""The curves of chosen runs over each other, a chart a metric. Called by the Runs page.

Charts of runs that train go on by themselves, by the feed (app.live).
"""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from app import cache, cards, elements, prose
from app.figures.overlay import labels_of
from app.parts.chart_view import chart_view
from app.parts.unreadable import parted, say
from core.metrics import described
from core.store.queries import RunRow

MOST_LINES, MOST_CHARTS = 12, 12


def overlays(chosen: Sequence[RunRow]) -> None:
    """The section, whole."""
    chosen, unreadable = parted(chosen)
    say(unreadable)
    shown = sorted(chosen, key=lambda r: r.id)[:MOST_LINES]
    known = [n for n in cache.metric_names() if described(n)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = st.multiselect(
            "Metrics", known, ["eval/accuracy"] if "eval/accuracy" in known else known[:1], key="metrics", bind="query-params",
            max_selections=MOST_CHARTS, width="stretch",
        )  # fmt: skip
        view = chart_view("The metrics on a logarithmic axis.")
    ids, lives = tuple(r.id for r in shown), any(not r.status.finished for r in shown)
    if not names:
        with st.container(key="card-no-metric"):
            prose.empty("No metric chosen", "Choose one above; the curves of the ticked runs come here.")
    height = 270 if len(names) > 1 else 340
    with st.grid(2 if len(names) > 1 else 1, min_column_width=330):
        for name in names:
            what = (ids, tuple(names), name, view, height)
            elements.live_card(f"overlay-{name}", what, partial(cards.overlay, *what), lives)
    with st.container(horizontal=True):
        if len(chosen) > 1:
            query = {"runs": "-".join(str(r.id) for r in sorted(chosen, key=lambda r: r.id))}
            label = f"Compare these {len(chosen)} runs"
            st.page_link("views/compare.py", label=label, icon=":material/compare_arrows:", query_params=query)
        called = labels_of(shown)
        for r in shown:
            st.page_link("views/run.py", label=prose.plain(f"Open {called[r.id]}"), query_params={"run": str(r.id)})
    if len(chosen) > MOST_LINES:
        prose.note(f"The first {MOST_LINES} of {len(chosen)} chosen runs.")
