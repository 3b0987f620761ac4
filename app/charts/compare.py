"""The charts of a comparison: curves, times to a threshold, who beats whom, differences by seed.

Each function takes a comparison, its runs and the looks of its arms (`app.text.theme.looks`), and returns a
card. Arms are drawn in the order of `looks`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from app.charts import base
from app.charts.run import SCALE
from app.text.theme import Look
from core.compare import formatting
from core.compare.answer import pair_of, signed
from core.compare.catalogue import SCORES
from core.compare.comparison import Arm, Comparison
from core.compare.evidence import GOLD, Evidence, by_arm
from core.compare.stats.bootstrap import FEWEST, Band
from core.compare.stats.bootstrap import band as interval
from core.compare.stats.curves import at
from core.compare.stats.thresholds import Threshold
from core.metrics import count, describe

Card = dict[str, Any]
Looks = Mapping[str, Look]
LINE = 15  # pixels of a line of text
AROUND = 150  # pixels of a card that its plot does not take
BAND_PLACES = 101
BANDED = 6  # arms whose bands can still be told apart; the band of a single arm (`only`) is always drawn
LABELLED = 8  # arms whose names stand at the ends of their lines
SMOOTHING = 0.9
BAND = "Band: 95 % bootstrap interval of the mean, step by step. "


def in_order(c: Comparison, looks: Looks) -> list[Arm]:
    """The arms of a comparison in drawing order."""
    order = {name: i for i, name in enumerate(looks)}
    return sorted(c.arms, key=lambda a: order.get(a.name, len(order)))


def arms_of(runs: Sequence[Evidence], looks: Looks) -> dict[str, list[Evidence]]:
    """Arm -> its runs by seed, in drawing order."""
    runs_by_arm = by_arm(runs)
    return {name: runs_by_arm[name] for name in looks if name in runs_by_arm}


def legend(arms: Sequence[str], looks: Looks) -> list[dict[str, str]]:
    """One legend entry per arm."""
    return [{"name": a, "role": looks[a].role, "mark": base.mark(looks[a].dash)} for a in arms]


def curves(
    c: Comparison, runs: Sequence[Evidence], looks: Looks, metric: str = GOLD, only: str = "",
    mark: Threshold | None = None,
    height: int = 400,
) -> Card:  # fmt: skip
    """One metric over the steps: each arm's mean with its interval, and its seeds as thin lines.

    `only`: the one arm to emphasise.
    """
    description = describe(metric)
    traces = []
    ends = []
    summaries = []
    scale = SCALE.get(description.unit, 1.0)
    all_lines = {
        a: [r.line(metric, c.horizon) for r in arm_runs] for a, arm_runs in arms_of(runs, looks).items()
    }
    lines_by_arm = {a: [line for line in curve if len(line[0])] for a, curve in all_lines.items()}
    arms = [a for a, curve in lines_by_arm.items() if curve]
    for name in arms:
        loud = not only or name == only
        x, mean = _mean(lines_by_arm[name])
        seed_curves = [
            (steps, values if _steady(metric) else base.smoothed(values, SMOOTHING))
            for steps, values in lines_by_arm[name]
        ]
        traces += _arm(name, seed_curves, x, mean, looks[name], scale, loud, metric)
        if loud and (only or len(arms) <= BANDED):
            at_steps, curve = (c.grid, _of_gold(c, name)) if metric == GOLD else _of_seeds(seed_curves, x)
            if curve is not None and len(curve.low) and np.isfinite(curve.low).all():
                traces = [*band(name, at_steps, scale * curve.low, scale * curve.high, looks[name]), *traces]
        ends.append((name, float(x[-1]), float(traces[-1]["y"][-1])))
        summaries.append(f"{name} {scale * float(mean[-1]):.3g}")
    suffix = " %" if description.unit == "share" else ""
    side = _room(arms) if len(arms) <= LABELLED else 12
    figure = base.layout(max(c.horizon, 1), suffix, margin={"l": 46, "r": side, "t": 10, "b": 36})
    figure["xaxis"]["title"] = {"text": "step", "font": {"size": 11}, "standoff": 4}
    if mark is not None and metric == GOLD:
        traces.append(_dotted([0, c.horizon], [scale * mark.value] * 2, mark.name))
    if len(arms) <= LABELLED and ends:
        heights = [float(y) for t in traces for y in (np.nanmin(t["y"]), np.nanmax(t["y"]))]
        traces += _names(ends, looks, (max(heights) - min(heights)) * LINE / (height - AROUND))
    alt = (
        f"{description.title} by step, mean of the seeds of each arm; at the end: {'; '.join(summaries)}."
        if summaries
        else f"{description.title}: no data."
    )
    sub = _sub(metric, max((len(lines_by_arm[a]) for a in arms), default=0), any("fill" in t for t in traces))
    return base.card(
        description.title,
        traces,
        figure,
        alt,
        height,
        sub=sub,
        help=description.what,
        legend=legend(arms, looks),
        axis="step",
    )


def _sub(metric: str, seeds: int, band: bool) -> str:
    if not _steady(metric):
        return (
            f"Thick: moving average (weight {SMOOTHING:g}) of the seeds' mean. "
            f"{BAND if band else ''}Thin: each seed's own."
        )
    if seeds < 2:
        return "One seed an arm: no interval can be drawn."
    return f"Thick: mean. {BAND if band else ''}Thin: each seed."


def _mean(lines: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Steps and mean over seeds [s].

    A run that ended early continues with its last value, as core.compare counts it.
    """
    grid = np.unique(np.concatenate([steps for steps, _ in lines]))
    return grid, np.mean([at(*line, grid) for line in lines], axis=0)


