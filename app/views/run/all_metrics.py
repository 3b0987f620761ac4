"""Every recorded metric of a run, by family, narrowed by a regular expression."""

from functools import partial
from itertools import groupby
from typing import Protocol

import re2
import streamlit as st

from app import elements
from app.charts.shown import View
from app.data import run_charts
from app.views.run.overview import waiting
from app.widgets import html
from core.metrics import described
from core.store.runs.queries import RunDetail

MOST_CHARACTERS = 400


class Pattern(Protocol):
    """A compiled regular expression."""

    def search(self, text: str) -> object: ...


def choose() -> Pattern | None:
    """Draw the filter box and return its pattern.

    Returns None, with a message beside the box, when the text is not a regular expression.
    """
    text = st.text_input(
        "Filter", key="filter", bind="query-params", placeholder="regular expression, e.g. ^score/|kl",
        help="Found anywhere in a metric's key, case ignored. RE2's syntax: Python's, without "
             "backreferences and lookaround.",
    )  # fmt: skip
    try:
        return pattern(text or "")
    except re2.error as error:
        html.fault(
            f"{text!r} cannot be used: {error}. A dot, bracket or star that is meant as such needs a \\ "
            "before it."
        )
        return None


def pattern(text: str) -> Pattern:
    """Compile a filter; raises re2.error for text that is not a regular expression.

    The address may come from anyone, and no other viewer is served during the search. RE2 needs time linear
    in the text's length, whatever the expression is.
    """
    if len(text) > MOST_CHARACTERS:
        raise re2.error(f"it has more than {MOST_CHARACTERS} characters")
    options = re2.Options()
    options.case_sensitive = options.log_errors = False
    compiled: Pattern = re2.compile(text, options)
    return compiled


def all_metrics(detail: RunDetail, view: View, wanted: Pattern, lives: bool) -> None:
    """Draw the tab: one card per recorded metric that matches."""
    run = run_charts.shown(detail, view)
    if not run.series:
        waiting(detail)
        return
    described_keys = [k for k in run.series if described(k)]
    if len(described_keys) < len(run.series):
        unknown = ", ".join(sorted(set(run.series) - set(described_keys)))
        html.note(f"Not shown, for this version of Showdown has no words for them: {unknown}.")
    keys = sorted(k for k in described_keys if wanted.search(k))
    if not keys:
        with st.container(key="card-nometrics"):
            html.empty(
                "No metric is called so",
                f"This run records {len(described_keys)}, such as {', '.join(described_keys[:4])}.",
            )
        return
    for family, members in groupby(keys, key=lambda k: k.split("/")[0]):
        names = list(members)
        total = sum(k.startswith(f"{family}/") for k in described_keys)
        html.section(
            None,
            family,
            chips=[html.chip(str(total) if len(names) == total else f"{len(names)} of {total}", dot=False)],
        )
        with st.grid(3, min_column_width=260):
            for key in names:
                make = partial(run_charts.single, detail.row.id, view, key)
                elements.live_card(f"metric-{key}", (detail.row.id, view, key), make, lives)
