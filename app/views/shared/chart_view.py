"""Controls for the axis, smoothing and scale of curves: one view for all pages, kept in the address."""

import streamlit as st

from app.charts.shown import OVER, Over, View

WEIGHTS = [0.0, 0.5, 0.8, 0.9, 0.95, 0.99]
SMOOTH = (
    "Exponential moving average over the raw lines, which stay, pale; 0: the raw lines alone. "
    "Evaluations are never smoothed."
)


def chart_view(log: str) -> View:
    """Draw the controls in the row that is open; `log` says what a logarithmic axis changes here."""
    x_axis: Over = st.segmented_control(
        "Charts over", list(OVER), default="step", key="over", bind="query-params", required=True,
        help="  \n".join(f"{name}: {meaning}" for name, meaning in OVER.items()),
    )  # fmt: skip
    weight = st.select_slider(
        "Smoothing", WEIGHTS, 0.8, key="smooth", bind="query-params", help=SMOOTH, width=190
    )
    return View(x_axis, bool(st.toggle("Log", key="log", bind="query-params", help=log)), float(weight))
