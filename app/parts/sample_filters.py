"""Which samples are listed, and in which order: presets, search, sort and filters, all in the URL. Called by app.parts.samples.

Gives core.store.browse a Selection and a Sort; knows no SQL and no sample.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from app import cache, prose, words
from app.forms import EXACT
from core.store.browse import LOOK, LOOK_SCORE, LOOK_TEXT, By, Selection, Sort

DISAGREE = "reward and gold disagree"
SHOW: dict[str, tuple[dict[str, Any], Sort | None]] = {
    "all": ({}, None),
    "best": ({}, Sort("total")),
    "worst": ({}, Sort("total", down=False)),
    DISAGREE: ({"disagree": True}, Sort("surprise")),
    "dead groups": ({"dead": True}, None),
    "random": ({}, Sort("random")),
}
SHOW_HELP = (
    f"Best and worst: by total. Reward and gold disagree: the most surprising first. {words.SURPRISE} Dead groups: all totals "
    "are equal, so they teach nothing. Random: a draw that stays the same for a link."
)
SORTS: dict[str, By] = {"advantage": "advantage", "total": "total", "surprise": "surprise", "tokens": "tokens", "step": "place"}
SCORE = "score: "
YES_NO: dict[str, tuple[str, str, str]] = {
    "gold": ("Answer", "right", "wrong"),
    "cut": ("Length", "cut", "whole"),
    "dead": ("Group", "dead", "alive"),
}
CAME = "came"  # in the session: another page was shown before; app.main says so
OWNER = "filters-of"  # in the session: of which run the filters are
SPLITS = {"training": "train", "held-out": "eval"}
DEFAULTS: dict[str, Any] = {
    "gold": "any", "cut": "any", "dead": "any", "term": None, "low": None, "high": None, "problem": "", "label": None,
    "noted": False, "of": "training", "text": "", "from": None, "to": None,
}  # fmt: skip


@dataclass(frozen=True)
class Listed:
    """What is listed: of which samples, in which order; `words`: the filters in force, for people."""

    chosen: Selection
    sort: Sort
    words: tuple[str, ...]


def _clear() -> None:
    for key, value in DEFAULTS.items():
        st.session_state[key] = value


def begin_anew(run_id: int, split: str) -> None:
    """To the list of another run, of its training or held-out samples, without the filters of this one."""
    _clear()
    st.session_state.of = next(name for name, value in SPLITS.items() if value == split)
    st.session_state.page, st.session_state[OWNER] = 1, run_id


def settle(run_id: int | None) -> None:
    """Whose list is drawn now (None: of several runs): coming from another one, only the filters of the URL stay. Streamlit
    keeps those of before, and would add them to a link's."""
    before, st.session_state[OWNER] = st.session_state.get(OWNER), run_id
    linked = st.session_state.pop(CAME, False) and any(key in st.query_params for key in DEFAULTS)
    if before == run_id and not linked:
        return
    for key, value in {**DEFAULTS, "page": 1}.items():
        if key in st.query_params:
            st.session_state.pop(key, None)
        elif st.session_state.get(key, value) != value:
            st.session_state[key] = value


def _draw_again() -> None:
    st.session_state.draw = int(st.session_state.get("draw") or 0) + 1


def _order(terms: Sequence[str], preset: Sort | None) -> Sort:
    """The sort chosen, or the preset's own."""
    options = [*SORTS, *(SCORE + t for t in terms)]
    why = "This list has an order of its own." if preset else "Samples without the number come last."
    name = st.selectbox("Sort by", options, key="sort", bind="query-params", width=190, disabled=preset is not None, help=why)
    low = st.toggle("lowest first", key="low_first", bind="query-params", disabled=preset is not None)
    if preset is not None and preset.by == "random":
        draw = st.number_input("draw", 0, 9999, key="draw", bind="query-params", width=110)
        st.button("Draw again", icon=":material/casino:", on_click=_draw_again)
        return replace(preset, seed=int(draw))
    if preset is not None:
        return preset
    if name.startswith(SCORE):
        return Sort("score", not low, name.removeprefix(SCORE))
    return Sort(SORTS[name], not low)


def _yes_no(key: str, preset: bool) -> bool | None:
    label, yes, no = YES_NO[key]
    picked = st.segmented_control(
        label, ["any", yes, no], key=key, bind="query-params", default="any", required=True, disabled=preset,
        help="The list above says it." if preset else None,
    )  # fmt: skip
    return {yes: True, no: False}.get(picked or "any")


