"""Which samples are listed, and in which order: presets, search, sort and filters, all in the URL.

Gives core.store.samples.browse a Selection and a Sort; knows neither SQL nor samples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from app.data import reads
from app.text import labels
from app.widgets import html
from app.widgets.forms import EXACT
from core.store.samples.browse import LOOK, LOOK_SCORE, LOOK_TEXT, By, Selection, Sort

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
    f"Best and worst: by total. Reward and gold disagree: the most surprising first. {labels.SURPRISE} "
    "Dead groups: all totals are equal, so they teach nothing. Random: a draw that stays the same for a link."
)
SORTS: dict[str, By] = {
    "advantage": "advantage",
    "total": "total",
    "surprise": "surprise",
    "tokens": "tokens",
    "step": "place",
}
SCORE = "score: "
YES_NO: dict[str, tuple[str, str, str]] = {
    "gold": ("Answer", "right", "wrong"),
    "cut": ("Length", "cut", "whole"),
    "dead": ("Group", "dead", "alive"),
}
CAME = "came"  # session key: another page was shown before; set by app.main
OWNER = "filters-of"  # session key: the run that the filters belong to
SPLITS = {"training": "train", "held-out": "eval"}
DEFAULTS: dict[str, Any] = {
    "gold": "any", "cut": "any", "dead": "any", "term": None, "low": None, "high": None, "problem": "",
    "label": None,
    "noted": False, "of": "training", "text": "", "from": None, "to": None,
}  # fmt: skip


@dataclass(frozen=True)
class Listed:
    """Which samples are listed, and in which order. `words`: the filters in force, for people."""

    chosen: Selection
    sort: Sort
    words: tuple[str, ...]


def _clear() -> None:
    for key, value in DEFAULTS.items():
        st.session_state[key] = value


def begin_anew(run_id: int, split: str) -> None:
    """Switch to the training or held-out samples of another run, without the current filters."""
    _clear()
    st.session_state.of = next(name for name, value in SPLITS.items() if value == split)
    st.session_state.page = 1
    st.session_state[OWNER] = run_id


def settle(run_id: int | None) -> None:
    """Keep only the filters in the URL when the list of another run is drawn.

    `run_id`: the run whose list is drawn, None for several. Streamlit keeps the previous list's filters, and
    would add them to those of a link.
    """
    previous_owner = st.session_state.get(OWNER)
    st.session_state[OWNER] = run_id
    linked = st.session_state.pop(CAME, False) and any(key in st.query_params for key in DEFAULTS)
    if previous_owner == run_id and not linked:
        return
    for key, value in {**DEFAULTS, "page": 1}.items():
        if key in st.query_params:
            st.session_state.pop(key, None)
        elif st.session_state.get(key, value) != value:
            st.session_state[key] = value


def _draw_again() -> None:
    st.session_state.draw = int(st.session_state.get("draw") or 0) + 1


def _order(terms: Sequence[str], preset: Sort | None) -> Sort:
    """The chosen sort order, or the preset's own."""
    options = [*SORTS, *(SCORE + t for t in terms)]
    help_text = "This list has an order of its own." if preset else "Samples without the number come last."
    name = st.selectbox(
        "Sort by",
        options,
        key="sort",
        bind="query-params",
        width=190,
        disabled=preset is not None,
        help=help_text,
    )
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


def _fields(
    runs: tuple[int, ...], terms: Sequence[str], steps: bool, preset: Mapping[str, Any]
) -> dict[str, Any]:
    """The fields of the popover, as fields of a Selection.

    `preset`: the fields that the list chosen above decides.
    """
    values: dict[str, Any] = {}
    split = st.segmented_control(
        "Samples", list(SPLITS), key="of", bind="query-params", default="training", required=True
    )
    values["split"] = SPLITS[split or "training"]
    left_column, middle_column, right_column = st.columns(3)
    for column, key, name in (
        (left_column, "gold", "correct"),
        (middle_column, "cut", "truncated"),
        (right_column, "dead", "dead"),
    ):
        with column:
            values[name] = _yes_no(key, name in preset)
    if steps:
        left_column, right_column = st.columns(2)
        values["first"] = left_column.number_input(
            "From step", 0, value=None, step=1, key="from", bind="query-params"
        )
        values["last"] = right_column.number_input(
            "To step", 0, value=None, step=1, key="to", bind="query-params"
        )
        if None not in (values["first"], values["last"]) and values["first"] > values["last"]:
            html.fault(
                f"From step {values['first']} lies after to step {values['last']}: no step is in between."
            )
    values |= _score_bounds(terms)
    values["problem"] = st.text_input("Problem id", key="problem", bind="query-params", max_chars=200).strip()
    left_column, right_column = st.columns(2, vertical_alignment="bottom")
    label_counts = reads.label_counts(runs)
    current_label = st.query_params.get("label") or st.session_state.get("label")
    # A label that no longer exists stays in the list, so that it can be cleared.
    names = [*label_counts, *([current_label] if current_label and current_label not in label_counts else [])]
    label = left_column.selectbox(
        "Label", names, index=None, key="label", bind="query-params", placeholder="any or none"
    )
    values["label"] = label or ""
    values["noted"] = right_column.toggle("with a note", key="noted", bind="query-params")
    return values


