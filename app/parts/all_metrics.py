"""Every recorded metric of a run, by family, narrowed by a regular expression. Called by app.views.run."""

import re
from functools import partial
from itertools import groupby

import streamlit as st

from app import cards, elements, prose
from app.figures.shown import View
from app.parts.overview import waiting
from core.metrics import described
from core.store.queries import RunDetail

MOST_REPEATS = 3


def choose() -> re.Pattern[str] | None:
    """The box; None and a message beside it when it holds no regular expression."""
    text = st.text_input(
        "Filter", key="filter", bind="query-params", placeholder="regular expression, e.g. ^score/|kl",
        help="Python's `re.search` on the metric keys, case ignored.",
    )  # fmt: skip
    try:
        return pattern(text or "")
    except re.error as error:
        prose.fault(f"{text!r} cannot be used: {error}. A dot, bracket or star that is meant as such needs a \\ before it.")
        return None


def pattern(text: str) -> re.Pattern[str]:
    """What to look for. re.error also for what could look for ever: the address may come from anybody, and nobody else is
    served meanwhile."""
    if re.search(r"\)\s*[*+{]", text) or len(re.findall(r"[*+{]", text)) > MOST_REPEATS:
        raise re.error(f"no group may be repeated, and no more than {MOST_REPEATS} characters or sets")
    try:
        return re.compile(text, re.IGNORECASE)
    except (OverflowError, RecursionError) as error:  # a number of repeats too large, brackets too deep
        raise re.error(str(error)) from error


def all_metrics(detail: RunDetail, view: View, wanted: re.Pattern[str], lives: bool) -> None:
    """The cards, whole."""
    run = cards.shown(detail, view)
    if not run.series:
        waiting(detail)
        return
    known = [k for k in run.series if described(k)]
    if len(known) < len(run.series):
        unknown = ", ".join(sorted(set(run.series) - set(known)))
        prose.note(f"Not shown, for this version of Showdown has no words for them: {unknown}.")
    keys = sorted(k for k in known if wanted.search(k))
    if not keys:
        with st.container(key="card-nometrics"):
            prose.empty("No metric is called so", f"This run records {len(known)}, such as {', '.join(known[:4])}.")
        return
    for family, members in groupby(keys, key=lambda k: k.split("/")[0]):
        names = list(members)
        of = sum(k.startswith(f"{family}/") for k in known)
        prose.section(None, family, chips=[prose.chip(str(of) if len(names) == of else f"{len(names)} of {of}", dot=False)])
        with st.grid(3, min_column_width=260):
            for key in names:
                make = partial(cards.single, detail.row.id, view, key)
                elements.live_card(f"metric-{key}", (detail.row.id, view, key), make, lives)
