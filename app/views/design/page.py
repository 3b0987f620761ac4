"""Design: the terms of each arm's mix, the blend over the run, and what a completion would earn.

No GPU is used. The address holds the draft, the arm, the step looked at, the curve, the samples, the open
panel and the versions compared.
"""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.data import draft
from app.views.design import terms
from app.views.design.arms import arms, name_faults
from app.views.design.curve_card import curve_card
from app.views.design.gallery import gallery
from app.views.design.next_step import next_step
from app.views.design.preflight import preflight
from app.views.design.rules import rules
from app.views.design.share_curve import SCORING, not_a_dial, on_samples, scored
from app.views.design.try_it import try_it
from app.views.design.versions import badge, versions
from app.views.design.yaml_panel import yaml_panel
from app.views.shared.formula import formula, idle
from app.widgets import forms, html, jobs
from core.grading.answers import AnswerRule
from core.rewards.mix import Mix

PANEL = "panel"  # widget key and URL parameter of the open panel
PANELS = ("Templates", "YAML", "Versions")


def _header(d: draft.Draft) -> tuple[str, DeltaGenerator]:
    """Draw title and panels; return the open panel and the container for undo."""
    left_column, right_column = st.columns([3, 2], vertical_alignment="bottom")
    with left_column:
        html.title(
            "Design a reward mix", crumb=d["name"], sub="Everything but the mix is the same in every arm."
        )
        draft.say_missing()
    with (
        right_column,
        st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"),
    ):
        undo = st.container(horizontal=True, width="content")
        fresh = PANEL not in st.session_state and PANEL not in st.query_params and draft.untouched()
        if fresh or st.session_state.pop(f"{PANEL}-close", False):
            st.session_state[PANEL] = "Templates" if fresh else None
        opened = st.pills("Panel", PANELS, key=PANEL, bind="query-params", label_visibility="collapsed")
    return str(opened or ""), undo


def _undo() -> None:
    """Draw Undo and Redo; comes last, when the changes of this script run are known."""
    back, forth = draft.can_undo()
    with html.unwritten("undo"):
        st.button(
            "Undo",
            icon=":material/undo:",
            key="undo",
            help="Undo the last change",
            disabled=not back,
            on_click=draft.undo,
        )
    with html.unwritten("redo"):
        st.button(
            "Redo",
            icon=":material/redo:",
            key="redo",
            help="Redo",
            disabled=not forth,
            on_click=draft.undo,
            args=(False,),
        )


def _editor(d: draft.Draft, at: int) -> tuple[Mix | None, int]:
    """Draw terms and rules on the left and the curve on the right.

    Returns the mix with its schedules in steps, or None while it is invalid, and the step looked at.
    """
    mix = d["arms"][at]["mix"]
    max_steps = draft.max_steps(d)
    key = f"{draft.edition()}-{at}"
    faults = forms.Faults()
    left_column, right_column = st.columns([6, 5])
    with left_column:
        places = terms.edit(mix, faults, key)
        rules(mix, faults, key)
    with right_column:
        parsed, step = curve_card(mix, faults, max_steps, at, key)
    terms.heads(places, parsed, step)
    return parsed, step


def main() -> None:
    d = draft.get()
    panel, undo = _header(d)
    if panel == "Templates":
        gallery()
    arm_index = arms(d)
    name_faults(d, arm_index)
    place = st.container()  # filled once the fields below have been read
    mix, step = _editor(d, arm_index)
    with place:
        if panel == "YAML":
            yaml_panel(d, arm_index)
        elif panel == "Versions":
            versions(d, arm_index)
    if mix is None:
        with st.container(key="card-broken"):
            html.empty("This mix cannot be computed yet", "What is wrong stands beside the fields above.")
    else:
        formula(mix, badge(draft.check_mix(d["arms"][arm_index]["mix"])[0]))
        idle(mix, d["run"]["grpo"])
        _evidence(d, mix, step)
    next_step(d, arm_index)
    draft.keep(in_address=True)
    with undo:
        _undo()


def _evidence(d: draft.Draft, mix: Mix, step: int) -> None:
    """Show what the mix does with samples, with a text, and with probes made to cheat it."""
    answer_rule: AnswerRule = "lenient" if d["run"]["data"]["answer_rule"] == "lenient" else "strict"
    max_steps = draft.max_steps(d)
    run_id = on_samples()
    version = scored(mix, answer_rule, run_id)
    if version is not None:
        not_a_dial(mix, max_steps, step, answer_rule, run_id, version)
    try_it(mix, step, answer_rule)
    if version is not None or jobs.goes_on(SCORING):
        preflight(mix, max_steps, step, answer_rule, run_id, version)


main()
