"""The notice that no worker trains what is queued, and what to do about it."""

import streamlit as st

from app.data import reads
from app.widgets import html


def no_worker() -> None:
    """Show the notice unless a worker listens; also show what does not stay up on this machine."""
    for message in reads.failing():
        st.error(html.plain(message), icon=":material/error:")
    if not reads.machines():
        st.info("No worker listens. Start one: `showdown worker`.", icon=":material/info:")
