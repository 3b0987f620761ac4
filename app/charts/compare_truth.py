"""Comparison charts of rewards and of how far policies moved.

Profiles, gold per KL, reward against gold.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from app.charts import base
from app.charts.compare import BANDED, Card, Looks, arms_of, band, in_order, legend
from app.charts.run import SCALE
from app.text.theme import Look
from core.common.groups import FloatArray
from core.compare.catalogue import SCORES
from core.compare.comparison import Comparison
from core.compare.evidence import GOLD, REWARD, Evidence
from core.compare.flags import NEAR, reward_at
from core.compare.stats.bootstrap import profile
from core.compare.stats.curves import at

HEIGHTS = 61


def profiles(c: Comparison, looks: Looks, score: str, height: int = 260) -> Card:
    """The share of each arm's seeds whose score lies above each height."""
    description = SCORES[score]
    scale = SCALE.get(description.unit, 1.0)
    values = {
        a.name: np.array(list(a.scores[score].values.values()))
        for a in in_order(c, looks)
        if a.scores[score].values
    }
    traces: list[base.Trace] = []
    all_scores = np.concatenate(list(values.values())) if values else np.zeros(1)
    room = 0.05 * (float(np.ptp(all_scores)) or 0.02)
    heights = np.linspace(float(all_scores.min()) - room, float(all_scores.max()) + room, HEIGHTS)
    for name, arm_scores in values.items():
        shares = profile(arm_scores, heights)
        look = looks[name]
        if np.isfinite(shares.low).all() and len(values) <= BANDED:
            traces += band(name, scale * heights, 100 * shares.low, 100 * shares.high, look)
        main = base.line(
            name, scale * heights, 100 * shares.point, look.ink, 2.2, look.dash, legendgroup=name
        )
        main["line"]["shape"] = "hv"
        traces.append(main)
    unit = " %" if description.unit == "share" else ""
    figure = base.layout(
        1, " %", [-3, 103], f"above %{{x:.3g}}{unit}", margin={"l": 46, "r": 12, "t": 8, "b": 26}
    )
    figure["xaxis"] |= {"range": [scale * heights[0], scale * heights[-1]], "ticksuffix": unit, "nticks": 5}
    middles = "; ".join(f"{n} {scale * float(np.median(v)):.3g}{unit}" for n, v in values.items())
    alt = f"Share of seeds above each {description.title}; medians: {middles}."
    return base.card(
        "Performance profile", traces, figure, alt, height, legend=legend(list(values), looks),
        sub=f"Share of seeds whose {description.title.lower()} is higher than this.",
        help=SCORES["arm/profile"].formula,
    )  # fmt: skip


def gold_per_kl(c: Comparison, runs: Sequence[Evidence], looks: Looks, height: int = 260) -> Card:
    """Over-optimisation: gold accuracy against the root of the KL to the start, one line per run.

    A line has one point per evaluation.
    """

    def x(run: Evidence, steps: Any) -> Any:
        return np.sqrt(np.maximum(at(*run.line("eval/kl", c.horizon), steps), 0.0))

    usable = [r for r in runs if len(r.line("eval/kl", c.horizon)[0])]
    figure, traces, arms, ends = _paths(c, usable, looks, x)
    figure["xaxis"]["title"] = {
        "text": "√KL to the start, nats per token",
        "font": {"size": 11},
        "standoff": 4,
    }
    figure["xaxis"]["unifiedhovertitle"] = {"text": "√KL %{x:.3f}"}
    alt = (
        f"Gold accuracy against the root of the KL; at the end: {'; '.join(ends)}."
        if ends
        else "No KL was recorded."
    )
    return base.card(
        "Gold accuracy per KL spent", traces, figure, alt, height, legend=legend(arms, looks),
        sub="How far the policy moved for what it learned. A line that turns down went too far.",
        help="After Gao, Schulman and Hilton 2022, arXiv 2210.10760. Keys: eval/accuracy, eval/kl",
    )  # fmt: skip


def reward_per_gold(c: Comparison, runs: Sequence[Evidence], looks: Looks, height: int = 260) -> Card:
    """Trained reward against gold accuracy, one line per run.

    A line has one point per evaluation; one that goes right and down is a flag.
    """

    def x(run: Evidence, steps: Any) -> Any:
        return reward_at(run, steps, c.horizon)

    usable = [r for r in runs if len(r.line(REWARD, c.horizon)[0])]
    figure, traces, arms, ends = _paths(c, usable, looks, x)
    figure["xaxis"]["title"] = {"text": "trained reward", "font": {"size": 11}, "standoff": 4}
    figure["xaxis"]["unifiedhovertitle"] = {"text": "reward %{x:.3f}"}
    alt = (
        f"Gold accuracy against trained reward; at the end: {'; '.join(ends)}."
        if ends
        else "No reward was recorded."
    )
    return base.card(
        "Trained reward against the truth", traces, figure, alt, height, legend=legend(arms, looks),
        sub="Right and down: the reward rises alone. Rewards of two arms are not on one scale.",
        help=f"Mean reward of the {NEAR} steps up to each evaluation. Keys: reward/total, eval/accuracy",
    )  # fmt: skip


def _path(arm: str, label: str, look: Look, x: FloatArray, y: FloatArray) -> list[base.Trace]:
    """A run's line and the dot at its end."""
    role = f"{look.role}/.6"
    line = base.line(label, x, y, role, 1.3, look.dash, legendgroup=arm, hoverinfo="skip")
    dot = {"size": 7, "color": f"@{look.role}"}
    end = base.line(
        label, x[-1:], y[-1:], look.role, 0, mode="markers", marker=dot, legendgroup=arm, saved=None
    )
    return [line, {**end, "hovertemplate": "%{y:.1f} %<extra>%{fullData.name}</extra>"}]


def _paths(
    c: Comparison, runs: Sequence[Evidence], looks: Looks, x: Callable[[Evidence, Any], Any]
) -> tuple[Card, list[base.Trace], list[str], list[str]]:
    """One line per run through (x, gold accuracy), with a dot at its end.

    Returns the layout, the traces, the arms, and their ends in words.
    """
    traces: list[base.Trace] = []
    ends = []
    arms = []
    furthest = 0.0
    nearest = np.inf
    for name, arm_runs in arms_of(runs, looks).items():
        places = []
        for run in arm_runs:
            steps, gold = run.line(GOLD, c.horizon)
            across = x(run, steps)
            keep = np.isfinite(across)
            if not keep.any():
                continue
            across = across[keep]
            heights = 100 * gold[keep]
            traces += _path(name, f"{name}, seed {run.seed}", looks[name], across, heights)
            places.append((float(across[-1]), float(heights[-1])))
            furthest = max(furthest, float(across.max()))
            nearest = min(nearest, float(across.min()))
        if places:
            arms.append(name)
            mean_x, mean_y = np.mean(places, axis=0)
            ends.append(f"{name} {mean_y:.0f} % at {mean_x:.3g}")
    figure = base.layout(1, " %", hovermode="closest", margin={"l": 46, "r": 12, "t": 8, "b": 40})
    room = 0.05 * (furthest - nearest if ends else 1.0) or 0.02
    figure["xaxis"] |= {
        "range": [(nearest if ends else 0.0) - room, (furthest if ends else 1.0) + room],
        "showspikes": False,
        "nticks": 5,
    }
    return figure, traces, arms, ends
