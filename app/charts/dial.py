"""The charts of "the mixing weight is not a dial". Each function takes numbers and returns a card."""

from typing import Any

import numpy as np

from app.charts import base
from app.text import labels
from core.analysis.share_curve import Dial

Card = dict[str, Any]
HEIGHT = 306


def _look(dial: Dial) -> dict[str, Any]:
    """The line that marks the inspected step."""
    return base.line_at(dial.now.step, "ink", 1.2)


def _percent(values: Any) -> list[float]:
    return [100 * float(v) for v in np.asarray(values)]


def weighs_and_trains(dial: Dial, max_step: int) -> Card:
    """The hard side: its weight, what it trains, and what it trains where no answer is right."""
    share = dial.shares[:, dial.hard].sum(axis=1)
    wrong = dial.wrong[:, dial.hard].sum(axis=1)
    names = ("weight of the hard side", "its share of the advantage", "its share in all-wrong groups")
    filled = {"fill": "tozeroy", "fillcolor": "@hard/.10"}
    traces = [
        base.line(names[1], dial.steps, _percent(share), "hard", 2.2, **filled),
        base.line(names[2], dial.steps, _percent(wrong), "bad", 1.8),
        base.line(names[0], dial.steps, _percent(dial.weight), "ink2", 1.8, "dot"),
    ]
    legend = [
        {"name": names[0], "role": "ink2", "mark": "dash"},
        {"name": names[1], "role": "hard"},
        {"name": names[2], "role": "bad"},
    ]
    weighs = labels.percent(dial.now.weight)
    trains = labels.percent(dial.now.shares[dial.hard].sum())
    alt = f"Hard side at step {dial.now.step}: weighs {weighs}, trains {trains}."
    note = (
        "Share of a side: sum over samples of its part of the advantage times the advantage, over the sum "
        "of squared advantages. Parts and shares add up to one; a part below zero pulls against the others. "
        "Key: signal/advantage_share"
    )
    figure = base.layout(max_step, " %", None, shapes=[_look(dial)])
    return base.card("What it weighs, what it trains", traces, figure, alt, HEIGHT, help=note, legend=legend)


def by_term(dial: Dial, roles: dict[str, str], max_step: int) -> Card:
    """Each term's share of the advantage along the schedule, stacked."""
    traces: list[base.Trace] = []
    for k, term in enumerate(dial.terms):
        traces += base.signed_area(term, dial.steps, _percent(dial.shares[:, k]), roles[term])
    last = ", ".join(f"{t} {labels.percent(v)}" for t, v in zip(dial.terms, dial.now.shares, strict=True))
    legend = [{"name": t, "role": roles[t], "mark": "area"} for t in dial.terms]
    figure = base.layout(max_step, " %", shapes=[_look(dial)])
    note = (
        "Share of the advantage's variance, were these samples made at that step. "
        "Key: signal/advantage_share/<term>"
    )
    return base.card(
        "By term",
        traces,
        figure,
        f"Shares at step {dial.now.step}: {last}.",
        HEIGHT,
        help=note,
        legend=legend,
    )
