"""The charts of one run.

Each function takes a run with its view (`Shown`) and returns a card; missing data make an empty chart.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from app.charts import base
from app.charts.marks import LOUD, Mark
from app.charts.shown import Shown, View
from app.text.labels import change, help_of, value
from app.text.theme import dash, term_roles
from core.metrics import describe
from core.rewards.mix import Mix

Card = dict[str, Any]
SCALE = {"share": 100.0}
SIDES = [{"name": f"{side} side", "role": side, "mark": "area"} for side in ("hard", "continuous")]
PLANNED_POINTS = 100
TOTAL = "Total"  # a term may be called `total`, but not this: names of terms are in lower case
EXACT = ("weight/", "blend/", "policy/learning_rate")  # planned, not measured: there is nothing to smooth


def _alt(run: Shown, key: str) -> str:
    series = run.get(key)
    if not series.values:
        return f"{describe(key).title}: no data yet."
    newest_value = value(key, series.values[-1])
    first_value = value(key, series.values[0])
    return (
        f"{describe(key).title} by {run.view.over}; {newest_value} at step {series.steps[-1]}, "
        f"{first_value} at the start."
    )


def _layout(run: Shown, suffix: str = "", y_range: list[float] | None = None, **extra: Any) -> dict[str, Any]:
    return base.layout(run.end, suffix, y_range, run.hover, **extra)


def _card(
    run: Shown,
    title: str,
    traces: list[base.Trace],
    layout: dict[str, Any],
    alt: str,
    height: int,
    **more: Any,
) -> Card:
    return base.card(title, traces, layout, alt, height, axis=run.axis, **more)


def scale_of(key: str) -> float:
    """The factor by which a metric's values are multiplied: shares are drawn in percent."""
    return SCALE.get(describe(key).unit, 1.0)


def weight_of(key: str, view: View) -> float:
    """The weight of the moving average of a metric's line.

    0 for metrics that are planned, or not measured at each step.
    """
    return 0.0 if key.startswith(("eval/", *EXACT)) else view.smoothing


def newest(run: Shown, key: str) -> dict[str, str]:
    """The fields of one metric's card that describe its newest value."""
    return {"now": value(key, run.last(key)), "alt": _alt(run, key)}


def single(run: Shown, key: str, height: int = 180) -> Card:
    """One metric, drawn quietly."""
    series = run.get(key)
    metric = describe(key)
    values = scale_of(key) * np.asarray(series.values, dtype=float)
    sparse = key.startswith("eval/")
    suffix = " %" if metric.unit == "share" else ""
    layout = _layout(run, suffix, [0, 100] if key == "signal/dead_groups" and not run.view.log else None)
    sub = ""
    if run.view.log:
        values, below = base.on_log(values)
        sub = base.log_axis(layout, [values], below)
    if sparse:
        marker = {"size": 5, "color": "@ink2"}
        traces = [
            base.line(
                metric.title,
                run.x(series.steps),
                values,
                "ink2",
                1.6,
                mode="lines+markers",
                marker=marker,
                cliponaxis=False,
            )
        ]
    else:
        traces = base.raw_and_smooth(
            metric.title, run.x(series.steps), values, "ink2", weight_of(key, run.view), 1.6
        )
    return _card(
        run, metric.title, traces, layout, height=height, sub=sub, help=help_of(key), **newest(run, key)
    )


