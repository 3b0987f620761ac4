"""Every recorded metric of a run, by family, narrowed by a regular expression. Called by app.views.run."""

from functools import partial
from itertools import groupby
from typing import Protocol

import re2
import streamlit as st

from app import cards, elements, prose
from app.figures.shown import View
from app.parts.overview import waiting
from core.metrics import described
from core.store.queries import RunDetail

MOST_CHARACTERS = 400


class Pattern(Protocol):
    """A regular expression, compiled."""

    def search(self, text: str) -> object: ...


def choose() -> Pattern | None:
    """The box; None and a message beside it when it holds no regular expression."""
    text = st.text_input(
        "Filter", key="filter", bind="query-params", placeholder="regular expression, e.g. ^score/|kl",
        help="Found anywhere in a metric's key, case ignored. RE2's syntax: Python's, without backreferences and lookaround.",
    )  # fmt: skip
    try:
        return pattern(text or "")
    except re2.error as error:
        prose.fault(f"{text!r} cannot be used: {error}. A dot, bracket or star that is meant as such needs a \\ before it.")
        return None


def pattern(text: str) -> Pattern:
    """What to look for; re2.error where it is no regular expression.

    The address may come from anybody, and nobody else is served while it is looked for: RE2 needs a time that is linear in the
    text's length, whatever the expression is.
    """
    if len(text) > MOST_CHARACTERS:
        raise re2.error(f"it has more than {MOST_CHARACTERS} characters")
    options = re2.Options()
    options.case_sensitive = options.log_errors = False
    found: Pattern = re2.compile(text, options)
    return found


def all_metrics(detail: RunDetail, view: View, wanted: Pattern, lives: bool) -> None:
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
