"""The common layout and the common traces of every chart card. Values follow the look: quiet axes, no mode bar.

Numbers travel as typed arrays (base64): small, and plotly reads them without parsing.
"""

import base64
from collections.abc import Sequence
from typing import Any

import numpy as np

Trace = dict[str, Any]


def packed(values: Sequence[float]) -> dict[str, str]:
    """A list of numbers as plotly's typed-array spec, float32."""
    return {"dtype": "f4", "bdata": base64.b64encode(np.asarray(values, dtype="<f4").tobytes()).decode()}


def line(
    name: str, x: Sequence[float], y: Sequence[float], role: str, width: float = 1.8, dash: str = "solid", **extra: Any
) -> Trace:
    """A line in the colour of a role."""
    pen = {"color": f"@{role}", "width": width, "dash": dash}
    return {"type": "scatter", "mode": "lines", "name": name, "x": packed(x), "y": packed(y), "line": pen, **extra}


def smoothed(values: Sequence[float], weight: float = 0.8) -> list[float]:
    """Exponential moving average with bias correction; drawn over the raw line, never in its place."""
    out, running, mass = [], 0.0, 0.0
    for v in values:
        running, mass = weight * running + (1 - weight) * v, weight * mass + (1 - weight)
        out.append(running / mass)
    return out


def raw_and_smooth(name: str, x: Sequence[float], y: Sequence[float], role: str) -> list[Trace]:
    """The raw line, pale, under its moving average."""
    pale = line(name, x, y, f"{role}/.35", 1.1, hoverinfo="skip", legendgroup=name)
    return [pale, line(name, x, smoothed(y), role, 2.2, legendgroup=name)]


def area(name: str, x: Sequence[float], y: Sequence[float], role: str, group: str = "one", alpha: float = 0.9) -> Trace:
    """One layer of a stack, with a seam in the card's colour."""
    return line(name, x, y, "card", 0.5, stackgroup=group, fillcolor=f"@{role}/{alpha}", legendgroup=name)


def signed_area(name: str, x: Sequence[float], y: Sequence[float], role: str) -> list[Trace]:
    """One layer of a stack: what is positive upwards from zero, what is negative downwards."""
    traces = [area(name, x, [max(v, 0.0) for v in y], role, "above")]
    if any(v < 0 for v in y):
        traces.append(area(name, x, [min(v, 0.0) for v in y], role, "below") | {"hoverinfo": "skip"})
    return traces


def layout(max_step: float, suffix: str = "", y_range: Sequence[float] | None = None, **extra: Any) -> dict[str, Any]:
    """The layout all cards share. The x axis runs to the last planned step, so that what is still to come is seen."""
    y: dict[str, Any] = {
        "gridcolor": "@grid", "showline": False, "zeroline": False, "nticks": 5, "ticksuffix": suffix, "fixedrange": False,
        "automargin": False,
    }  # fmt: skip
    if y_range is not None:
        y["range"] = list(y_range)
    return {
        "margin": {"l": 44, "r": 10, "t": 8, "b": 24},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": "Inter, system-ui, sans-serif", "size": 11, "color": "@ink3"},
        "xaxis": {
            "range": [0, max_step], "showgrid": False, "linecolor": "@line", "zeroline": False, "nticks": 6,
            "showspikes": True, "spikethickness": 1, "spikecolor": "@ink4", "spikedash": "solid", "spikemode": "across",
            "unifiedhovertitle": {"text": "step %{x}"},
        },
        "yaxis": y,
        "showlegend": False,
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "@card/.94", "bordercolor": "@line", "font": {"size": 12, "color": "@ink"}},
        "uirevision": "keep",
        **extra,
    }  # fmt: skip


def card(
    title: str, traces: list[Trace], figure_layout: dict[str, Any], alt: str, height: int = 230, **more: Any
) -> dict[str, Any]:
    """What app.elements.chart_card draws. `more`: help, now, sub, legend."""
    return {"title": title, "traces": traces, "layout": figure_layout, "alt": alt, "height": height, **more}
