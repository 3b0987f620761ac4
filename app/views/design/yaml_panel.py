"""The draft as YAML: read, copy, edit and apply it, download it, or upload a file."""

import streamlit as st

from app.data import draft
from app.views.design import arms
from app.widgets import html
from core.common.errors import ConfigError
from core.config.run import RunConfig
from core.config.yaml_read import of_text
from core.config.yaml_write import brief, to_yaml
from core.rewards.mix import Mix

TEXT = "yaml-text"  # the text in the box
BASE = "yaml-text-base"  # the draft it began as
FAULTS = "yaml-faults"  # what is wrong with it
MEGABYTES = 1


def yaml_panel(d: draft.Draft, at: int) -> None:
    """Draw the panel; its text follows the draft until somebody edits it, then waits for Apply."""
    draft_yaml = to_yaml(brief(d))
    _follow(draft_yaml)
    with st.container(key="card-yaml"):
        html.head("YAML", "the whole experiment; what is not said has its default")
        left_column, right_column = st.columns([3, 1])
        with left_column:
            text = st.text_area(
                "Experiment as YAML",
                height=460,
                key=TEXT,
                persist_state="session",
                label_visibility="collapsed",
            )
            for path, message in st.session_state.get(FAULTS, []):
                html.fault(f"{path}: {message}" if path else message)
        with right_column:
            _buttons(d, at, draft_yaml, text)


def _follow(now: str) -> None:
    """Take the draft's text unless another one is being typed."""
    if f"{TEXT}-next" in st.session_state:
        st.session_state[TEXT] = st.session_state.pop(f"{TEXT}-next")
        st.session_state[FAULTS] = []
    if TEXT not in st.session_state or st.session_state[TEXT] == st.session_state.get(BASE):
        st.session_state[TEXT] = now
    if st.session_state[TEXT] == now:
        st.session_state[FAULTS] = []
        st.session_state[BASE] = now


def _buttons(d: draft.Draft, at: int, now: str, text: str) -> None:
    edited = text != now
    # Never disabled: the click that leaves the text box would land on a button that is still disabled.
    if (
        st.button("Apply", type="primary", width="stretch", help="Checks it, then replaces the draft.")
        and edited
    ):
        _apply(d, at, text)
    if st.button(
        "Back to the draft", disabled=not edited, width="stretch", help="Throws away what was typed here."
    ):
        st.session_state[f"{TEXT}-next"] = now
        st.rerun()
    st.download_button(
        "Download", now, f"{d['name'] or 'experiment'}.yaml", "text/yaml", width="stretch", on_click="ignore"
    )
    with st.popover("Copy", icon=":material/content_copy:", width="stretch"):
        st.code(now, "yaml", height=320)
    file = st.file_uploader("Upload", type=["yaml", "yml"], max_upload_size=MEGABYTES, key="yaml-file")
    if file is not None and st.session_state.get("yaml-seen") != file.file_id:
        st.session_state["yaml-seen"] = file.file_id
        st.session_state[f"{TEXT}-next"] = file.getvalue().decode(errors="replace")
        st.rerun()
    st.caption(
        "An experiment, a run, or a mix alone, which takes the place of this arm's. "
        "Comments and the order of keys are lost: the draft keeps values, not text."
    )


def _apply(d: draft.Draft, at: int, text: str) -> None:
    try:
        parsed = of_text(text)
    except ConfigError as error:
        st.session_state[FAULTS] = error.problems
        st.rerun()
    if isinstance(parsed, Mix):
        d["arms"][at]["mix"] = parsed.resolved()
        draft.touch()
    else:
        draft.begin(
            draft.of_run(parsed, parsed.name)
            if isinstance(parsed, RunConfig)
            else draft.of_experiment(parsed)
        )
    st.session_state[BASE] = text  # so that the box takes the draft's own spelling of it
    st.session_state[FAULTS] = []
    st.toast("Applied. Undo brings back what was there.", icon=":material/check:")
    arms.show(min(at, len(st.session_state["draft"]["arms"]) - 1))
