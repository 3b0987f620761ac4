"""A chart card as a picture without a browser, for Markdown.

Draws what the figures of app.charts use: lines, bands, markers, texts, a heat map. The dashboard and the
HTML draw the same cards with Plotly; no other module imports matplotlib.
"""

import io
from typing import Any, Literal

import matplotlib

matplotlib.use("Agg")
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure

from app.live.chart_protocol import Card
from app.report.palette import drawn, light

WIDTH, DPI = 760, 144  # pixels of a card, dots an inch of its picture
DASHES: dict[str, Any] = {
    "solid": "-",
    "dash": (0, (5, 3)),
    "dot": (0, (1.5, 2)),
    "dashdot": (0, (5, 2, 1, 2)),
}
MARKERS = {"circle": "o", "triangle-right-open": ">"}


def png(card: Card) -> bytes:
    """Draw a card as a light PNG with title, subtitle and legend. Equal cards make equal bytes."""
    legend = card.get("legend") or []
    rows = -(-len(legend) // 4)
    figure = Figure(
        figsize=(WIDTH / 100, (card["height"] + 40 + 20 * rows) / 100), dpi=DPI, layout="constrained"
    )
    axes = figure.subplots()
    _axes(axes, card)
    for trace in card["traces"]:
        _heat(axes, trace) if trace["type"] == "heatmap" else _line(axes, trace)
    _shapes(axes, card["layout"])
    _bands(axes, card["traces"])
    _ranges(axes, card["layout"])
    sub = f"\n{card['sub']}" if card.get("sub") else ""
    axes.set_title(
        _plain(card["title"]),
        loc="left",
        fontsize=11,
        fontweight="bold",
        color=light()["ink"],
        pad=24 if sub else 8,
    )
    if sub:
        axes.text(
            0,
            1.02,
            _plain(card["sub"]),
            transform=axes.transAxes,
            fontsize=7.5,
            color=light()["ink3"],
            va="bottom",
        )
    if legend:
        _legend(figure, axes, legend)
    out = io.BytesIO()
    figure.savefig(out, format="png", facecolor="white", metadata={"Software": None})
    return out.getvalue()


def _plain(text: str) -> str:
    """Escape dollar signs: matplotlib reads $...$ as mathematics."""
    return text.replace("$", r"\$")


def _axes(axes: Axes, card: Card) -> None:
    colours = light()
    axes.set_facecolor("white")
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(colours["line"])
    axes.tick_params(labelsize=8, labelcolor=colours["ink3"], color=colours["line"], length=3)
    layout = card["layout"]
    axes.grid(axis="y", color=colours["grid"], linewidth=0.8)
    axes.set_axisbelow(True)
    if title := (layout["xaxis"].get("title") or {}).get("text"):
        axes.set_xlabel(_plain(title), fontsize=8, color=colours["ink3"])
    for axis, which in ((axes.xaxis, "xaxis"), (axes.yaxis, "yaxis")):
        if suffix := layout[which].get("ticksuffix"):
            axis.set_major_formatter(f"{{x:g}}{suffix}")


def _ranges(axes: Axes, layout: Card) -> None:
    """Set ticks and ranges, after everything is drawn: drawing would widen the ranges again."""
    for which, axis, limit in (("xaxis", axes.xaxis, axes.set_xlim), ("yaxis", axes.yaxis, axes.set_ylim)):
        axis_layout = layout[which]
        if "tickvals" in axis_layout:
            axis.set_ticks(axis_layout["tickvals"], [_plain(t) for t in axis_layout["ticktext"]])
        if "range" in axis_layout:
            limit(*axis_layout["range"])


def _line(axes: Axes, trace: Card) -> None:
    pen = trace.get("line", {})
    mode = trace.get("mode", "lines")
    role = pen.get("color", "@ink")
    colour = to_rgba(*drawn(role))
    width = pen.get("width", 1.0)
    if "lines" in mode and width:
        steps = "steps-post" if pen.get("shape") == "hv" else "default"
        axes.plot(trace["x"], trace["y"], color=colour, linewidth=0.8 * width, linestyle=DASHES[pen.get("dash", "solid")],
                  drawstyle=steps, solid_capstyle="round", zorder=3 if width > 1.5 else 2)  # fmt: skip
    if "markers" in mode:
        marker = trace.get("marker", {})
        symbol = marker.get("symbol", "circle")
        face = to_rgba(*drawn(marker.get("color", role)))
        hollow = symbol.endswith("open")
        axes.scatter(trace["x"], trace["y"], s=(0.8 * marker.get("size", 6)) ** 2, marker=MARKERS[symbol],
                     facecolors="none" if hollow else [face], edgecolors=[face] if hollow else "white",
                     linewidths=1.2 if hollow else 0.6, zorder=4, clip_on=False)  # fmt: skip
    if "text" in mode:
        _texts(axes, trace)


def _texts(axes: Axes, trace: Card) -> None:
    font = trace.get("textfont", {})
    colour = drawn(font.get("color", "@ink"))[0]
    vertical, _, side = trace.get("textposition", "middle center").partition(" ")
    align = {"right": "left", "left": "right", "center": "center"}[side or "center"]
    for x, y, text in zip(trace["x"], trace["y"], trace["text"], strict=True):
        axes.text(x, y, _plain(text), fontsize=0.72 * font.get("size", 11), color=colour, ha=align,
                  va={"top": "bottom", "middle": "center", "bottom": "top"}[vertical], clip_on=False, zorder=5)  # fmt: skip


def _bands(axes: Axes, traces: list[Card]) -> None:
    """Fill the bands: `tonexty` fills down to the trace before."""
    for below, trace in zip(traces, traces[1:], strict=False):
        if trace.get("fill") == "tonexty":
            face = to_rgba(*drawn(trace["fillcolor"]))
            step: Literal["post"] | None = "post" if trace["line"].get("shape") == "hv" else None
            axes.fill_between(
                trace["x"], below["y"], trace["y"], step=step, color=face, linewidth=0, zorder=1
            )


def _heat(axes: Axes, trace: Card) -> None:
    def on_white(role: str) -> tuple[float, float, float]:
        r, g, b, a = to_rgba(*drawn(role))
        return (1 - a + a * r, 1 - a + a * g, 1 - a + a * b)

    colours = [(position, on_white(role)) for position, role in trace["colorscale"]]
    scale = LinearSegmentedColormap.from_list("card", colours).with_extremes(bad=(1, 1, 1, 0))
    values = [[float("nan") if v is None else v for v in row] for row in trace["z"]]
    edges = [x - 0.5 for x in trace["x"]] + [trace["x"][-1] + 0.5]
    axes.pcolormesh(
        edges,
        edges,
        values,
        cmap=scale,
        vmin=trace["zmin"],
        vmax=trace["zmax"],
        edgecolors="white",
        linewidth=2,
    )
    axes.grid(False)


def _shapes(axes: Axes, layout: Card) -> None:
    for shape in layout.get("shapes", ()):
        if shape.get("type") == "line" and shape.get("yref") == "paper" and shape["x0"] == shape["x1"]:
            pen = shape["line"]
            colour, alpha = drawn(pen["color"])
            dash = DASHES[pen.get("dash", "solid")]
            axes.axvline(
                shape["x0"], color=colour, alpha=alpha, linewidth=pen.get("width", 1), linestyle=dash
            )


def _legend(figure: Figure, axes: Axes, entries: list[dict[str, str]]) -> None:
    handles = []
    for e in entries:
        style = DASHES.get(e.get("mark", "line"), "-")
        handles += axes.plot([], [], color=light()[e["role"]], linewidth=2, linestyle=style)
    labels = [_plain(e["name"]) for e in entries]
    figure.legend(
        handles, labels, loc="outside lower left", ncols=min(4, len(entries)), fontsize=7.5, frameon=False, handlelength=2.8,
        labelcolor=light()["ink2"],
    )  # fmt: skip