def _arm(
    name: str, drawn: Sequence[tuple[Any, Any]], x: Any, mean: Any, look: Look, scale: float, loud: bool,
    metric: str
) -> list[base.Trace]:  # fmt: skip
    thin = f"{look.role}/{'.45' if loud else '.1'}"
    traces = [
        base.line(
            f"{name}, seed line {i + 1}", steps, scale * values, thin, 0.9, hoverinfo="skip", legendgroup=name
        )
        for i, (steps, values) in enumerate(drawn)
    ]
    middle = scale * (mean if _steady(metric) else base.smoothed(mean, SMOOTHING))
    role = look.ink if loud else f"{look.role}/.25"
    return [*traces, base.line(name, x, middle, role, 2.6 if loud else 1.6, look.dash, legendgroup=name)]


def _steady(metric: str) -> bool:
    """Whether a metric is drawn as measured: evaluations are few, and not noisy from step to step."""
    return metric.startswith("eval/")


def _of_gold(c: Comparison, name: str) -> Band | None:
    return next((a.curve for a in c.arms if a.name == name), None)


def _of_seeds(drawn: Sequence[tuple[Any, Any]], x: Any) -> tuple[Any, Band]:
    """Steps, and the interval of the mean of the drawn curves at each of them.

    At most BAND_PLACES steps, because a band is smooth.
    """
    steps = x[np.unique(np.linspace(0, len(x) - 1, BAND_PLACES).astype(int))]
    return steps, interval(np.array([at(*line, steps) for line in drawn]))


def band(name: str, x: Any, low: Any, high: Any, look: Look) -> list[base.Trace]:
    """An arm's interval: a pale area between two lines that are not drawn."""
    quiet = {"hoverinfo": "skip", "legendgroup": name}
    below = base.line(f"{name}, low", x, low, "card/0", 0, **quiet)
    above = base.line(f"{name}, high", x, high, "card/0", 0, **quiet)
    return [below, {**above, "fill": "tonexty", "fillcolor": f"@{look.role}/.13"}]


def _dotted(x: Sequence[float], y: Sequence[float], name: str) -> base.Trace:
    trace = base.line(name, x, y, "ink4", 1, "dot", hoverinfo="skip", saved=None)
    return {
        **trace,
        "mode": "lines+text",
        "text": [f"  {name}", ""],
        "textposition": "top right",
        "textfont": {"color": "@ink3"},
    }


def _names(ends: Sequence[tuple[str, float, float]], looks: Looks, gap: float) -> list[base.Trace]:
    """The arms' names at the ends of their lines, pushed at least `gap` apart so that none covers another."""
    placed = sorted(ends, key=lambda e: e[2])
    heights = [y for _, _, y in placed]
    for i in range(1, len(heights)):
        heights[i] = max(heights[i], heights[i - 1] + gap)
    return [
        base.line(f"{name}, end", [x], [y], looks[name].role, 0, hoverinfo="skip", legendgroup=name,
            saved=None)
        | {"mode": "text", "text": [f" {_short(name)}"], "textposition": "middle right", "cliponaxis": False,
           "textfont": {"color": f"@{looks[name].role}", "size": 12}}
        for (name, x, _), y in zip(placed, heights, strict=True)
    ]  # fmt: skip


