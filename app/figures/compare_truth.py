"""What a comparison says of rewards and of how far policies moved: profiles, gold per KL, reward against gold. Called by the
Compare page and by reports; like app.figures.compare.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from app.figures import base
from app.figures.compare import BANDED, Card, Looks, arms_of, band, in_order, legend
from app.figures.run import SCALE
from core.compare.catalogue import SCORES
from core.compare.comparison import Comparison
from core.compare.curves import at
from core.compare.evidence import GOLD, REWARD, Evidence
from core.compare.flags import NEAR, reward_at
from core.compare.seeds import profile

HEIGHTS = 61


def profiles(c: Comparison, looks: Looks, score: str, height: int = 260) -> Card:
    """Of each arm, the share of its seeds whose score lies above each height."""
    what = SCORES[score]
    scale = SCALE.get(what.unit, 1.0)
    values = {a.name: np.array(list(a.scores[score].values.values())) for a in in_order(c, looks) if a.scores[score].values}
    traces: list[base.Trace] = []
    every = np.concatenate(list(values.values())) if values else np.zeros(1)
    room = 0.05 * (float(np.ptp(every)) or 0.02)
    heights = np.linspace(float(every.min()) - room, float(every.max()) + room, HEIGHTS)
    for name, found in values.items():
        shown, look = profile(found, heights), looks[name]
        if np.isfinite(shown.low).all() and len(values) <= BANDED:
            traces += band(name, scale * heights, 100 * shown.low, 100 * shown.high, look)
        main = base.line(name, scale * heights, 100 * shown.point, look.ink, 2.2, look.dash, legendgroup=name)
        main["line"]["shape"] = "hv"
        traces.append(main)
    unit = " %" if what.unit == "share" else ""
    figure = base.layout(1, " %", [-3, 103], f"above %{{x:.3g}}{unit}", margin={"l": 46, "r": 12, "t": 8, "b": 26})
    figure["xaxis"] |= {"range": [scale * heights[0], scale * heights[-1]], "ticksuffix": unit, "nticks": 5}
    middles = "; ".join(f"{n} {scale * float(np.median(v)):.3g}{unit}" for n, v in values.items())
    alt = f"Share of seeds above each {what.title}; medians: {middles}."
    return base.card(
        "Performance profile", traces, figure, alt, height, legend=legend(list(values), looks),
        sub=f"Share of seeds whose {what.title.lower()} is higher than this.", help=SCORES["arm/profile"].formula,
    )  # fmt: skip


def gold_per_kl(c: Comparison, runs: Sequence[Evidence], looks: Looks, height: int = 260) -> Card:
    """Over-optimisation: gold accuracy against the root of the KL to the start, evaluation by evaluation, each run a line."""

    def x(run: Evidence, steps: Any) -> Any:
        return np.sqrt(np.maximum(at(*run.line("eval/kl", c.horizon), steps), 0.0))

    usable = [r for r in runs if len(r.line("eval/kl", c.horizon)[0])]
    figure, traces, arms, ends = _paths(c, usable, looks, x)
    figure["xaxis"]["title"] = {"text": "√KL to the start, nats per token", "font": {"size": 11}, "standoff": 4}
    figure["xaxis"]["unifiedhovertitle"] = {"text": "√KL %{x:.3f}"}
    alt = f"Gold accuracy against the root of the KL; at the end: {'; '.join(ends)}." if ends else "No KL was recorded."
    return base.card(
        "Gold accuracy per KL spent", traces, figure, alt, height, legend=legend(arms, looks),
        sub="How far the policy moved for what it learned. A line that turns down went too far.",
        help="After Gao, Schulman and Hilton 2022, arXiv 2210.10760. Keys: eval/accuracy, eval/kl",
    )  # fmt: skip


def reward_per_gold(c: Comparison, runs: Sequence[Evidence], looks: Looks, height: int = 260) -> Card:
    """Trained reward against gold accuracy, evaluation by evaluation: a line that goes right and down is a flag."""

    def x(run: Evidence, steps: Any) -> Any:
        return reward_at(run, steps, c.horizon)

    usable = [r for r in runs if len(r.line(REWARD, c.horizon)[0])]
    figure, traces, arms, ends = _paths(c, usable, looks, x)
    figure["xaxis"]["title"] = {"text": "trained reward", "font": {"size": 11}, "standoff": 4}
    figure["xaxis"]["unifiedhovertitle"] = {"text": "reward %{x:.3f}"}
    alt = f"Gold accuracy against trained reward; at the end: {'; '.join(ends)}." if ends else "No reward was recorded."
    return base.card(
        "Trained reward against the truth", traces, figure, alt, height, legend=legend(arms, looks),
        sub="Right and down: the reward rises alone. Rewards of two arms are not on one scale.",
        help=f"Mean reward of the {NEAR} steps up to each evaluation. Keys: reward/total, eval/accuracy",
    )  # fmt: skip


def _paths(
    c: Comparison, runs: Sequence[Evidence], looks: Looks, x: Callable[[Evidence, Any], Any]
) -> tuple[Card, list[base.Trace], list[str], list[str]]:
    """A line a run through (x, gold accuracy), with a dot where it ends; the layout, the arms, and their ends in words."""
    traces: list[base.Trace] = []
    ends, arms, furthest, nearest = [], [], 0.0, np.inf
    for name, same in arms_of(runs, looks).items():
        places = []
        for run in same:
            steps, gold = run.line(GOLD, c.horizon)
            across = x(run, steps)
            keep = np.isfinite(across)
            if not keep.any():
                continue
            look = looks[name]
            across, heights = across[keep], 100 * gold[keep]
            label = f"{name}, seed {run.seed}"
            traces.append(
                base.line(label, across, heights, f"{look.role}/.6", 1.3, look.dash, legendgroup=name, hoverinfo="skip")
            )
            dot = {"size": 7, "color": f"@{look.role}"}
            last = base.line(
                label, across[-1:], heights[-1:], look.role, 0, mode="markers", marker=dot, legendgroup=name, saved=None
            )
            traces.append({**last, "hovertemplate": "%{y:.1f} %<extra>%{fullData.name}</extra>"})
            places.append((float(across[-1]), float(heights[-1])))
            furthest, nearest = max(furthest, float(across.max())), min(nearest, float(across.min()))
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
