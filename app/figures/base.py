"""The common layout and the common traces of every chart card. Values follow the look: quiet axes, no mode bar.

Traces hold numpy arrays with every point; app.wire thins them and sends them as typed arrays. Two keys of a trace are ours:
`saved` names its column in the CSV (None: it has none), `moving` says that its past changes while the run goes on.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Trace = dict[str, Any]
Numbers = Sequence[float] | npt.NDArray[np.float64]


def line(name: str, x: Numbers, y: Numbers, role: str, width: float = 1.8, dash: str = "solid", **extra: Any) -> Trace:
    """A line in the colour of a role."""
    pen = {"color": f"@{role}", "width": width, "dash": dash}
    arrays = {"x": np.asarray(x, dtype=float), "y": np.asarray(y, dtype=float)}
    return {"type": "scatter", "mode": "lines", "name": name, **arrays, "line": pen, **extra}


def smoothed(values: Numbers, weight: float = 0.8) -> npt.NDArray[np.float64]:
    """Exponential moving average with bias correction [n]: sum of weight^k v_(i-k) over sum of weight^k.

    Drawn over the raw line, never in its place. (Kingma and Ba, Adam, 2015, section 3: the correction.)
    """
    return smoothed_all([values], weight)[0]


def smoothed_all(lines: Sequence[Numbers], weight: float) -> list[npt.NDArray[np.float64]]:
    """The same for several lines at once: one call costs as much as another, however many lines it takes."""
    table = np.full((max(map(len, lines), default=0), len(lines)), np.nan)
    for k, values in enumerate(lines):
        table[: len(values), k] = values
    if not table.size:
        return [np.empty(0) for _ in lines]
    averaged = pd.DataFrame(table).ewm(alpha=1 - weight, adjust=True).mean().to_numpy()
    return [np.ascontiguousarray(averaged[: len(values), k]) for k, values in enumerate(lines)]


def raw_and_smooth(
    name: str, x: Numbers, y: Numbers, role: str, weight: float = 0.8, width: float = 2.2, dash: str = "solid"
) -> list[Trace]:
    """The raw line, pale, under its moving average; with weight 0 the raw line alone."""
    if not weight:
        return [line(name, x, y, role, width, dash, legendgroup=name)]
    return raw_and(smoothed(y, weight), name, x, y, role, weight, width, dash)


def raw_and(
    average: Numbers, name: str, x: Numbers, y: Numbers, role: str, weight: float, width: float = 2.2, dash: str = "solid"
) -> list[Trace]:
    """The same with an average that is known already."""
    pale = line(name, x, y, f"{role}/.35", 1.1, hoverinfo="skip", legendgroup=name)
    over = line(name, x, average, role, width, dash, legendgroup=name, saved=f"{name} (smoothed {weight:g})")
    return [pale, over]


def area(name: str, x: Numbers, y: Numbers, role: str, group: str = "one", alpha: float = 0.9) -> Trace:
    """One layer of a stack, with a seam in the card's colour."""
    return line(name, x, y, "card", 0.5, stackgroup=group, fillcolor=f"@{role}/{alpha}", legendgroup=name)


def on_log(values: Numbers) -> tuple[Numbers, int]:
    """What of some values can stand on a logarithmic axis, and how many cannot."""
    found = np.asarray(values, dtype=float)
    return np.where(found > 0, found, np.nan), int((found <= 0).sum())


def log_axis(figure_layout: dict[str, Any], below: int) -> str:
    """Make the axis logarithmic; what to say of `below` values that cannot stand on it."""
    figure_layout["yaxis"] |= {"type": "log", "nticks": 5, "dtick": None}
    return f"{below} values of 0 or below cannot stand on a log axis." if below else ""


def line_at(x: float, role: str, width: float) -> dict[str, Any]:
    """A dotted line from top to bottom: a shape of the layout."""
    pen = {"color": f"@{role}", "width": width, "dash": "dot"}
    return {"type": "line", "x0": float(x), "x1": float(x), "y0": 0, "y1": 1, "yref": "paper", "line": pen}


def signed_area(name: str, x: Numbers, y: Numbers, role: str) -> list[Trace]:
    """One layer of a stack: what is positive upwards from zero, what is negative downwards."""
    values = np.asarray(y, dtype=float)
    traces = [area(name, x, np.maximum(values, 0.0), role, "above")]
    if (values < 0).any():
        traces.append(area(name, x, np.minimum(values, 0.0), role, "below") | {"hoverinfo": "skip", "saved": f"{name} below 0"})
    return traces


def layout(
    max_step: float, suffix: str = "", y_range: Sequence[float] | None = None, hover: str = "step %{x}", **extra: Any
) -> dict[str, Any]:
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
            "unifiedhovertitle": {"text": hover},
        },
        "yaxis": y,
        "showlegend": False,
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "@card/.94", "bordercolor": "@line", "font": {"size": 12, "color": "@ink"}},
        **extra,
    }  # fmt: skip


def card(
    title: str, traces: list[Trace], figure_layout: dict[str, Any], alt: str, height: int = 230, **more: Any
) -> dict[str, Any]:
    """What app.elements.chart_card draws. `more`: help, now, sub, legend, `axis` (same: they hover together)."""
    return {"title": title, "traces": traces, "layout": figure_layout, "alt": alt, "height": height, **more}
