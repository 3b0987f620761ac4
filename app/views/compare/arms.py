"""The table of arms, and the curves that a press of one of its numbers opens."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import streamlit as st

from app import elements
from app.data.comparisons import Compared
from app.text.theme import Look
from app.views.compare.question import Asked
from app.widgets import html, url_state
from core.compare import formatting
from core.compare.answer import ranking
from core.compare.catalogue import SCORES
from core.compare.comparison import Arm
from core.compare.flags import TITLES
from core.compare.table import Cell
from core.compare.tables import score_cell
from core.metrics import count

USUAL = ("gold/auc", "gold/final", "risk/drawdown_tail", "kl/spent", "signal/dead_groups", "spikes/grad_norm")
EACH_STEP = ("signal/dead_groups", "spikes/grad_norm")  # from metrics of each step, read last
MOST_TICKS = 4
TONES = {"failed": "bad", "stopped": "neutral", "training": "accent", "waiting": "neutral"}


def arms_card(a: Asked, found: Compared, looks: Mapping[str, Look]) -> None:
    """Draw the card with the table of arms."""
    c = found.comparison
    keys = [a.score, *(k for k in dict.fromkeys((*a.question.primary, *USUAL)) if k != a.score)]
    keys = [
        k
        for k in keys
        if k == a.score or (k in EACH_STEP and not found.whole) or any(x.scores[k].values for x in c.arms)
    ]
    arms = [*ranking(c, a.score), *(x for x in c.arms if not x.scores[a.score].values)]
    low, high, ticks = _axis(
        [v for x in arms for v in x.scores[a.score].values.values()], SCORES[a.score].unit
    )
    data = {
        "label": "Arms", "chosen": "~".join(a.shown),
        "heads": [_head(keys[0]), *([_reach_head(a)] if _reached(a, arms) else []), *map(_head, keys[1:])],
        "strip": {"ticks": ticks, "title": f"{SCORES[a.score].title} of every seed"},
        "rows": [_row(x, a, found, keys, looks[x.name], low, high) for x in arms],
    }  # fmt: skip
    with st.container(key="card-arms"):
        fixed = "; scores fixed before the runs come first" if a.question.fixed else ""
        html.head("Arms", f"mean of the seeds with a 95 % bootstrap interval; each dot is a seed{fixed}")
        elements.arms_table("compare-arms", data, lambda pressed: url_state.put(show=pressed))
        html.note("Press a number to open the curves behind it. * has a note.")


def _axis(values: list[float], unit: str) -> tuple[float, float, list[dict[str, Any]]]:
    """The limits of the common axis, and its ticks as shares of its length."""
    if not values:
        return 0.0, 1.0, []
    low = min(values)
    high = max(values)
    room = 0.08 * ((high - low) or abs(high) or 1.0)
    low = low - room
    high = high + room
    step = 10 ** np.floor(np.log10((high - low) / 2))
    step = next(s for k in (1, 2, 5, 10, 20) if (high - low) / (s := k * step) <= MOST_TICKS)
    marks = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
    scale = 100 if unit == "share" else 1
    return low, high, [{"at": (m - low) / (high - low), "text": f"{scale * m:.6g}"} for m in marks]


def _head(key: str) -> dict[str, str]:
    s = SCORES[key]
    title = s.title if s.title[:2].isupper() else s.title.lower()
    unit = "" if s.unit == "share" else s.unit
    return {"key": key, "head": title, "unit": unit, "help": f"{s.formula} {s.source}", "better": s.better}


def _reach_head(a: Asked) -> dict[str, str]:
    s = SCORES["arm/restricted"]
    return {
        "key": "reach/steps",
        "head": "steps to",
        "unit": a.threshold,
        "help": f"{s.formula} {s.source}",
        "better": "down",
    }


def _reached(a: Asked, arms: list[Arm]) -> bool:
    return any((a.threshold, "steps") in x.arrivals for x in arms)


def _row(
    x: Arm, a: Asked, found: Compared, keys: list[str], look: Look, low: float, high: float
) -> dict[str, Any]:
    first, *other_cells = ([k, _cell(score_cell(x, k), k in EACH_STEP and not found.whole)] for k in keys)
    reach = [_reach_cell(x, a)] if _reached(a, list(found.comparison.arms)) else []
    mean = x.scores[a.score].mean

    def place(value: float) -> float | None:
        return (value - low) / (high - low) if np.isfinite(value) else None

    return {
        "arm": x.name,
        "role": look.role,
        "dash": look.dash,
        "round": look.round,
        "seeds": count(len(x.last), "seed"),
        "chips": _chips(x, found),
        "points": [place(v) for v in x.scores[a.score].values.values()],
        "low": place(mean.low),
        "high": place(mean.high),
        "mean": place(mean.point),
        "said": _said(score_cell(x, a.score)),
        "cells": [first[1], *reach, *(cell for _, cell in other_cells)],
    }


def _said(cell: Cell) -> str:
    seeds = ", ".join(f"seed {s} {v:.3g}" for s, v in (cell.points or {}).items())
    return f"{cell.text} {cell.interval}: {seeds}"


def _cell(cell: Cell, later: bool) -> dict[str, Any]:
    if later:
        return {"text": "…", "interval": "", "note": "Being read.", "opens": False}
    return {
        "text": cell.text,
        "interval": cell.interval,
        "note": cell.note,
        "opens": cell.value == cell.value,
    }


def _reach_cell(x: Arm, a: Asked) -> dict[str, Any]:
    arrival = x.arrivals.get((a.threshold, "steps"))
    if arrival is None or not arrival.n:
        return {"text": "–", "interval": "", "note": "", "opens": False}
    mean = arrival.restricted
    note = f"{arrival.reached} of {count(arrival.n, 'run')} got there within {arrival.limit:.0f} steps."
    text = formatting.value(mean.point, "steps") if arrival.reached else "not reached"
    between = formatting.interval(mean.low, mean.high, "steps") if arrival.reached else ""
    return {
        "text": text,
        "interval": between,
        "note": note if arrival.reached < arrival.n else "",
        "opens": True,
    }


def _chips(x: Arm, found: Compared) -> list[list[str]]:
    outcome_chips = [
        [f"{n} {outcome}", TONES[outcome]] for outcome, n in x.outcomes.items() if n and outcome in TONES
    ]
    kinds: dict[str, int] = {}
    for run_id in x.runs:
        for kind in {flag.kind for flag in found.comparison.flags.get(run_id, ())}:
            kinds[kind] = kinds.get(kind, 0) + 1
    several = len(x.runs) > 1
    return [
        *outcome_chips,
        *(
            [f"{TITLES[kind]}{f' in {n}' if several else ''}", "warn"]  # type: ignore[index]
            for kind, n in kinds.items()
        ),
    ]
