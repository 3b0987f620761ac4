"""Last row of the Design page: what would be queued, whether it can run here, and the way to the queue."""

from typing import Any

import streamlit as st

from app.data import draft, reads
from app.text import labels
from app.views.shared.planned import estimates, whole
from app.widgets import html
from core.common.errors import ConfigError
from core.config.experiment import ExperimentConfig
from core.config.local_checks import settled

MOST_FAULTS = 5
# Session key of the button that was pressed, until it is answered or (app.main) the page is left.
PRESSED = "next-step"


def next_step(d: draft.Draft, at: int) -> None:
    """Draw arms, seeds and runs, a check that a launch also makes, and the way to the queue.

    `at` is the arm whose faults are shown beside its fields.
    """
    config, faults = draft.check(d)
    above = [f for f in faults if f[0].startswith(f"arms.{at}.")]
    with st.container(key="card-next"), st.container(horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch"):
            _what(d, config)
            for path, message in [f for f in faults if f not in above][:MOST_FAULTS]:
                html.fault(f"{path}: {message}" if path else message)
            if above:
                html.note("What is wrong with this arm stands beside its fields above.")
        note = (
            "Looks for what can be known before a model is loaded: "
            "the model's folder, the data, missing packages."
        )
        if _button("Check", icon=":material/fact_check:", disabled=config is None, help=note) and config:
            _check(config)
        if (
            _button("To the queue", type="primary", icon=":material/arrow_forward:", disabled=config is None)
            and config
        ):
            st.switch_page("views/queue/page.py", query_params={})


def _button(label: str, **looks: Any) -> bool:
    """Draw a button and return whether it was pressed.

    A callback records the press before the page is drawn: what was typed above may restart the page before it
    reaches these buttons, and what `st.button` returns is lost with that run.
    """
    pressed = st.button(label, on_click=st.session_state.__setitem__, args=(PRESSED, label), **looks)
    if st.session_state.get(PRESSED) == label:
        del st.session_state[PRESSED]
        return True
    return pressed


def _what(d: draft.Draft, config: ExperimentConfig | None) -> None:
    runs = draft.count(d)
    grpo = d["run"]["grpo"]
    html.head(f"{labels.count(runs, 'run')} will be queued" if config else "This cannot be queued yet")
    html.facts(
        [("arms", str(len(d["arms"]))), ("seeds", str(len(d["seeds"]))), ("runs", str(runs)),
         ("steps each", str(grpo["max_steps"])), ("model", str(d["run"]["model"]["path"]))]
    )  # fmt: skip
    if config:
        machines = reads.machines()
        run_estimates = estimates(config.planned(), machines)
        html.note(f"It takes {whole(run_estimates, machines)}. Estimate: {run_estimates[0].basis}.")


def _check(config: ExperimentConfig) -> None:
    try:
        settled(config)
    except ConfigError as error:
        for path, message in error.problems:
            st.toast(html.plain(f"{path}: {message}"), icon=":material/error:", duration="long")
    else:
        st.toast("Nothing stands in its way on this machine.", icon=":material/check:")
