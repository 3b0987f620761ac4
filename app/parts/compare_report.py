"""The report of an experiment as a download: made when it is asked for. Called by app.views.compare."""

import streamlit as st

from app import prose
from app.report import files
from app.untrusted import slug


def report_button(experiment_id: int, name: str) -> None:
    """One page for a reader, or a folder for a paper and for `showdown report --verify`."""
    stem = slug(name)[:60] or f"experiment-{experiment_id}"
    with st.popover("Report", icon=":material/description:"):
        prose.note("Made from the database as it is now; takes a few seconds. showdown report --verify checks every number.")
        st.download_button(
            "One page (HTML)", lambda: files.page(experiment_id), f"{stem}.html", "text/html", on_click="ignore",
            icon=":material/download:", help="Works offline; charts can be zoomed.",
        )  # fmt: skip
        st.download_button(
            "Folder (ZIP)", lambda: files.archive(experiment_id), f"{stem}.zip", "application/zip", on_click="ignore",
            icon=":material/folder_zip:", help="The page, Markdown with pictures, every table as CSV and LaTeX, every number.",
        )  # fmt: skip
