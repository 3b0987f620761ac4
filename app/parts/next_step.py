"""The last row of the design page: what would be queued, whether it can work here, and the way to the queue."""

from typing import Any

import streamlit as st

from app import cache, draft, prose, words
from app.parts.planned import estimates, whole
from core.errors import ConfigError
from core.experiment import ExperimentConfig
from core.launch import settled

MOST_FAULTS = 5
PRESSED = "next-step"  # in the session: the button that was pressed, until it is answered or (app.main) the page is left


def next_step(d: draft.Draft, at: int) -> None:
    """Arms, seeds, runs; a check that a launch makes too; the queue. `at`: the arm whose faults stand beside its fields."""
    config, faults = draft.check(d)
    above = [f for f in faults if f[0].startswith(f"arms.{at}.")]
    with st.container(key="card-next"), st.container(horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch"):
            _what(d, config)
            for path, message in [f for f in faults if f not in above][:MOST_FAULTS]:
                prose.fault(f"{path}: {message}" if path else message)
            if above:
                prose.note("What is wrong with this arm stands beside its fields above.")
        note = "Looks for what can be known before a model is loaded: the model's folder, the data, missing packages."
        if _button("Check", icon=":material/fact_check:", disabled=config is None, help=note) and config:
            _check(config)
        if _button("To the queue", type="primary", icon=":material/arrow_forward:", disabled=config is None) and config:
            st.switch_page("views/queue.py", query_params={})


def _button(label: str, **looks: Any) -> bool:
    """It was pressed. A callback hears the press before the page is drawn: what was typed above may have the page begun anew
    before it comes to its end, where these buttons stand, and what a button returns is lost with the run."""
    now = st.button(label, on_click=st.session_state.__setitem__, args=(PRESSED, label), **looks)
    if st.session_state.get(PRESSED) == label:
        del st.session_state[PRESSED]
        return True
    return now


def _what(d: draft.Draft, config: ExperimentConfig | None) -> None:
    runs, grpo = draft.count(d), d["run"]["grpo"]
    prose.head(f"{words.count(runs, 'run')} will be queued" if config else "This cannot be queued yet")
    prose.facts(
        [("arms", str(len(d["arms"]))), ("seeds", str(len(d["seeds"]))), ("runs", str(runs)),
         ("steps each", str(grpo["max_steps"])), ("model", str(d["run"]["model"]["path"]))]
    )  # fmt: skip
    if config:
        machines = cache.machines()
        found = estimates(config.planned(), machines)
        prose.note(f"It takes {whole(found, machines)}. Estimate: {found[0].basis}.")


def _check(config: ExperimentConfig) -> None:
    try:
        settled(config)
    except ConfigError as error:
        for path, message in error.problems:
            st.toast(prose.plain(f"{path}: {message}"), icon=":material/error:", duration="long")
    else:
        st.toast("Nothing stands in its way on this machine.", icon=":material/check:")
