"""The slider that says how smooth curves are: one value for all pages that draw them. Called by the Run and the Runs page."""

import streamlit as st

WEIGHTS = [0.0, 0.5, 0.8, 0.9, 0.95, 0.99]


def smoothing(note: str) -> float:
    """Weight of the moving average; `note`: what becomes of the raw lines here."""
    said = f"Exponential moving average{note} Evaluations are never smoothed."
    return float(st.select_slider("Smoothing", WEIGHTS, 0.8, key="smooth", bind="query-params", help=said, width=190))
