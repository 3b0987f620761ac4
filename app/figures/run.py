"""The charts of one run. Each function: series in, a card out; missing series give an empty, finished chart."""

from collections.abc import Mapping
from typing import Any

from app.figures import base
from app.theme import dash, term_roles
from app.words import change, help_of, value
from core.metrics import describe
from core.metrics.series import Series
from core.mix import Mix

Card = dict[str, Any]
EMPTY = Series([], [])
SCALE = {"share": 100.0}
SIDES = [{"name": f"{side} side", "role": side, "mark": "area"} for side in ("hard", "continuous")]


def _get(series: Mapping[str, Series], key: str) -> Series:
    return series.get(key, EMPTY)


def _last(found: Series) -> float | None:
    return found.values[-1] if found.values else None


def _alt(key: str, found: Series) -> str:
    if not found.values:
        return f"{describe(key).title}: no data yet."
    now, start = value(key, found.values[-1]), value(key, found.values[0])
    return f"{describe(key).title} by step; {now} at step {found.steps[-1]}, {start} at the start."


def single(series: Mapping[str, Series], key: str, max_step: int, height: int = 180) -> Card:
    """One metric, quiet."""
    found, what = _get(series, key), describe(key)
    scale = SCALE.get(what.unit, 1.0)
    values = [scale * v for v in found.values]
    markers = {"mode": "lines+markers", "marker": {"size": 5, "color": "@ink2"}} if key.startswith("eval/") else {}
    trace = base.line(what.title, found.steps, values, "ink2", 1.6, **markers)
    suffix = " %" if what.unit == "share" else ""
    figure = base.layout(max_step, suffix, [0, 100] if key == "signal/dead_groups" else None)
    return base.card(what.title, [trace], figure, _alt(key, found), height, help=help_of(key), now=value(key, _last(found)))