def _short(name: str, most: int = 16) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def names_axis(names: Sequence[str]) -> dict[str, Any]:
    """An axis of arms at 0, 1, ... from the top."""
    return {"tickvals": list(range(len(names))), "ticktext": [_short(n) for n in names],
            "range": [len(names) - 0.5, -0.5],
            "showgrid": False, "zeroline": False, "showline": False, "fixedrange": True,
            "ticks": ""}  # fmt: skip


def times(c: Comparison, looks: Looks, mark: Threshold, height: int = 190) -> Card:
    """When each run reached a threshold.

    An open triangle marks where a run that had not reached it was last observed.
    """
    arms = [a for a in in_order(c, looks) if (mark.name, "steps") in a.reaches]
    traces = []
    summaries = []
    never = 0
    for row, a in enumerate(arms):
        reaches = a.reaches[mark.name, "steps"]
        apart = np.linspace(-0.22, 0.22, len(reaches)) if len(reaches) > 1 else np.zeros(len(reaches))
        for reached, symbol in ((True, "circle"), (False, "triangle-right-open")):
            points = [
                (r.time, row + d, s)
                for (s, r), d in zip(reaches.items(), apart, strict=True)
                if r and r.reached == reached
            ]
            never += 0 if reached else len(points)
            if points:
                colour = f"@{looks[a.name].role}"
                edge = {"width": 0.8 if reached else 1.6, "color": "@card" if reached else colour}
                marker = {"symbol": symbol, "size": 10, "color": colour, "line": edge}
                trace = base.line(
                    a.name, [f[0] for f in points], [f[1] for f in points], looks[a.name].role, 0
                )
                word = "reached at" if reached else "not reached by"
                texts = [f"{a.name}, seed {s}: {word} step {t:.0f}" for t, _, s in points]
                traces.append(trace | {"mode": "markers", "marker": marker, "text": texts,
                                       "legendgroup": a.name, "saved": None,
                                       "hovertemplate": "%{text}<extra></extra>",
                                       "cliponaxis": False})  # fmt: skip
        mean = a.arrivals[mark.name, "steps"].restricted.point
        summaries.append(
            f"{a.name} {mean:.0f} steps on average" if np.isfinite(mean) else f"{a.name} never evaluated"
        )
    figure = base.layout(
        1.06 * max(c.horizon, 1),
        hovermode="closest",
        margin={"l": _room([a.name for a in arms]), "r": 12, "t": 6, "b": 24},
    )
    figure["yaxis"] = names_axis([a.name for a in arms])
    figure["xaxis"] |= {"showgrid": True, "gridcolor": "@grid", "showspikes": False}
    pen = {"color": "@ink4", "width": 1.2}
    figure["shapes"] = [
        {"type": "line", "x0": c.horizon, "x1": c.horizon, "y0": 0, "y1": 1, "yref": "paper", "line": pen}
    ]
    runs = count(never, "run")
    sub = (
        f"Further left is sooner. Open triangle: not reached ({runs})."
        if never
        else "Further left is sooner."
    )
    alt = f"Steps to {mark.name}, restricted means: {'; '.join(summaries)}."
    return base.card(f"Steps to {mark.name}", traces, figure, alt, height, sub=sub)


def _room(names: Sequence[str]) -> int:
    """Pixels beside a chart for these names, as `_short` writes them."""
    return 20 + min(112, int(6.6 * max((len(_short(name)) for name in names), default=0)))


