"""The report of an experiment as a download, made on demand."""

import streamlit as st

from app.report import files
from app.text.escaping import slug
from app.widgets import html


def report_button(experiment_id: int, name: str) -> None:
    """Draw the downloads: one page for a reader, a folder for a paper and `showdown report --verify`."""
    stem = slug(name)[:60] or f"experiment-{experiment_id}"
    with st.popover("Report", icon=":material/description:"):
        html.note(
            "Made from the database as it is now; takes a few seconds. "
            "showdown report --verify checks every number."
        )
        st.download_button(
            "One page (HTML)",
            lambda: files.page(experiment_id),
            f"{stem}.html",
            "text/html",
            on_click="ignore",
            icon=":material/download:",
            help="Works offline; charts can be zoomed.",
        )
        st.download_button(
            "Folder (ZIP)",
            lambda: files.archive(experiment_id),
            f"{stem}.zip",
            "application/zip",
            on_click="ignore",
            icon=":material/folder_zip:",
            help="The page, Markdown with pictures, every table as CSV and LaTeX, every number.",
        )
