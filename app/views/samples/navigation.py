"""Navigation to a step or a sample: what a click on one puts into the URL."""

import streamlit as st

from app.views.samples.filters import begin_anew
from app.views.shared.links import from_url, run
from app.widgets import url_state

EVERY = "all steps"
ONE = "this step"


def to_step(step: int) -> None:
    """Open the samples of this step alone."""
    url_state.put(step=str(step), sample="")
    st.session_state.steps = ONE


def to_sample(key: str) -> None:
    """Open the sample at this place, whatever list is shown.

    On a run's page, a sample of another run opens that run's page.
    """
    place = from_url(key)
    if place is None:
        return
    url_state.put(sample=key)
    page_run = run(url_state.get("run"))
    if page_run is None:  # the Samples page shows a sample of any run of the experiment
        return
    if place.run_id != page_run.row.id:
        url_state.put(run=str(place.run_id))
        begin_anew(place.run_id, place.split)
    if place.split == "train":
        url_state.put(step=str(place.step))
    st.session_state.keep_sample = True
