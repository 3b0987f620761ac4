"""That nobody trains what is queued, and what to do about it. Called by the Home, Runs and Queue pages where a run waits."""

import streamlit as st

from app import cache


def no_worker() -> None:
    """Says it, unless a worker listens."""
    if not cache.machines():
        st.info("No worker listens. Start one: `showdown worker`.", icon=":material/info:")
