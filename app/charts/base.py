"""The layout and the traces that chart cards share: quiet axes, no mode bar.

Traces hold numpy arrays with every point; app.live.chart_protocol thins them and sends them as typed arrays.
Two keys of a trace are ours: `saved` names its column in the CSV (None: it has no column), and `moving` marks
a trace whose past changes while the run goes on.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from core.metrics import count

Trace = dict[str, Any]
Floats = npt.NDArray[np.float64]
Numbers = Sequence[float] | Floats
MOST_NEW = 32  # most new values by which an average is extended one by one


def line(
    name: str, x: Numbers, y: Numbers, role: str, width: float = 1.8, dash: str = "solid", **extra: Any
) -> Trace:
    """A line in the colour of a role."""
    pen = {"color": f"@{role}", "width": width, "dash": dash}
    arrays = {"x": np.asarray(x, dtype=float), "y": np.asarray(y, dtype=float)}
    return {"type": "scatter", "mode": "lines", "name": name, **arrays, "line": pen, **extra}


def smoothed(values: Numbers, weight: float = 0.8) -> Floats:
    """Exponential moving average with bias correction [n].

    The sum of weight^k v_(i-k) over the sum of weight^k. Drawn over the raw line, never in its place. (Kingma
    and Ba, Adam, 2015, section 3: the correction.)
    """
    return smoothed_all([values], weight)[0]


def smoothed_all(
    lines: Sequence[Numbers], weight: float, before: Sequence[Floats | None] | None = None
) -> list[Floats]:
    """The moving averages (`smoothed`) of several lines.

    `before`: the average of each line when it was shorter, or None; it is extended where possible.
    """
    arrays = [np.asarray(values, dtype=float) for values in lines]
    averages = [
        _went_on(b, values, weight) for b, values in zip(before or [None] * len(arrays), arrays, strict=True)
    ]
    new_lines = [k for k, average in enumerate(averages) if average is None]
    # One call costs about the same for any number of lines.
    table = np.full((max((len(arrays[k]) for k in new_lines), default=0), len(new_lines)), np.nan)
    for column, k in enumerate(new_lines):
        table[: len(arrays[k]), column] = arrays[k]
    new_averages = (
        pd.DataFrame(table).ewm(alpha=1 - weight, adjust=True).mean().to_numpy() if table.size else table
    )
    for column, k in enumerate(new_lines):
        averages[k] = np.ascontiguousarray(new_averages[: len(arrays[k]), column])
    return [average for average in averages if average is not None]


def _went_on(before: Floats | None, values: Floats, weight: float) -> Floats | None:
    """The averages of `values` [n], extended from `before`, the averages of the first ones.

    None where they must be made anew: without `before`, for many new values, and with gaps.
    """
    known_count = 0 if before is None else len(before)
    if (
        before is None
        or not 0 < known_count <= len(values) <= known_count + MOST_NEW
        or not np.isfinite(values).all()
    ):
        return None
    return np.concatenate(
        [before, averaged_on(float(before[-1]), known_count, values[known_count:].tolist(), weight)]
    )


def averaged_on(last: float, known: int, new: Sequence[float], weight: float) -> list[float]:
    """The averages of `new` values that follow `known` ones without a gap.

    `last`: the average at the last known value.
    """
    averages = [last]
    below = (1 - weight**known) / (1 - weight)
    for value in new:
        above = averages[-1] * below * weight + value
        below = 1 + weight * below
        averages.append(above / below)
    return averages[1:]


def raw_and_smooth(
    name: str, x: Numbers, y: Numbers, role: str, weight: float = 0.8, width: float = 2.2, dash: str = "solid"
) -> list[Trace]:
    """The raw line, pale, under its moving average; with weight 0 the raw line alone."""
    if not weight:
        return [line(name, x, y, role, width, dash, legendgroup=name)]
    return raw_and(smoothed(y, weight), name, x, y, role, weight, width, dash)


def raw_and(
    average: Numbers, name: str, x: Numbers, y: Numbers, role: str, weight: float, width: float = 2.2,
    dash: str = "solid",
    answers: bool = True,
) -> list[Trace]:  # fmt: skip
    """The raw line, pale, under an average that is already known.

    `answers`: the raw line, too, responds when the chart is hovered.
    """
    pale = line(name, x, y, f"{role}/.35", 1.1, hoverinfo="all" if answers else "skip", legendgroup=name)
    extra = {"legendgroup": name, "saved": f"{name} (smoothed {weight:g})"}
    return [pale, line(f"{name}, smoothed", pale["x"], average, role, width, dash, **extra)]


def averages_of(traces: Sequence[Trace], values: Mapping[str, Floats]) -> dict[str, Floats]:
    """The averages among traces that `raw_and` made, by name.

    Only of lines that `values` extends: a run may have stepped back and remade them.
    """
    pairs = [(raw, smooth) for raw, smooth in pairwise(traces) if "(smoothed " in (smooth.get("saved") or "")]
    return {
        raw["name"]: smooth["y"]
        for raw, smooth in pairs
        if 0 < (n := len(raw["y"])) <= len(values.get(raw["name"], ()))
        and raw["y"][-1] == values[raw["name"]][n - 1]
    }


def mark(dash: str) -> str:
    """How a legend shows a line of this dash."""
    return "line" if dash == "solid" else dash


def area(name: str, x: Numbers, y: Numbers, role: str, group: str = "one", alpha: float = 0.9) -> Trace:
    """One layer of a stack, with a seam in the card's colour."""
    return line(name, x, y, "card", 0.5, stackgroup=group, fillcolor=f"@{role}/{alpha}", legendgroup=name)


