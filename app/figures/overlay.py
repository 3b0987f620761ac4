"""Several runs' lines of one metric in one chart. Called by the Runs page and Home."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from app import theme, words
from app.figures import base
from app.figures.run import Card, scale_of, weight_of
from app.figures.shown import HOVER, NAMES, Shown, View
from core.metrics import describe
from core.metrics.series import Series
from core.store.queries import RunRow

RAW = View(smoothing=0.0)
MOST_ANSWERING = 4  # runs whose raw values are said on hover beside the smoothed ones


def overlay(
    runs: Sequence[RunRow], lines: Mapping[int, Series], name: str, height: int = 340, title: str = "",
    view: View = RAW, along: Mapping[int, Shown] | None = None, before: Sequence[base.Trace] = (),
) -> Card:  # fmt: skip
    """A line a run: the hue of its arm, dashes tell the runs of one hue apart. Runs without values are in the legend only.

    `along`: of each run where its steps lie, for a view over something else than steps. `before`: the traces of the same card
    when the lines were shorter; their averages are gone on from.
    """
    what, looks = describe(name), theme.looks([(r.id, r.structure) for r in runs])
    scale, smoothing = scale_of(name), weight_of(name, view)
    marked = {"mode": "lines+markers", "marker": {"size": 5}, "cliponaxis": False} if name.startswith("eval/") else {}
    values = {r.id: scale * np.asarray(lines[r.id].values if r.id in lines else [], dtype=float) for r in runs}
    below, averages = 0, {}
    if view.log:
        for run_id, raw in values.items():
            values[run_id], missing = base.on_log(raw)
            below += missing
    labels = labels_of(runs)
    if smoothing:
        known = base.averages_of(before, {labels[run_id]: raw for run_id, raw in values.items()})
        made = base.smoothed_all(list(values.values()), smoothing, [known.get(labels[run_id]) for run_id in values])
        averages = dict(zip(values, made, strict=True))
    traces, legend = [], []
    for r in runs:
        found, (role, dash, _) = lines.get(r.id, Series([], [])), looks[r.id]
        label = labels[r.id]
        x = along[r.id].x(found.steps) if along else found.steps
        if averages:
            few = len(runs) <= MOST_ANSWERING
            traces += base.raw_and(averages[r.id], label, x, values[r.id], role, smoothing, 2.0, dash, few)
        else:
            traces.append(base.line(label, x, values[r.id], role, 2.0, dash, legendgroup=label, **marked))
        legend.append({"name": label, "role": role, "mark": base.mark(dash)})
    end = max((along[r.id].end if along else float(r.max_steps) for r in runs), default=1.0)
    figure = base.layout(end, " %" if what.unit == "share" else "", hover=HOVER[view.over])
    more = {"sub": base.log_axis(figure, list(values.values()), below)} if view.log else {}
    alt = spoken(labels, lines, name, view)
    return base.card(
        title or what.title, traces, figure, alt, height, help=words.help_of(name), legend=legend, axis=NAMES[view.over], **more
    )


def labels_of(runs: Sequence[RunRow]) -> dict[int, str]:
    """Run -> its name, with its number where two are called the same."""
    names = {r.id: r.name for r in runs}
    twice = Counter(names.values())
    return {run_id: f"{said} · run {run_id}" if twice[said] > 1 else said for run_id, said in names.items()}


def spoken(labels: Mapping[int, str], lines: Mapping[int, Series], name: str, view: View = RAW) -> str:
    """The chart in words: the newest value of each run. `labels`: what the runs are called."""
    last = {run_id: found.values[-1] for run_id, found in lines.items() if found.values}
    said = [f"{label} {words.value(name, last.get(i)) if i in last else 'no value yet'}" for i, label in labels.items()]
    return f"{describe(name).title} by {view.over}: {'; '.join(said)}."
