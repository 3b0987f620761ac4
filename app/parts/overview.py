"""The overview of a run: tiles, then the questions in the order in which one should ask them."""

from collections.abc import Mapping

import streamlit as st

from app import elements, prose
from app.figures import run as figures
from core.config import RunConfig
from core.metrics import verdict
from core.metrics.series import Series
from core.metrics.verdict import Verdict
from core.store.queries import RunDetail
from core.store.states import Status


def _section(number: int, question: str, found: Verdict | None, otherwise: str) -> None:
    chips = [prose.chip(found.chip, found.tone)] if found else []
    prose.section(number, question, found.answer if found else otherwise, chips)


def _row(cards: list[tuple[str, dict[str, object]]], spec: list[int]) -> None:
    for column, (key, card) in zip(st.columns(spec), cards, strict=True):
        with column:
            elements.chart_card(key, card)


def overview(detail: RunDetail, series: Mapping[str, Series], n_eval: int) -> None:
    """Everything about one run at a glance."""
    config = RunConfig.model_validate(detail.config)
    mix, steps, now = config.trained_mix, config.grpo.max_steps, detail.row.step
    if not series:
        with st.container(key="card-waiting"):
            if detail.row.status.finished:
                prose.empty("No points", "The run ended before its first step. Its log says more.")
            else:
                waiting = "It waits in the queue." if detail.row.status == Status.QUEUED else "The model is being loaded."
                prose.empty("No points yet", f"{waiting} Charts fill in by themselves.")
        return
    with st.grid(6, min_column_width=170):
        for key in figures.TILES:
            st.metric(**figures.tile(series, key), chart_type="area", delta_arrow="off", border=True)
    _section(1, "Is there signal?", verdict.signal(series), "Known after two steps.")
    signal_keys = ("signal/dead_groups", "signal/group_spread", "reward/no_answer")
    _row([(f"chart-{k}", figures.single(series, k, steps)) for k in signal_keys], [1, 1, 1])
    _section(2, "Is it learning the right thing?", verdict.learning(series, n_eval), "Known after the second evaluation.")
    truth, shares = figures.truth(series, mix, steps, now), figures.advantage_shares(series, mix, steps)
    _row([("chart-truth", truth), ("chart-shares", shares)], [3, 2])
    adds, scores = figures.contributions(series, mix, steps), figures.scores(series, mix, steps)
    _row([("chart-contributions", adds), ("chart-scores", scores)], [3, 2])
    _section(3, "Is it stable?", verdict.stability(series), "Known after ten steps.")
    stable_keys = ("eval/kl", "policy/entropy", "policy/grad_norm", "length/mean")
    _row([(f"chart-{k}", figures.single(series, k, steps)) for k in stable_keys], [1, 1, 1, 1])
    prose.section(4, "How fast?")
    fast_keys = ("speed/step_seconds", "speed/generated_tokens_per_second")
    _row([(f"chart-{k}", figures.single(series, k, steps)) for k in fast_keys], [1, 1])