def improvement(c: Comparison, looks: Looks, score: str, height: int = 198) -> Card:
    """Probability that a run of the row's arm beats one of the column's. `score`: a primary score."""
    names = [a.name for a in in_order(c, looks)]
    share = [[_wins(c, row_arm, column_arm, score) for column_arm in names] for row_arm in names]
    rounded = [[None if v is None else round(v, 4) for v in row] for row in share]
    places = list(range(len(names)))
    traces: list[base.Trace] = [
        {"type": "heatmap", "z": rounded, "x": places, "y": places, "zmin": 0, "zmax": 1, "xgap": 2,
         "ygap": 2,
         "showscale": False, "hoverinfo": "skip", "name": "share",
         "colorscale": [[0, "@ink4/.55"], [0.5, "@ink4/.18"], [0.5, "@accent/.18"], [1, "@accent"]]}
    ]  # fmt: skip
    cells = [(i, j, v) for i, row in enumerate(share) for j, v in enumerate(row) if v is not None]
    if len(names) <= 10:
        for deep in (True, False):
            toned_cells = [(i, j, v) for i, j, v in cells if (v > 0.8) == deep]
            text = {"color": "@card" if deep else "@ink", "size": 12 if len(names) <= 6 else 10}
            words = [f"{names[i]} against {names[j]}: {v:.2f}" for i, j, v in toned_cells]
            traces.append(
                {"type": "scatter", "mode": "text", "x": [j for _, j, _ in toned_cells],
                 "y": [i for i, _, _ in toned_cells],
                 "textfont": text, "text": [f"{v:.2f}" for *_, v in toned_cells], "hovertext": words,
                 "hoverinfo": "text",
                 "name": "share"}
            )  # fmt: skip
    slanted = len(names) > 6
    below = int(0.75 * _room(names)) if slanted else 26
    figure = base.layout(1, hovermode="closest", margin={"l": _room(names), "r": 10, "t": 6, "b": below})
    figure["yaxis"] = names_axis(names)
    figure["xaxis"] = {
        **names_axis(names),
        "range": [-0.5, len(names) - 0.5],
        "tickangle": -45 if slanted else 0,
    }
    alt = "; ".join(f"{names[i]} beats {names[j]} with probability {v:.2f}" for i, j, v in cells if i < j)
    title = SCORES[score].title
    nothing = f"Fewer than {FEWEST} seeds: no probability."
    return base.card(
        "Probability of improvement", traces, figure, f"By {title}: {alt}." if alt else nothing, height,
        sub=f"Row beats column by {title.lower()}. 0.50 is a coin." if cells else nothing,
        help=SCORES["pair/improvement"].formula,
    )  # fmt: skip


def _wins(c: Comparison, one: str, two: str, score: str) -> float | None:
    """Probability that `one` beats `two`; None where an arm has too few seeds.

    With one seed each it would be 0 or 1, which says nothing about chance.
    """
    pair = pair_of(c, one, two, score) if one != two else None
    few = any(len(a.scores[score].values) < FEWEST for a in c.arms if a.name in (one, two))
    if pair is None or few or not np.isfinite(pair.improvement.point):
        return None
    return pair.improvement.point if pair.first == one else 1 - pair.improvement.point


def differences(c: Comparison, looks: Looks, score: str, baseline: str, height: int = 260) -> Card:
    """Each arm's score minus the baseline's, seed by seed. `score`: a primary score."""
    unit = SCORES[score].unit
    traces = []
    summaries = []
    seeds = set[int]()
    scale = SCALE.get(unit, 1.0)
    other_arms = [
        a.name for a in in_order(c, looks) if a.name != baseline and pair_of(c, a.name, baseline, score)
    ]
    for name in other_arms:
        pair = pair_of(c, name, baseline, score)
        assert pair is not None
        difference = signed(pair.paired, 1.0 if pair.first == name else -1.0)
        seeds |= set(difference.seeds)
        values = scale * np.asarray(difference.differences)
        marker = {"size": 8, "color": f"@{looks[name].role}"}
        traces.append(
            base.line(
                name,
                difference.seeds,
                values,
                looks[name].ink,
                1.1,
                looks[name].dash,
                mode="lines+markers",
                marker=marker,
                legendgroup=name,
            )
        )
        summaries.append(f"{name} {formatting.difference(difference.mean.point, unit)} on average")
    ordered = sorted(seeds)
    figure = base.layout(
        1, " pts" if unit == "share" else "", hover="seed %{x}", margin={"l": 58, "r": 12, "t": 10, "b": 26}
    )
    span = [ordered[0] - 0.4, ordered[-1] + 0.4] if ordered else [0, 1]
    figure["xaxis"] |= {"range": span, "showspikes": False}
    if len(ordered) <= 12:
        figure["xaxis"] |= {
            "tickvals": ordered,
            "ticktext": [f"seed {s}" for s in ordered] if len(ordered) < 5 else [str(s) for s in ordered],
        }
    figure["yaxis"] |= {"zeroline": True, "zerolinecolor": "@ink4", "zerolinewidth": 1.2}
    title = SCORES[score].title
    alt = (
        f"{title} minus that of {baseline}, seed by seed: {'; '.join(summaries)}."
        if summaries
        else "No common seed."
    )
    return base.card(
        f"Difference to {baseline}, seed by seed", traces, figure, alt, height,
        legend=legend(other_arms, looks),
        sub=f"{title}. The same seed sees the same problems in the same order.",
        help=SCORES["pair/difference"].formula,
    )  # fmt: skip
