"""That nobody trains what is queued, and what to do about it. Called by the Home, Runs and Queue pages where a run waits."""

import streamlit as st

from app import cache, prose


def no_worker() -> None:
    """Says it, unless a worker listens; also what on this machine does not stay up."""
    for said in cache.failing():
        st.error(prose.plain(said), icon=":material/error:")
    if not cache.machines():
        st.info("No worker listens. Start one: `showdown worker`.", icon=":material/info:")