def _fields(runs: tuple[int, ...], terms: Sequence[str], steps: bool, preset: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the popover, as fields of a Selection. `preset`: those that the list chosen above it decides."""
    found: dict[str, Any] = {}
    split = st.segmented_control("Samples", list(SPLITS), key="of", bind="query-params", default="training", required=True)
    found["split"] = SPLITS[split or "training"]
    left, middle, right = st.columns(3)
    for column, key, name in ((left, "gold", "correct"), (middle, "cut", "truncated"), (right, "dead", "dead")):
        with column:
            found[name] = _yes_no(key, name in preset)
    if steps:
        left, right = st.columns(2)
        found["first"] = left.number_input("From step", 0, value=None, step=1, key="from", bind="query-params")
        found["last"] = right.number_input("To step", 0, value=None, step=1, key="to", bind="query-params")
        if None not in (found["first"], found["last"]) and found["first"] > found["last"]:
            prose.fault(f"From step {found['first']} lies after to step {found['last']}: no step is in between.")
    left, middle, right = st.columns([2, 1, 1])
    term = left.selectbox("Raw score of", terms, index=None, key="term", bind="query-params", placeholder="no term")
    found["low"] = middle.number_input(
        "at least", value=None, format=EXACT, key="low", bind="query-params", disabled=term is None
    )
    found["high"] = right.number_input(
        "at most", value=None, format=EXACT, key="high", bind="query-params", disabled=term is None
    )
    if term is None:
        found["low"] = found["high"] = None
    elif found["low"] is not None and found["high"] is not None and found["low"] > found["high"]:
        prose.fault(f"At least {found['low']:g} is more than at most {found['high']:g}: no score lies in between.")
    found["term"] = term or ""
    found["problem"] = st.text_input("Problem id", key="problem", bind="query-params", max_chars=200).strip()
    left, right = st.columns(2, vertical_alignment="bottom")
    known = cache.label_counts(runs)
    now = st.query_params.get("label") or st.session_state.get("label")
    names = [*known, *([now] if now and now not in known else [])]  # a label that is gone stays to be taken away
    label = left.selectbox("Label", names, index=None, key="label", bind="query-params", placeholder="any or none")
    found["label"] = label or ""
    found["noted"] = right.toggle("with a note", key="noted", bind="query-params")
    return found


def _words(chosen: Selection, steps: bool) -> tuple[str, ...]:
    said = ["held-out samples" if chosen.split == "eval" else ""]
    for key, name in (("gold", "correct"), ("cut", "truncated"), ("dead", "dead")):
        label, yes, no = YES_NO[key]
        value = getattr(chosen, name)
        said.append("" if value is None else f"{label.lower()} {yes if value else no}")
    if steps and (chosen.first is not None or chosen.last is not None):
        said.append(f"from step {chosen.first}" if chosen.first is not None else "")
        said.append(f"to step {chosen.last}" if chosen.last is not None else "")
    if chosen.low is not None or chosen.high is not None:
        low = "" if chosen.low is None else f"{chosen.low:g} ≤ "
        said.append(f"{low}{chosen.term}" + ("" if chosen.high is None else f" ≤ {chosen.high:g}"))
    said += [f"problem {chosen.problem}" if chosen.problem else "", f"label {chosen.label}" if chosen.label else ""]
    return tuple(filter(None, [*said, "with a note" if chosen.noted else "", f"text {chosen.text!r}" if chosen.text else ""]))


def filters(runs: tuple[int, ...], terms: Sequence[str], steps: tuple[int, int] | None = None) -> Listed:
    """Draw the bar; `steps`: the first and last that are listed, whatever else is chosen."""
    show = st.pills(
        "Show", list(SHOW), key="show", bind="query-params", default="all", required=True, help=SHOW_HELP,
    )  # fmt: skip
    changes, preset = SHOW[show or "all"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Find in text", key="text", bind="query-params", placeholder="in completions and prompts", max_chars=200, width=230,
            help=f"In any case. It looks through the newest {LOOK_TEXT:,} samples.",
        )  # fmt: skip
        sort = _order(terms, preset)
        with st.popover("Filters", icon=":material/filter_list:", width="content"):
            found = _fields(runs, terms, steps is None, changes)
            st.caption(
                f"A list looks through the newest {LOOK:,} samples that the steps allow, {LOOK_SCORE:,} where a score is asked "
                f"for, {LOOK_TEXT:,} where a text is searched for. A problem, a label or notes are looked up in all."
            )
    if steps is not None:
        found |= {"first": steps[0], "last": steps[1]}
    picked = replace(Selection(runs), **{**found, "text": text.strip()})
    chosen = replace(picked, **changes)
    if "dead" in changes:  # the list is named above, and is no filter
        if picked.dead is False:
            prose.remark(f"The list “{show}” decides that itself: the filter “group alive” is not in force.")
        picked = replace(picked, dead=None)
    in_force = _words(picked, steps is None)
    if in_force:
        with st.container(horizontal=True, vertical_alignment="center"):
            prose.chips([prose.chip(w, "accent", dot=False) for w in in_force])
            st.button("Clear filters", icon=":material/close:", on_click=_clear, type="tertiary")
    return Listed(chosen, sort, in_force)