def on_log(values: Numbers) -> tuple[Floats, int]:
    """The values that fit on a logarithmic axis (NaN for the others), and the number of those that do not."""
    array = np.asarray(values, dtype=float)
    return np.where(array > 0, array, np.nan), int((array <= 0).sum())


def log_axis(figure_layout: dict[str, Any], values: Sequence[Numbers], below: int) -> str:
    """Make the axis of some values logarithmic; returns a note on the `below` values that do not fit."""
    finite = np.concatenate([np.empty(0), *(np.asarray(v, dtype=float)[np.isfinite(v)] for v in values)])
    note = f"{count(below, 'value')} of 0 or below cannot stand on a log axis." if below else ""
    if not finite.size:
        figure_layout["yaxis"] |= {"range": [0, 1]}
        return note
    low = finite.min()
    high = finite.max()
    # With more ticks plotly labels nine per decade over a short range, and in a small card they overlap.
    # Without a tickformat, a tick between two powers of ten is labelled 2 or 5, whatever its value.
    figure_layout["yaxis"] |= {
        "type": "log",
        "nticks": 3,
        "dtick": None,
        "tickformat": ".1~e" if low < 1e-3 else ".2~s" if high >= 1e5 else ".2~r",
    }
    return note


def line_at(x: float, role: str, width: float) -> dict[str, Any]:
    """A dotted line from top to bottom, as a shape of the layout."""
    pen = {"color": f"@{role}", "width": width, "dash": "dot"}
    return {"type": "line", "x0": float(x), "x1": float(x), "y0": 0, "y1": 1, "yref": "paper", "line": pen}


def signed_area(name: str, x: Numbers, y: Numbers, role: str) -> list[Trace]:
    """One layer of a stack: positive values upwards from zero, negative ones downwards.

    On hover the element lets the layer answer that holds the value; a file has both in one column.
    """
    values = np.asarray(y, dtype=float)
    traces = [area(name, x, np.maximum(values, 0.0), role, "above")]
    if (values < 0).any():
        traces.append(area(name, x, np.minimum(values, 0.0), role, "below"))
    return traces


def layout(
    max_step: float,
    suffix: str = "",
    y_range: Sequence[float] | None = None,
    hover: str = "step %{x}",
    **extra: Any,
) -> dict[str, Any]:
    """The layout that all cards share.

    The x axis runs to the last planned step, so that the steps to come are visible.
    """
    y: dict[str, Any] = {
        "gridcolor": "@grid", "showline": False, "zeroline": False, "nticks": 5, "ticksuffix": suffix,
        "fixedrange": False,
        "automargin": False, "hoverformat": ".4~r", "ticklabelstandoff": 3,  # beside a marker at the left end
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
            "showspikes": True, "spikethickness": 1, "spikecolor": "@ink4", "spikedash": "solid",
            "spikemode": "across",
            "unifiedhovertitle": {"text": hover},
        },
        "yaxis": y,
        "showlegend": False,
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "@card/.94", "bordercolor": "@line", "font": {"size": 12, "color": "@ink"},
            "namelength": -1},
        **extra,
    }  # fmt: skip


def card(
    title: str, traces: list[Trace], figure_layout: dict[str, Any], alt: str, height: int = 230, **more: Any
) -> dict[str, Any]:
    """The dict that app.elements.chart_card draws.

    `more`: help, now, sub, legend, `axis` (cards with the same axis hover together).
    """
    return {"title": title, "traces": traces, "layout": figure_layout, "alt": alt, "height": height, **more}
