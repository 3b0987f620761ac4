"""The list as a file: JSONL, Parquet, or preference pairs for TRL."""

import tempfile
from pathlib import Path

import streamlit as st

from app.text import labels
from app.views.samples.filters import Listed
from app.widgets import html, jobs, outages
from core.analysis import export as sample_files
from core.analysis.preference import RULES, Rule
from core.common.errors import ShowdownError
from core.common.progress import Progress
from core.store.samples.browse import Page

MOST = 20_000  # samples in a file made here: a browser holds all of it in memory
KINDS: dict[str, tuple[sample_files.Kind, str, str]] = {
    "JSONL": ("jsonl", "samples", "jsonl"), "Parquet": ("parquet", "samples", "parquet"),
    "preference pairs": ("preferences", "pairs", "jsonl"),
}  # fmt: skip


def export(listed: Listed, page: Page) -> None:
    """Draw a popover to choose a format, make the file with progress, and download it.

    It is a fragment: the page beside it stays as it is.
    """
    outages.fragment(_export, key="export-list")(listed, page)


def _export(listed: Listed, page: Page) -> None:
    with st.popover("Export this list", icon=":material/download:"):
        name = st.segmented_control("As", list(KINDS), default="JSONL", required=True, key="export-as")
        kind, stem, suffix = KINDS[name or "JSONL"]
        rule: Rule = "gold"
        if kind == "preferences":
            rule = (
                st.radio(
                    "Pairs", list(RULES), captions=[f"{text}." for text in RULES.values()], key="export-rule"
                )
                or rule
            )
            st.caption(
                "TRL's conversational preference format: prompt, chosen, rejected. Groups count once, and "
                "whole."
            )
        count = min(page.count, MOST)
        if page.count > MOST:
            html.remark(
                f"The first {MOST:,} of {page.count:,}, in the list's order. Narrow the list for the others."
            )
        job_key = (listed.chosen, listed.sort, kind, rule)
        if st.button(
            f"Make the file of {count:,} {'sample' if count == 1 else 'samples'}", key="export-make"
        ):
            jobs.begin("export", job_key, lambda progress: _made(listed, kind, rule, progress))
        try:
            ready = jobs.shown("export", job_key, "Writing the file")
        except ShowdownError as error:
            html.fault(str(error))
            return
        if ready:
            content, rows = ready
            st.download_button(
                f"Download {rows:,} rows, {labels.size(len(content))}", content, f"{stem}.{suffix}",
                on_click="ignore",
                icon=":material/download:", disabled=not rows,
            )  # fmt: skip
            if not rows:
                html.remark("No group gives a pair by this rule.")


def _made(listed: Listed, kind: sample_files.Kind, rule: Rule, progress: Progress) -> tuple[bytes, int]:
    """Write the file; returns its bytes and its number of rows."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "samples"
        rows = sample_files.write(path, kind, listed.chosen, listed.sort, progress, rule, MOST)
        return path.read_bytes(), rows
