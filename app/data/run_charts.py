"""The charts of runs, made once for all viewers."""

from collections.abc import Callable, Hashable, Mapping, Sequence

from app.charts import run as figures
from app.charts.base import Trace
from app.charts.overlay import labels_of, spoken
from app.charts.overlay import overlay as overlaid
from app.charts.shown import EMPTY, SUMMED, Shown, View
from app.data import reads
from app.live.chart_protocol import Card, Message, Said
from app.live.line_buffer import gone_on
from app.live.series_cache import Version
from core.config.run import RunConfig
from core.metrics.series import Series
from core.store.runs.queries import RunDetail, RunRow

# the series of a chart's lines, and the fields of its card that describe their newest points
New = tuple[Sequence[Series], Card]


def shown(detail: RunDetail, view: View) -> Shown:
    """A run as its charts see it."""

    def read() -> Shown:
        series_by_name = reads.series(detail.row.id, reads.version(detail.row))
        return _shown(detail.row, reads.config_of(detail.row.id, detail.config_hash), series_by_name, view)

    return reads.of_run(detail, ("shown", view), read)


def _shown(row: RunRow, config: RunConfig, found: Mapping[str, Series], view: View) -> Shown:
    return Shown(
        found, config.trained_mix, config.grpo.max_steps, row.step, config.grpo.completions_per_step, view
    )


def card(run_id: int, view: View, name: str, make: Callable[[Shown], Card]) -> Said:
    """A chart of a run; `name` distinguishes it from the run's others."""
    detail = reads.run_detail(run_id)
    run_version = reads.version(detail.row)

    def draw(before: Said | None, version: str, history: str) -> Said:
        return Message(make(shown(detail, view)), version, history, before)

    return _next(
        (run_id, "card", view, name),
        (run_version, detail.config_hash),
        {run_id: run_version},
        f"{view}.{name}",
        draw,
    )


def single(run_id: int, view: View, key: str) -> Said:
    """The chart of one metric of a run."""
    detail = reads.run_detail(run_id)
    run_version = reads.version(detail.row)

    def draw(before: Said | None, version: str, history: str) -> Said:
        run = shown(detail, view)

        def make() -> Card:
            return figures.single(run, key)

        grown = _grown(before, version, key, view, lambda: ([run.get(key)], figures.newest(run, key)), make)
        return grown or Message(make(), version, history, before)

    return _next(
        (run_id, "single", view, key),
        (run_version, detail.config_hash),
        {run_id: run_version},
        f"{view}.{key}",
        draw,
    )


def overlay(run_ids: tuple[int, ...], names: tuple[str, ...], name: str, view: View, height: int) -> Said:
    """One metric of several runs in one chart.

    `names`: all metrics that are drawn of these runs; they are read together.
    """
    versions = reads.versions(run_ids)
    read_names = tuple(dict.fromkeys((*names, *SUMMED[view.over])))
    run_versions = tuple(versions.values())

    def draw(before: Said | None, version: str, history: str) -> Said:
        # shared by all charts of these runs
        series_by_run = reads.memo().get(
            ("read", run_ids, read_names), run_versions, lambda: reads.series_of(versions, read_names)
        )
        lines = {run_id: series_by_name.get(name, EMPTY) for run_id, series_by_name in series_by_run.items()}

        def make(traces: Sequence[Trace] = ()) -> Card:
            runs = reads.rows(tuple(versions))
            along = (
                {r.id: _shown(r, reads.config(r.id), series_by_run[r.id], view) for r in runs}
                if view.over != "step"
                else {}
            )
            return overlaid(runs, lines, name, height, view=view, along=along, before=traces)

        def new() -> New:
            labels = reads.memo().get(("labels", run_ids), 0, lambda: labels_of(reads.rows(run_ids)))
            return [lines[run_id] for run_id in versions], {"alt": spoken(labels, lines, name, view)}

        if grown := _grown(before, version, name, view, new, make):
            return grown
        traces = before.card["traces"] if isinstance(before, Message) else ()
        return Message(make(traces), version, history, before)

    return _next(
        ("overlay", run_ids, names, name, view, height), run_versions, versions, f"{view}.{name}", draw
    )


def _grown(
    before: Said | None, version: str, key: str, view: View, new: Callable[[], New], make: Callable[[], Card]
) -> Said | None:  # fmt: skip
    """The chart of one metric, extended; None where it must be made anew.

    That is so along an axis that moves old points, too.
    """
    if before is None or view.over != "step" or view.log:
        return None
    new_series, moved = new()
    return gone_on(
        before, version, new_series, moved, make, figures.scale_of(key), figures.weight_of(key, view)
    )


def _next(
    key: Hashable, now: Hashable, runs: Mapping[int, Version], what: str,
    draw: Callable[[Said | None, str, str], Said]
) -> Said:  # fmt: skip
    """The chart under `key` as of `now`.

    `draw` gets what it made when the runs had fewer points, or None; the chart's version; and its history.
    """
    # A run that resumes first removes points, under the number of its new attempt: a chart from before is not
    # the beginning of one from after.
    history = f"{[(run_id, attempt, str(status)) for run_id, (attempt, _, status) in runs.items()]}.{what}"

    def make() -> Said:
        last = reads.memo().last(key)
        previous = last if isinstance(last, Said) and last.history == history else None
        return draw(previous, reads.text_of_all(runs.values()), history)

    return reads.memo().get(key, now, make)
