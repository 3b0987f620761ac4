"""The Templates panel: mixes as cards, whole experiments, and recent drafts.

Buttons use callbacks: a press that interrupts the first drawing of the page still counts.
"""

from html import escape

import streamlit as st

from app.data import draft, reads
from app.text import labels
from app.views.design import arms
from app.widgets import html
from core.config import presets
from core.config.run import RunConfig
from core.config.templates import Template, templates
from core.rewards.mix import Mix
from core.store.designs.drafts import StoredDraft

POINTS = 40
MOST_NAMES = 3  # arms named in the list of drafts


def gallery() -> None:
    """Draw the panel; a card replaces all arms with its mix, or adds the mix as an arm."""
    all_templates = templates()
    for group in dict.fromkeys(t.group for t in all_templates):
        html.section(None, group)
        with st.grid(4, min_column_width=230):
            for template in all_templates:
                if template.group == group:
                    _card(template)
    left_column, right_column = st.columns(2)
    with left_column, st.container(key="card-presets", height="stretch"):
        _presets()
    with right_column, st.container(key="card-drafts", height="stretch"):
        _drafts()


def _done(at: int) -> None:
    """Close the panel after a choice and show this arm."""
    st.session_state["panel-close"] = True
    arms.choose(at)


def _use(t: Template) -> None:
    draft.begin({**draft.get(), "arms": [{"name": t.name, "mix": t.mix.resolved()}]})
    _done(0)


def _add(t: Template) -> None:
    arms.choose(arms.append(draft.get(), t.name, t.mix))


def _load(name: str) -> None:
    draft.load(name)
    _done(len(draft.get()["arms"]) - 1)


def _open(draft_id: str) -> None:
    draft.open_stored(draft_id)
    _done(0)


def _card(t: Template) -> None:
    with st.container(key=f"card-template-{t.name}", height="stretch", vertical_alignment="distribute"):
        st.html(
            f'<div class="sd-template">{_curve(t.mix)}'
            f"<div>{html.square(t.mix.structure)} <b>{escape(t.name)}</b>"
            f"<p>{escape(t.what)}</p><small>{escape(t.source)}</small></div></div>"
        )
        with st.container(horizontal=True):
            help_text = "In the place of all arms. Settings and seeds stay; Undo brings back."
            st.button("Use", key=f"use-{t.name}", help=help_text, on_click=_use, args=(t,))
            st.button(
                "Add as arm",
                key=f"add-{t.name}",
                type="tertiary",
                icon=":material/add:",
                on_click=_add,
                args=(t,),
            )


def _curve(mix: Mix) -> str:
    """The blend over the run as two areas, with a note where an adaptive schedule moves it."""
    mix_in_steps = mix.in_steps(POINTS)
    edge = [(100 * x / POINTS, 100 - 100 * mix_in_steps.hard_share(x)) for x in range(POINTS + 1)]
    shape = ", ".join(f"{x:.1f}% {y:.1f}%" for x, y in edge)
    moves = "<em>moves by itself</em>" if "blend" in mix.adaptive else ""
    area = f'<i style="clip-path:polygon(0% 100%, {shape}, 100% 100%)"></i>'
    return f'<span class="sd-curve" aria-hidden="true">{area}{moves}</span>'


def _presets() -> None:
    html.head("Whole experiments", "arms, seeds, model and data; each begins a draft")
    with st.container(gap=None):
        for name in presets.names():
            with st.container(horizontal=True, vertical_alignment="center"):
                st.button(name, key=f"preset-{name}", type="tertiary", on_click=_load, args=(name,))
                st.caption(_about(name))


@st.cache_data(show_spinner=False, max_entries=64)
def _about(name: str) -> str:
    preset = presets.preset(name)
    runs = [preset] if isinstance(preset, RunConfig) else preset.runs()
    count = labels.count(1 if isinstance(preset, RunConfig) else len(preset.arms), "arm")
    return f"{count}, {runs[0].grpo.max_steps} steps of {runs[0].model.path}"


def _drafts() -> None:
    html.head("Recent drafts", "kept as they were left, whoever wrote them")
    drafts = reads.recent_drafts()
    if not drafts:
        st.caption("None yet. A draft is kept from its first change on.")
    with st.container(gap=None):
        for stored in drafts:
            with st.container(horizontal=True, vertical_alignment="center"):
                name = html.plain(str(stored.config.get("name") or "without a name"))
                st.button(name, key=f"draft-{stored.id}", type="tertiary", on_click=_open, args=(stored.id,))
                st.caption(_left(stored))


def _left(stored: StoredDraft) -> str:
    names = [str(a.get("name") or "without a name") for a in stored.config.get("arms", [])]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return html.plain(f"{', '.join(names[:MOST_NAMES])}{more}; changed {labels.ago(stored.updated_at)}")
