"""To a step or a sample: what a click on one puts into the URL. Called by the parts that show samples and by the Run page."""

import streamlit as st

from app import address
from app.parts.sample_filters import begin_anew
from app.places import from_url, run

EVERY, ONE = "all steps", "this step"


def to_step(step: int) -> None:
    """To the samples of this step alone."""
    address.put(step=str(step), sample="")
    st.session_state.steps = ONE


def to_sample(key: str) -> None:
    """To the sample of this place, whatever list is shown; on a run's page that of another run opens its page."""
    place = from_url(key)
    if place is None:
        return
    address.put(sample=key)
    shown = run(address.get("run"))
    if shown is None:  # the Samples page shows a sample of any run of the experiment
        return
    if place.run_id != shown.row.id:
        address.put(run=str(place.run_id))
        begin_anew(place.run_id, place.split)
    if place.split == "train":
        address.put(step=str(place.step))
    st.session_state.keep_sample = True
