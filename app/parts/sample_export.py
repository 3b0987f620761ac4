"""The list as a file: JSONL, Parquet, or preference pairs for TRL. Called by app.parts.samples."""

import tempfile
from pathlib import Path

import streamlit as st

from app import prose, words
from app.parts.sample_filters import Listed
from core import sample_files
from core.errors import ShowdownError
from core.preference import RULES, Rule
from core.store.browse import Page

MOST = 20_000  # samples in a file made here: a browser holds it whole
KINDS: dict[str, tuple[sample_files.Kind, str]] = {
    "JSONL": ("jsonl", "jsonl"), "Parquet": ("parquet", "parquet"), "preference pairs": ("preferences", "jsonl"),
}  # fmt: skip


def export(listed: Listed, page: Page) -> None:
    """A popover: choose a form, make the file with progress, download it. A fragment: the page beside it stays as it is."""
    st.fragment(_export, key="export-list")(listed, page)


def _export(listed: Listed, page: Page) -> None:
    with st.popover("Export this list", icon=":material/download:"):
        name = st.segmented_control("As", list(KINDS), default="JSONL", required=True, key="export-as")
        kind, suffix = KINDS[name or "JSONL"]
        rule: Rule = "gold"
        if kind == "preferences":
            rule = st.radio("Pairs", list(RULES), captions=[f"{text}." for text in RULES.values()], key="export-rule") or rule
            st.caption("TRL's conversational preference format: prompt, chosen, rejected. Groups count once, and whole.")
        count = min(page.count, MOST)
        if page.count > MOST:
            prose.remark(f"The first {MOST:,} of {page.count:,}, in the list's order. Narrow the list for the others.")
        made = (listed.chosen, listed.sort, kind, rule)
        if st.button(f"Make the file of {count:,} samples", key="export-make"):
            _make(listed, kind, rule, made)
        ready = st.session_state.get("export")
        if ready and ready[0] == made:
            _, content, rows = ready
            st.download_button(
                f"Download {rows:,} rows, {len(content) / 1e6:.1f} MB", content, f"samples.{suffix}", on_click="ignore",
                icon=":material/download:", disabled=not rows,
            )  # fmt: skip
            if not rows:
                prose.remark("No group gives a pair by this rule.")


def _make(listed: Listed, kind: sample_files.Kind, rule: Rule, made: tuple[object, ...]) -> None:
    here = st.empty()
    with here.container(), tempfile.TemporaryDirectory() as folder:
        bar = st.progress(0.0, "Writing the file")
        st.button("Cancel", key="export-cancel")  # a click runs this fragment again, and that ends this run of it
        path = Path(folder) / "samples"

        def show(share: float) -> None:
            bar.progress(share, f"Writing the file: {words.percent(share)}")

        try:
            rows = sample_files.write(path, kind, listed.chosen, listed.sort, show, rule, MOST)
        except ShowdownError as error:
            prose.fault(str(error))
            return
        st.session_state.export = (made, path.read_bytes(), rows)
    here.empty()
