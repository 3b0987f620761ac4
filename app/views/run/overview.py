"""The overview of a run: tiles, then the questions in the order in which to ask them."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from app import elements
from app.charts import run as figures
from app.charts.marks import marks
from app.charts.shown import Shown, View
from app.data import reads, run_charts
from app.live.chart_protocol import Card
from app.widgets import html
from core.metrics import verdict
from core.metrics.verdict import Verdict
from core.store.runs.queries import RunDetail
from core.store.status import Status

SIGNAL = ("signal/dead_groups", "signal/group_spread", "reward/no_answer")
STABLE = ("eval/kl", "policy/entropy", "policy/grad_norm", "length/mean")
FAST = ("speed/step_seconds", "speed/generated_tokens_per_second")
Make = Callable[[Shown], Card]


def waiting(detail: RunDetail) -> None:
    """Fill the place of the charts while a run has no points."""
    with st.container(key="card-waiting"):
        if detail.row.status.finished:
            html.empty("No points", "The run ended before its first step. Its log says more.")
        else:
            message = (
                "It waits in the queue."
                if detail.row.status == Status.QUEUED
                else "The model is being loaded."
            )
            html.empty("No points yet", f"{message} Charts fill in by themselves.")


def _section(number: int, question: str, found: Verdict | None, otherwise: str) -> None:
    chips = [html.chip(found.chip, found.tone, why=found.rule)] if found else []
    html.section(number, question, found.answer if found else otherwise, chips)


def overview(detail: RunDetail, view: View, lives: bool) -> None:
    """Draw everything about one run at a glance.

    `lives`: the charts update by themselves.
    """
    run = run_charts.shown(detail, view)
    version = reads.version(detail.row)
    run_id = detail.row.id
    if not run.series:
        waiting(detail)
        return

    def row(made: list[tuple[str, Make | None]], spec: list[int]) -> None:
        for column, (name, make) in zip(st.columns(spec), made, strict=True):
            with column:
                make_message = (
                    partial(run_charts.card, run_id, view, name, make)
                    if make
                    else partial(run_charts.single, run_id, view, name)
                )
                elements.live_card(f"chart-{name}", (run_id, view, name), make_message, lives)

    def singles(keys: tuple[str, ...]) -> list[tuple[str, Make | None]]:
        return [(key, None) for key in keys]

    def truth(run: Shown) -> Card:
        return figures.truth(run, marks(reads.events(run_id), run.mix, run.max_step))

    with st.grid(6, min_column_width=170):
        for key in figures.TILES:
            st.metric(**figures.tile(run, key), chart_type="area", delta_arrow="off", border=True)
    _section(1, "Is there signal?", verdict.signal(run.series), "Known after two steps.")
    row(singles(SIGNAL), [1, 1, 1])
    n_eval = reads.held_out(run_id, version)
    _section(
        2,
        "Is it learning the right thing?",
        verdict.learning(run.series, n_eval),
        "Known after the second evaluation.",
    )
    row([("truth", truth), ("shares", figures.advantage_shares)], [3, 2])
    row([("contributions", figures.contributions), ("scores", figures.scores)], [3, 2])
    _section(3, "Is it stable?", verdict.stability(run.series), "Known after ten steps.")
    row(singles(STABLE), [1, 1, 1, 1])
    html.section(4, "How fast?")
    row(singles(FAST), [1, 1])
