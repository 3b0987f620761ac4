"""One metric of several runs in one chart."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from app.charts import base
from app.charts.run import Card, scale_of, weight_of
from app.charts.shown import HOVER, NAMES, Shown, View
from app.text import labels as words
from app.text import theme
from core.metrics import describe
from core.metrics.series import Series
from core.store.runs.queries import RunRow

RAW = View(smoothing=0.0)
MOST_ANSWERING = 4  # runs whose raw values appear on hover beside the smoothed ones


def overlay(
    runs: Sequence[RunRow], lines: Mapping[int, Series], name: str, height: int = 340, title: str = "",
    view: View = RAW, along: Mapping[int, Shown] | None = None, before: Sequence[base.Trace] = (),
) -> Card:  # fmt: skip
    """One line per run: the hue is its arm's, and dashes tell runs of one hue apart.

    Runs without values are in the legend only. `along`: for each run where its steps lie, for a view over
    something other than steps. `before`: the traces of this card when the lines were shorter; their averages
    are extended.
    """
    metric = describe(name)
    looks = theme.looks([(r.id, r.structure) for r in runs])
    scale = scale_of(name)
    smoothing = weight_of(name, view)
    markers = {"mode": "lines+markers", "marker": {"size": 5}, "cliponaxis": False}
    marked = markers if name.startswith("eval/") else {}
    values = {r.id: scale * np.asarray(lines[r.id].values if r.id in lines else [], float) for r in runs}
    below = 0
    averages = {}
    if view.log:
        for run_id, raw in values.items():
            values[run_id], missing = base.on_log(raw)
            below += missing
    labels = labels_of(runs)
    if smoothing:
        known_averages = base.averages_of(before, {labels[run_id]: raw for run_id, raw in values.items()})
        smoothed_lines = base.smoothed_all(
            list(values.values()), smoothing, [known_averages.get(labels[run_id]) for run_id in values]
        )
        averages = dict(zip(values, smoothed_lines, strict=True))
    traces = []
    legend = []
    for r in runs:
        series = lines.get(r.id, Series([], []))
        role, dash, _ = looks[r.id]
        label = labels[r.id]
        x = along[r.id].x(series.steps) if along else series.steps
        if averages:
            few = len(runs) <= MOST_ANSWERING
            traces += base.raw_and(averages[r.id], label, x, values[r.id], role, smoothing, 2.0, dash, few)
        else:
            traces.append(base.line(label, x, values[r.id], role, 2.0, dash, legendgroup=label, **marked))
        legend.append({"name": label, "role": role, "mark": base.mark(dash)})
    end = max((along[r.id].end if along else float(r.max_steps) for r in runs), default=1.0)
    figure = base.layout(end, " %" if metric.unit == "share" else "", hover=HOVER[view.over])
    more = {"sub": base.log_axis(figure, list(values.values()), below)} if view.log else {}
    alt = spoken(labels, lines, name, view)
    return base.card(
        title or metric.title,
        traces,
        figure,
        alt,
        height,
        help=words.help_of(name),
        legend=legend,
        axis=NAMES[view.over],
        **more,
    )


def labels_of(runs: Sequence[RunRow]) -> dict[int, str]:
    """Run -> its name, with its number where two runs share a name."""
    names = {r.id: r.name for r in runs}
    twice = Counter(names.values())
    return {
        run_id: f"{run_name} · run {run_id}" if twice[run_name] > 1 else run_name
        for run_id, run_name in names.items()
    }


def spoken(labels: Mapping[int, str], lines: Mapping[int, Series], name: str, view: View = RAW) -> str:
    """The chart in words: the newest value of each run. `labels`: the names of the runs."""
    last = {run_id: series.values[-1] for run_id, series in lines.items() if series.values}
    parts = [
        f"{label} {words.value(name, last.get(i)) if i in last else 'no value yet'}"
        for i, label in labels.items()
    ]
    return f"{describe(name).title} by {view.over}: {'; '.join(parts)}."