def _score_bounds(terms: Sequence[str]) -> dict[str, Any]:
    """The fields that bound the raw score of a term."""
    left_column, middle_column, right_column = st.columns([2, 1, 1])
    term = left_column.selectbox(
        "Raw score of", terms, index=None, key="term", bind="query-params", placeholder="no term"
    )
    low = middle_column.number_input(
        "at least", value=None, format=EXACT, key="low", bind="query-params", disabled=term is None
    )
    high = right_column.number_input(
        "at most", value=None, format=EXACT, key="high", bind="query-params", disabled=term is None
    )
    if term is None:
        low = high = None
    elif low is not None and high is not None and low > high:
        html.fault(f"At least {low:g} is more than at most {high:g}: no score lies in between.")
    return {"low": low, "high": high, "term": term or ""}


def _words(chosen: Selection, steps: bool) -> tuple[str, ...]:
    words = ["held-out samples" if chosen.split == "eval" else ""]
    for key, name in (("gold", "correct"), ("cut", "truncated"), ("dead", "dead")):
        label, yes, no = YES_NO[key]
        value = getattr(chosen, name)
        words.append("" if value is None else f"{label.lower()} {yes if value else no}")
    if steps and (chosen.first is not None or chosen.last is not None):
        words.append(f"from step {chosen.first}" if chosen.first is not None else "")
        words.append(f"to step {chosen.last}" if chosen.last is not None else "")
    if chosen.low is not None or chosen.high is not None:
        low = "" if chosen.low is None else f"{chosen.low:g} ≤ "
        words.append(f"{low}{chosen.term}" + ("" if chosen.high is None else f" ≤ {chosen.high:g}"))
    words += [
        f"problem {chosen.problem}" if chosen.problem else "",
        f"label {chosen.label}" if chosen.label else "",
    ]
    return tuple(
        filter(
            None,
            [*words, "with a note" if chosen.noted else "", f"text {chosen.text!r}" if chosen.text else ""],
        )
    )


def filters(runs: tuple[int, ...], terms: Sequence[str], steps: tuple[int, int] | None = None) -> Listed:
    """Draw the filter bar and return what is listed.

    `steps`: the first and last step that are listed, whatever else is chosen.
    """
    show = st.pills(
        "Show", list(SHOW), key="show", bind="query-params", default="all", required=True, help=SHOW_HELP,
    )  # fmt: skip
    changes, preset = SHOW[show or "all"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        text = st.text_input(
            "Find in text", key="text", bind="query-params", placeholder="in completions and prompts",
            max_chars=200, width=230,
            help=f"In any case. It looks through the newest {LOOK_TEXT:,} samples.",
        )  # fmt: skip
        sort = _order(terms, preset)
        with st.popover("Filters", icon=":material/filter_list:", width="content"):
            fields = _fields(runs, terms, steps is None, changes)
            st.caption(
                f"A list looks through the newest {LOOK:,} samples that the steps allow, {LOOK_SCORE:,} "
                f"where a score is asked for, {LOOK_TEXT:,} where a text is searched for. A problem, a label "
                "or notes are looked up in all."
            )
    if steps is not None:
        fields |= {"first": steps[0], "last": steps[1]}
    picked = replace(Selection(runs), **{**fields, "text": text.strip()})
    selection = replace(picked, **changes)
    if "dead" in changes:  # the list is named above, and does not count as a filter
        if picked.dead is False:
            html.remark(f"The list “{show}” decides that itself: the filter “group alive” is not in force.")
        picked = replace(picked, dead=None)
    in_force = _words(picked, steps is None)
    if in_force:
        with st.container(horizontal=True, vertical_alignment="center"):
            html.chips([html.chip(w, "accent", dot=False) for w in in_force])
            st.button("Clear filters", icon=":material/close:", on_click=_clear, type="tertiary")
    return Listed(selection, sort, in_force)
