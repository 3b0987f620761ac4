"""The list as a file: JSONL, Parquet, or preference pairs for TRL. Called by app.parts.samples."""

import tempfile
from pathlib import Path

import streamlit as st

from app import prose
from app.parts.sample_filters import Listed
from core import sample_files
from core.errors import ShowdownError
from core.preference import RULES
from core.store.browse import Page

MOST = 20_000  # samples in a file made here: a browser holds it whole
KINDS: dict[str, tuple[sample_files.Kind, str]] = {
    "JSONL": ("jsonl", "jsonl"), "Parquet": ("parquet", "parquet"), "preference pairs": ("preferences", "jsonl"),
}  # fmt: skip


def export(listed: Listed, page: Page) -> None:
    """A popover: choose a form, make the file with progress, download it."""
    with st.popover("Export this list", icon=":material/download:"):
        name = st.segmented_control("As", list(KINDS), default="JSONL", required=True, key="export-as")
        kind, suffix = KINDS[name or "JSONL"]
        rule: str | None = "gold"
        if kind == "preferences":
            rule = st.radio("Pairs", list(RULES), captions=[f"{text}." for text in RULES.values()], key="export-rule")
            st.caption("TRL's conversational preference format: prompt, chosen, rejected. Groups count once, and whole.")
        count = min(page.count, MOST)
        if page.count > MOST:
            prose.remark(f"The first {MOST:,} of {page.count:,}, in the list's order. Narrow the list for the others.")
        made = (listed.chosen, listed.sort, kind, rule)
        if st.button(f"Make the file of {count:,} samples", key="export-make"):
            _make(listed, kind, rule or "gold", made)
        ready = st.session_state.get("export")
        if ready and ready[0] == made:
            _, content, rows = ready
            st.download_button(
                f"Download {rows:,} rows, {len(content) / 1e6:.1f} MB", content, f"samples.{suffix}", on_click="ignore",
                icon=":material/download:", disabled=not rows,
            )  # fmt: skip
            if not rows:
                prose.remark("No group gives a pair by this rule.")


def _make(listed: Listed, kind: sample_files.Kind, rule: str, made: tuple[object, ...]) -> None:
    bar = st.progress(0.0, "Writing the file. A click elsewhere on the page cancels it.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "samples"
        try:
            rows = sample_files.write(path, kind, listed.chosen, listed.sort, MOST, lambda share: bar.progress(share), rule)  # type: ignore[arg-type]
        except ShowdownError as error:
            prose.fault(str(error))
            return
        finally:
            bar.empty()
        st.session_state.export = (made, path.read_bytes(), rows)