def truth(run: Shown, marks: list[Mark]) -> Card:
    """Trained reward and gold accuracy on one chart, with the blend as a strip below.

    The past of the strip is strong, its planned part pale.
    """
    reward = run.get("reward/total")
    gold = run.get("eval/accuracy")
    traces = base.raw_and_smooth(
        "reward", run.x(reward.steps), reward.values, run.mix.structure, run.view.smoothing
    )
    open_marker = {"size": 7, "color": "@card", "line": {"color": "@ink", "width": 1.6}}
    gold_x = run.x(gold.steps)
    traces.append(
        base.line(
            "gold accuracy",
            gold_x,
            gold.values,
            "ink",
            2.0,
            mode="lines+markers",
            marker=open_marker,
            cliponaxis=False,
        )
        # Its points lie between those of the reward: plotly would show a bare pair of numbers.
        | {"hovertemplate": "%{y} at %{x}"}
    )
    traces += _blend(run)
    strip = {
        "domain": [0, 0.17],
        "range": [0, 1],
        "showticklabels": False,
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }
    now_line = [base.line_at(run.x([run.now])[0], "ink3", 1)] if 0 < run.now < run.max_step else []
    loud = [m for m in marks if m.kind in LOUD and m.step <= run.now]
    happened_at = [base.line_at(run.x([m.step])[0], "ink4", 0.7) for m in loud]
    layout = _layout(run, yaxis2=strip, shapes=[*now_line, *happened_at])
    layout["yaxis"]["domain"] = [0.26, 1]
    layout["xaxis"]["anchor"] = "y2"  # its ticks stand below the strip
    if loud:
        traces.append(_marked(run, loud))
    accuracy = run.last("eval/accuracy")
    sides = {term.side for term in run.mix.terms}
    happened = "".join(f" Step {m.step}: {m.text}." for m in loud[-5:])
    return _card(
        run, "Trained reward and the truth", traces, layout,
        f"{_alt(run, 'reward/total')} {_alt(run, 'eval/accuracy')}{happened}", 330,
        sub="Reward is what GRPO pushes; gold accuracy is never trained on. A reward that rises alone is a "
            "flag to look at.",
        now="" if accuracy is None else f"{value('eval/accuracy', accuracy)} gold at step {gold.steps[-1]}",
        legend=[{"name": "reward", "role": run.mix.structure}, {"name": "gold accuracy", "role": "ink"},
                *(side for side in SIDES if side["role"] in sides)],
        help=f"{help_of('reward/total')} {help_of('eval/accuracy')} Below: {help_of('blend/hard')}",
    )  # fmt: skip


def _marked(run: Shown, found: list[Mark]) -> base.Trace:
    """Small triangles where something happened, on the strip of the blend, named on hover."""
    marker = {"symbol": "triangle-up", "size": 8, "color": "@ink2"}
    trace = base.line(
        "event", run.x([m.step for m in found]), [0.0] * len(found), "ink2", mode="markers", marker=marker
    )
    texts = [m.text for m in found]
    return trace | {
        "yaxis": "y2",
        "text": texts,
        "hovertemplate": "%{text}<extra></extra>",
        "saved": None,
        "moving": True,
    }


