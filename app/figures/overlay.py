"""Several runs' lines of one metric in one chart. Called by the Runs page and Home."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from app import theme, words
from app.figures import base
from app.figures.run import EXACT, SCALE, Card
from core.metrics import describe
from core.metrics.series import Series
from core.store.queries import RunRow


def overlay(
    runs: Sequence[RunRow], lines: Mapping[int, Series], name: str, height: int = 340, title: str = "", smoothing: float = 0.0
) -> Card:
    """A line a run: the hue of its arm, dashes tell the runs of one hue apart. Runs without values are in the legend only."""
    what, looks = describe(name), theme.run_lines([(r.id, r.structure) for r in runs])
    scale = SCALE.get(what.unit, 1.0)
    marked = {"mode": "lines+markers", "marker": {"size": 5}} if name.startswith("eval/") else {}
    averages = {}
    if smoothing and not name.startswith(("eval/", *EXACT)):
        all_values = [scale * np.asarray(lines[r.id].values, dtype=float) if r.id in lines else np.empty(0) for r in runs]
        averages = dict(zip([r.id for r in runs], base.smoothed_all(all_values, smoothing), strict=True))
    names = Counter(r.name for r in runs)
    traces, legend, said = [], [], []
    for r in runs:
        found, (role, dash) = lines.get(r.id, Series([], [])), looks[r.id]
        label = f"{r.name} · run {r.id}" if names[r.name] > 1 else r.name
        values = scale * np.asarray(found.values, dtype=float)
        if averages:
            traces += base.raw_and(averages[r.id], label, found.steps, values, role, smoothing, 2.0, dash)
        else:
            traces.append(base.line(label, found.steps, values, role, 2.0, dash, legendgroup=label, **marked))
        legend.append({"name": label, "role": role, "mark": "line" if dash == "solid" else "dash"})
        said.append(f"{label} {words.value(name, found.values[-1])}" if found.values else f"{label} no value yet")
    figure = base.layout(max((r.max_steps for r in runs), default=1), " %" if what.unit == "share" else "")
    alt = f"{what.title} by step: {'; '.join(said)}."
    return base.card(title or what.title, traces, figure, alt, height, help=words.help_of(name), legend=legend, axis="step")