def truth(series: Mapping[str, Series], mix: Mix, max_step: int, now: int) -> Card:
    """Trained reward and gold accuracy on one chart, the blend as a strip below: past strong, planned pale."""
    reward, gold = _get(series, "reward/total"), _get(series, "eval/accuracy")
    traces = base.raw_and_smooth("reward", reward.steps, reward.values, mix.structure)
    open_marker = {"size": 7, "color": "@card", "line": {"color": "@ink", "width": 1.6}}
    traces.append(base.line("gold accuracy", gold.steps, gold.values, "ink", 2.0, mode="lines+markers", marker=open_marker))
    for past, alpha in ((True, 0.6), (False, 0.22)):
        part, shares = _blend(series, mix, max_step, now, past)
        for side, values in (("hard", shares), ("continuous", [1 - v for v in shares])):
            traces.append(
                base.area(f"{side} side", part, values, side, group=f"blend{past}", alpha=alpha)
                | {"yaxis": "y2", "hoverinfo": "all" if past else "skip"}
            )
    figure = base.layout(
        max_step,
        yaxis={"gridcolor": "@grid", "zeroline": False, "nticks": 5, "domain": [0.26, 1]},
        yaxis2={
            "domain": [0, 0.17],
            "range": [0, 1],
            "showticklabels": False,
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        shapes=[_mark(now, "ink3", 1)] if 0 < now < max_step else [],
    )
    accuracy = _last(gold)
    return base.card(
        "Trained reward and the truth", traces, figure,
        f"{_alt('reward/total', reward)} {_alt('eval/accuracy', gold)}", 330,
        sub="Reward is what GRPO pushes; gold accuracy is never trained on. A reward that rises alone is a flag to look at.",
        now="" if accuracy is None else f"{accuracy:.0%} gold at step {gold.steps[-1]}",
        legend=[{"name": "reward", "role": mix.structure}, {"name": "gold accuracy", "role": "ink"}, *SIDES],
    )  # fmt: skip


def _mark(step: int, role: str, width: float) -> dict[str, Any]:
    """A dotted line at a step, from top to bottom."""
    pen = {"color": f"@{role}", "width": width, "dash": "dot"}
    return {"type": "line", "x0": step, "x1": step, "y0": 0, "y1": 1, "yref": "paper", "line": pen}


def _blend(series: Mapping[str, Series], mix: Mix, max_step: int, now: int, past: bool) -> tuple[list[int], list[float]]:
    """(steps, hard shares): those that were used, or those still planned. An adaptive blend has no plan."""
    used = _get(series, "blend/hard")
    if past:
        return list(used.steps), list(used.values)
    if "blend" in mix.adaptive:
        return [], []
    part = sorted({now, max_step, *range(now, max_step + 1, max(1, max_step // 100))})
    return part, [mix.hard_share(s) for s in part]


def _term_legend(mix: Mix, mark: str) -> list[dict[str, str]]:
    return [{"name": t, "role": r, "mark": mark} for t, r in term_roles(mix).items()]


def _terms_alt(title: str, series: Mapping[str, Series], prefix: str, mix: Mix) -> str:
    parts = [f"{t} {v:.2f}" for t in mix.labels if (v := _last(_get(series, prefix + t))) is not None]
    return f"{title} by step. Now: {', '.join(parts)}." if parts else f"{title}: no data yet."


def scores(series: Mapping[str, Series], mix: Mix, max_step: int) -> Card:
    """Mean raw score of each term."""
    traces, legend, used = [], [], dict[str, int]()
    for term, role in term_roles(mix).items():
        found = _get(series, f"score/{term}")
        style = dash(used.get(role, 0))
        used[role] = used.get(role, 0) + 1
        traces.append(base.line(term, found.steps, found.values, role, 1.8, style))
        legend.append({"name": term, "role": role, "mark": "line" if style == "solid" else "dash"})
    alt = _terms_alt("Scores before weights", series, "score/", mix)
    sub = "Mean raw score of each term, over the samples it applies to."
    return base.card("Scores before weights", traces, base.layout(max_step), alt, 300, sub=sub, legend=legend)


def _signed_stack(series: Mapping[str, Series], mix: Mix, prefix: str, scale: float) -> list[base.Trace]:
    """The terms as a stack."""
    traces = []
    for term, role in term_roles(mix).items():
        found = _get(series, prefix + term)
        traces += base.signed_area(term, found.steps, [scale * v for v in found.values], role)
    return traces


def contributions(series: Mapping[str, Series], mix: Mix, max_step: int) -> Card:
    """Weight x shaped score of each term, stacked; the line is the total."""
    traces = _signed_stack(series, mix, "contribution/", 1.0)
    reward = _get(series, "reward/total")
    traces += [
        base.line("halo", reward.steps, reward.values, "card", 3.6, hoverinfo="skip", legendgroup="total"),
        base.line("total", reward.steps, reward.values, "ink", 1.8),
    ]
    alt = _terms_alt("Contributions to the reward", series, "contribution/", mix)
    legend = [*_term_legend(mix, "area"), {"name": "total", "role": "ink"}]
    sub = "weight × shaped score, stacked; penalties hang below zero; the line is the total."
    return base.card("Contributions to the reward", traces, base.layout(max_step), alt, 300, sub=sub, legend=legend)


def advantage_shares(series: Mapping[str, Series], mix: Mix, max_step: int) -> Card:
    """Each term's share of the advantage's variance, stacked to 100 %."""
    traces = _signed_stack(series, mix, "signal/advantage_share/", 100.0)
    alt = _terms_alt("Share of advantage variance", series, "signal/advantage_share/", mix)
    undefined = "reward/total" in series and not any(k.startswith("signal/advantage_share/") for k in series)
    sub = "A term that is equal inside groups trains nothing."
    if undefined:
        sub = "Not defined for this combination or advantage rule: its advantage is no sum over the terms."
    return base.card(
        "Share of advantage variance", traces, base.layout(max_step, " %"), alt, 330,
        sub=sub, legend=[] if undefined else _term_legend(mix, "area"),
        help="What trains is not what weighs: A_k is the part of the advantage that comes from term k, and its share is "
        "sum(A_k A) / sum(A^2). Negative: it pulls against the rest. Key: signal/advantage_share/<term>",
    )  # fmt: skip


TILES = ("eval/accuracy", "reward/total", "signal/dead_groups", "eval/kl", "length/truncated", "speed/step_seconds")


def tile(series: Mapping[str, Series], key: str) -> dict[str, Any]:
    """What st.metric needs: label, value, change since the start, sparkline, and whether the change is good or bad."""
    found, what = _get(series, key), describe(key)
    moved = found.values[-1] - found.values[0] if len(found.values) > 1 else None
    colour = "off" if not what.better else "normal" if what.better == "up" else "inverse"
    return {
        "label": what.title,
        "value": value(key, _last(found)),
        "delta": None if moved is None else change(key, moved),
        "delta_color": "off" if what.unit == "seconds" or not moved else colour,
        "help": help_of(key),
        "chart_data": found.values or None,
    }