def _blend(run: Shown) -> list[base.Trace]:
    """The strip: the hard share that was used, and the one still planned.

    An adaptive blend has no plan.
    """
    used = run.get("blend/hard")
    parts: list[tuple[Sequence[int], Sequence[float], float, bool]] = [(used.steps, used.values, 0.6, True)]
    if "blend" not in run.mix.adaptive and run.view.over == "step" and run.now < run.max_step:
        ahead = max(1, (run.max_step - run.now) // PLANNED_POINTS)
        planned = sorted(
            {*range(run.now, run.max_step, ahead), run.max_step, *_breaks(run.mix, run.now, run.max_step)}
        )
        parts.append((planned, [run.mix.hard_share(s) for s in planned], 0.22, False))
    traces = []
    for steps, shares, alpha, past in parts:
        hard = np.asarray(shares, dtype=float)
        for side, values in (("hard", hard), ("continuous", 1 - hard)):
            layer = base.area(f"{side} side", run.x(steps), values, side, group=f"blend{past}", alpha=alpha)
            layer |= {"yaxis": "y2", "hoverinfo": "all" if past else "skip"}
            traces.append(layer if past else layer | {"saved": None, "moving": True})
    return traces


def _term_legend(mix: Mix, mark: str) -> list[dict[str, str]]:
    return [{"name": t, "role": r, "mark": mark} for t, r in term_roles(mix).items()]


def _terms_alt(run: Shown, title: str, prefix: str) -> str:
    parts = [f"{t} {v:.2f}" for t in run.mix.labels if (v := run.last(prefix + t)) is not None]
    return f"{title} by {run.view.over}. Now: {', '.join(parts)}." if parts else f"{title}: no data yet."


def scores(run: Shown) -> Card:
    """Mean raw score of each term."""
    traces = []
    legend = []
    used = dict[str, int]()
    for term, role in term_roles(run.mix).items():
        series = run.get(f"score/{term}")
        style = dash(used.get(role, 0))
        used[role] = used.get(role, 0) + 1
        traces.append(base.line(term, run.x(series.steps), series.values, role, 1.8, style))
        legend.append({"name": term, "role": role, "mark": base.mark(style)})
    alt = _terms_alt(run, "Scores before weights", "score/")
    sub = "Mean raw score of each term, over the samples it applies to."
    return _card(run, "Scores before weights", traces, _layout(run), alt, 300, sub=sub, legend=legend,
                 help="The component's own score, before shaping and weight. Key: score/<term>")  # fmt: skip


def _signed_stack(run: Shown, prefix: str, scale: float) -> list[base.Trace]:
    """The terms as a stack, each over the steps of all terms: layers of a stack need the same x."""
    series_by_term = {term: run.get(prefix + term) for term in run.mix.labels}
    steps = sorted({s for f in series_by_term.values() for s in f.steps})
    traces = []
    for term, role in term_roles(run.mix).items():
        value_by_step = dict(zip(series_by_term[term].steps, series_by_term[term].values, strict=True))
        traces += base.signed_area(
            term, run.x(steps), [scale * value_by_step.get(s, 0.0) for s in steps], role
        )
    return traces


def contributions(run: Shown) -> Card:
    """Weight x shaped score of each term, stacked; the line is the total."""
    traces = _signed_stack(run, "contribution/", 1.0)
    reward = run.get("reward/total")
    x = run.x(reward.steps)
    traces += [
        base.line("halo", x, reward.values, "card", 3.6, hoverinfo="skip", legendgroup=TOTAL, saved=None),
        base.line(TOTAL, x, reward.values, "ink", 1.8, legendgroup=TOTAL, saved="reward/total"),
    ]
    alt = _terms_alt(run, "Contributions to the reward", "contribution/")
    legend = [*_term_legend(run.mix, "area"), {"name": TOTAL, "role": "ink"}]
    sub = "weight × shaped score, stacked; penalties hang below zero; the line is the total."
    return _card(run, "Contributions to the reward", traces, _layout(run), alt, 300, sub=sub, legend=legend,
                 help="What each term adds to the mean total. Key: contribution/<term>")  # fmt: skip


def advantage_shares(run: Shown) -> Card:
    """Each term's share of the advantage's variance, stacked to 100 %."""
    traces = _signed_stack(run, "signal/advantage_share/", 100.0)
    alt = _terms_alt(run, "Share of advantage variance", "signal/advantage_share/")
    undefined = "reward/total" in run.series and not any(
        k.startswith("signal/advantage_share/") for k in run.series
    )
    sub = "A term that is equal inside groups trains nothing."
    if undefined:
        sub = "Not defined for this combination or advantage rule: its advantage is no sum over the terms."
    return _card(
        run, "Share of advantage variance", traces, _layout(run, " %"), alt, 330,
        sub=sub, legend=[] if undefined else _term_legend(run.mix, "area"),
        help="What trains is not what weighs: A_k is the part of the advantage that comes from term k, and "
        "its share is sum(A_k A) / sum(A^2). Negative: it pulls against the rest. "
        "Key: signal/advantage_share/<term>",
    )  # fmt: skip


def _breaks(mix: Mix, first: int, last: int) -> list[float]:
    return [b for b in mix.blend.breakpoints() if first <= b <= last] if mix.blend else []


TILES = (
    "eval/accuracy",
    "reward/total",
    "signal/dead_groups",
    "eval/kl",
    "length/truncated",
    "speed/step_seconds",
)
TILE_POINTS = 60


def tile(run: Shown, key: str) -> dict[str, Any]:
    """The arguments of st.metric for one metric.

    Label, value, change since the start, sparkline, and whether the change is good or bad.
    """
    series = run.get(key)
    metric = describe(key)
    moved = series.values[-1] - series.values[0] if len(series.values) > 1 else None
    colour = "off" if not metric.better else "normal" if metric.better == "up" else "inverse"
    every = max(1, len(series.values) // TILE_POINTS)
    return {
        "label": metric.title,
        "value": value(key, run.last(key)),
        "delta": None if moved is None else change(key, moved),
        "delta_color": "off" if metric.unit == "seconds" or not moved else colour,
        "help": help_of(key),
        "chart_data": [*series.values[::-every][::-1]] or None,
    }
