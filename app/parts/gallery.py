"""Templates first: mixes as cards, whole experiments, and the drafts written last. Called by the design page.

Its presses are heard by callbacks: one that ends the first drawing of the page is heard all the same.
"""

from html import escape

import streamlit as st

from app import cache, draft, prose, words
from app.parts import arms
from core import presets
from core.config import RunConfig
from core.mix import Mix
from core.store.drafts import StoredDraft
from core.templates import Template, templates

POINTS = 40
MOST_NAMES = 3  # of arms, in the list of drafts


def gallery() -> None:
    """The panel, whole. A card puts its mix in the place of all arms, or beside them."""
    found = templates()
    for group in dict.fromkeys(t.group for t in found):
        prose.section(None, group)
        with st.grid(4, min_column_width=230):
            for template in found:
                if template.group == group:
                    _card(template)
    left, right = st.columns(2)
    with left, st.container(key="card-presets", height="stretch"):
        _presets()
    with right, st.container(key="card-drafts", height="stretch"):
        _drafts()


def _done(at: int) -> None:
    """Something has been chosen: close the panel, and show this arm."""
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
            f'<div class="sd-template">{_curve(t.mix)}<div>{prose.square(t.mix.structure)} <b>{escape(t.name)}</b>'
            f"<p>{escape(t.what)}</p><small>{escape(t.source)}</small></div></div>"
        )
        with st.container(horizontal=True):
            what = "In the place of all arms. Settings and seeds stay; Undo brings back."
            st.button("Use", key=f"use-{t.name}", help=what, on_click=_use, args=(t,))
            st.button("Add as arm", key=f"add-{t.name}", type="tertiary", icon=":material/add:", on_click=_add, args=(t,))


def _curve(mix: Mix) -> str:
    """The blend over the run as two areas; adaptive ones as a sign that they move by themselves."""
    made = mix.in_steps(POINTS)
    edge = [(100 * x / POINTS, 100 - 100 * made.hard_share(x)) for x in range(POINTS + 1)]
    shape = ", ".join(f"{x:.1f}% {y:.1f}%" for x, y in edge)
    moves = "<em>moves by itself</em>" if "blend" in mix.adaptive else ""
    area = f'<i style="clip-path:polygon(0% 100%, {shape}, 100% 100%)"></i>'
    return f'<span class="sd-curve" aria-hidden="true">{area}{moves}</span>'


def _presets() -> None:
    prose.head("Whole experiments", "arms, seeds, model and data; each begins a draft")
    with st.container(gap=None):
        for name in presets.names():
            with st.container(horizontal=True, vertical_alignment="center"):
                st.button(name, key=f"preset-{name}", type="tertiary", on_click=_load, args=(name,))
                st.caption(_about(name))


@st.cache_data(show_spinner=False, max_entries=64)
def _about(name: str) -> str:
    found = presets.preset(name)
    runs = [found] if isinstance(found, RunConfig) else found.runs()
    count = words.count(1 if isinstance(found, RunConfig) else len(found.arms), "arm")
    return f"{count}, {runs[0].grpo.max_steps} steps of {runs[0].model.path}"


def _drafts() -> None:
    prose.head("Recent drafts", "kept as they were left, whoever wrote them")
    found = cache.recent_drafts()
    if not found:
        st.caption("None yet. A draft is kept from its first change on.")
    with st.container(gap=None):
        for stored in found:
            with st.container(horizontal=True, vertical_alignment="center"):
                name = prose.plain(str(stored.config.get("name") or "without a name"))
                st.button(name, key=f"draft-{stored.id}", type="tertiary", on_click=_open, args=(stored.id,))
                st.caption(_left(stored))


def _left(stored: StoredDraft) -> str:
    names = [str(a.get("name") or "without a name") for a in stored.config.get("arms", [])]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return prose.plain(f"{', '.join(names[:MOST_NAMES])}{more}; changed {words.ago(stored.updated_at)}")
