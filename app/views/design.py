"""Design: the terms of each arm's mix, the blend over the run, and what a completion would earn. No GPU is used.

The address holds the draft, the arm, the step looked at, the curve, the samples, the open panel and the versions compared.
"""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app import draft, forms, jobs, prose
from app.parts import terms
from app.parts.arms import arms, name_faults
from app.parts.curve_card import curve_card
from app.parts.dial import SCORING, not_a_dial, on_samples, scored
from app.parts.formula import formula, idle
from app.parts.gallery import gallery
from app.parts.next_step import next_step
from app.parts.preflight import preflight
from app.parts.rules import rules
from app.parts.try_it import try_it
from app.parts.versions import badge, versions
from app.parts.yaml_panel import yaml_panel
from core.answers import AnswerRule
from core.mix import Mix

PANEL = "panel"  # the widget, and the address, of the open panel
PANELS = ("Templates", "YAML", "Versions")


def _header(d: draft.Draft) -> tuple[str, DeltaGenerator]:
    """Title and panels; returns the one that is open, and the place of undo."""
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    with left:
        prose.title("Design a reward mix", crumb=d["name"], sub="Everything but the mix is the same in every arm.")
        draft.say_missing()
    with right, st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
        undo = st.container(horizontal=True, width="content")
        fresh = PANEL not in st.session_state and PANEL not in st.query_params and draft.untouched()
        if fresh or st.session_state.pop(f"{PANEL}-close", False):
            st.session_state[PANEL] = "Templates" if fresh else None
        opened = st.pills("Panel", PANELS, key=PANEL, bind="query-params", label_visibility="collapsed")
    return str(opened or ""), undo


def _undo() -> None:
    """Drawn last, when what changed in this run is known."""
    back, forth = draft.can_undo()
    with prose.unwritten("undo"):
        st.button(
            "Undo", icon=":material/undo:", key="undo", help="Undo the last change", disabled=not back, on_click=draft.undo
        )
    with prose.unwritten("redo"):
        st.button(
            "Redo", icon=":material/redo:", key="redo", help="Redo", disabled=not forth, on_click=draft.undo, args=(False,)
        )


def _editor(d: draft.Draft, at: int) -> tuple[Mix | None, int]:
    """Terms and rules on the left, the curve on the right; returns the mix with its schedules in steps, and the step."""
    mix, max_steps, key = d["arms"][at]["mix"], draft.max_steps(d), f"{draft.edition()}-{at}"
    faults = forms.Faults()
    left, right = st.columns([6, 5])
    with left:
        places = terms.edit(mix, faults, key)
        rules(mix, faults, key)
    with right:
        parsed, step = curve_card(mix, faults, max_steps, at, key)
    terms.heads(places, parsed, step)
    return parsed, step


def main() -> None:
    d = draft.get()
    panel, undo = _header(d)
    if panel == "Templates":
        gallery()
    at = arms(d)
    name_faults(d, at)
    place = st.container()  # filled when everything below has been typed
    mix, step = _editor(d, at)
    with place:
        if panel == "YAML":
            yaml_panel(d, at)
        elif panel == "Versions":
            versions(d, at)
    if mix is None:
        with st.container(key="card-broken"):
            prose.empty("This mix cannot be computed yet", "What is wrong stands beside the fields above.")
    else:
        formula(mix, badge(draft.check_mix(d["arms"][at]["mix"])[0]))
        idle(mix, d["run"]["grpo"])
        _evidence(d, mix, step)
    next_step(d, at)
    draft.keep(in_address=True)
    with undo:
        _undo()


def _evidence(d: draft.Draft, mix: Mix, step: int) -> None:
    """What the mix does with samples, with a text, and with what was made to cheat it."""
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
