"""Notices for runs that this version cannot read; views of many runs leave these out."""

from collections.abc import Sequence

import streamlit as st

from app.data import reads
from app.widgets import html
from core.store.runs.queries import RunRow
from core.store.status import Status

MOST_SAID = 5


def parted(runs: Sequence[RunRow]) -> tuple[list[RunRow], list[RunRow]]:
    """Split runs into those whose row and settings can be read, and the others."""
    bad = reads.without_settings(tuple((r.id, r.max_steps) for r in runs))
    bad = bad | {r.id for r in runs if r.status == Status.UNKNOWN}
    return [r for r in runs if r.id not in bad], [r for r in runs if r.id in bad]


def said(run_id: int) -> str:
    return f"Run {run_id} cannot be read by this version, and is left out."


def say(unreadable: Sequence[RunRow]) -> None:
    """Name each unreadable run, with a link to what there is of it."""
    for r in unreadable[:MOST_SAID]:
        with st.container(horizontal=True, vertical_alignment="center"):
            html.note(said(r.id))
            label = f"What there is of run {r.id}"
            st.page_link(
                "views/run/page.py",
                label=label,
                icon=":material/show_chart:",
                query_params={"run": str(r.id)},
            )
    if len(unreadable) > MOST_SAID:
        html.note(f"So are {len(unreadable) - MOST_SAID} others.")
