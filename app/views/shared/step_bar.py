"""The bar of steps: one cell each, by reward, by error or by dead groups, with what happened below."""

from collections.abc import Callable
from math import isfinite
from typing import Any, Literal, get_args

import numpy as np

from app import elements
from app.charts.marks import LOUD, Mark, marks, spread
from app.data import reads
from core.metrics.series import Series
from core.store.runs.queries import RunDetail

Colour = Literal["reward", "error", "dead groups"]
COLOURS = get_args(Colour)
KEYS: dict[Colour, str] = {
    "reward": "reward/total",
    "error": "reward/accuracy",
    "dead groups": "signal/dead_groups",
}
MOST_CELLS = 200
APART = 0.12  # share of the bar's width between two labels


def step_bar(
    key: str,
    detail: RunDetail,
    chosen: int,
    colour: Colour,
    pick: Callable[[int], None],
    quiet: bool = False,
    leads: bool = False,
) -> None:
    """Draw the bar; `pick` is called with a step that was chosen.

    `quiet`: without what happened. `leads`: a choice leads away from the page, so that keys only look at a
    step until Enter chooses it.
    """
    # The chosen step is not part of the key: a live run chooses each step once, and the cache would keep a
    # bar for each.
    bar_data = reads.of_run(detail, ("bar", colour, quiet), lambda: _bar(detail, colour, quiet))
    values = bar_data["values"]
    value = float(values[chosen]) if 0 <= chosen < len(values) and isfinite(values[chosen]) else None
    elements.step_bar(
        key,
        {
            **{k: v for k, v in bar_data.items() if k != "values"},
            "chosen": chosen,
            "value": value,
            "leads": leads,
        },
        pick,
    )


def _bar(detail: RunDetail, colour: Colour, quiet: bool) -> dict[str, Any]:
    row = detail.row
    colour_series = reads.series(row.id, reads.version(row)).get(KEYS[colour])
    config = reads.config(row.id)
    happened = [] if quiet else marks(reads.events(row.id), config.trained_mix, row.max_steps)
    return data(colour_series, row.step, row.max_steps, colour, happened, config.grpo.num_iterations)


def data(
    found: Series | None,
    known: int,
    total: int,
    colour: Colour,
    happened: list[Mark],
    num_iterations: int = 1,
) -> dict[str, Any]:
    """Data for the element, and the values behind it.

    `cells` are (first step, last step, mean value or None), `marks` (step, text, whether it is loud) and
    `labels` (step, text). `values` has for each step what its rollout recorded, or NaN: num_iterations steps
    train on one rollout and share its value.
    """
    values = np.full(total + 1, np.nan)
    if found is not None:
        values[np.asarray(found.steps)] = np.asarray(found.values)
    if num_iterations > 1:
        steps = np.arange(1, known + 1)
        values[steps] = values[steps - (steps - 1) % num_iterations]
    if colour == "error":
        values = 1 - values
    edges = np.unique(np.linspace(1, total + 1, min(total, MOST_CELLS) + 1).astype(int))
    cells = []
    for first, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        part = values[first : min(end, known + 1)]
        part = part[np.isfinite(part)]
        cells.append([first, end - 1, float(part.mean()) if part.size else None])
    inside = values[1 : known + 1]
    inside = inside[np.isfinite(inside)]
    low, high = (float(inside.min()), float(inside.max())) if inside.size else (0.0, 0.0)
    shares = colour != "reward"
    return {
        "values": values,
        "cells": cells, "known": known, "total": total,
        "low": 0.0 if shares else low, "high": 1.0 if shares else high, "label": colour,
        "role": "accent" if colour == "reward" else "bad",
        "marks": [[m.step, m.text, m.kind in LOUD] for m in happened],
        "labels": [[m.step, m.text] for m in spread(happened, APART * total)],
    }  # fmt: skip
