"""The charts of runs, made once for all viewers. Called by pages and, when a browser asks for what is new, by the feed:
in any thread, so nothing here reads a session.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence

from app import cache
from app.figures import run as figures
from app.figures.base import Trace
from app.figures.overlay import labels_of, spoken
from app.figures.overlay import overlay as overlaid
from app.figures.shown import EMPTY, SUMMED, Shown, View
from app.growing import gone_on
from app.series import Version
from app.wire import Card, Message, Said
from core.config import RunConfig
from core.metrics.series import Series
from core.store.queries import RunDetail, RunRow

New = tuple[Sequence[Series], Card]  # the series of a chart's lines, and what its card says of their newest points


def shown(detail: RunDetail, view: View) -> Shown:
    """A run as its charts see it."""

    def read() -> Shown:
        found = cache.series(detail.row.id, cache.version(detail.row))
        return _shown(detail.row, cache.config_of(detail.row.id, detail.config_hash), found, view)

    return cache.of_run(detail, ("shown", view), read)


def _shown(row: RunRow, config: RunConfig, found: Mapping[str, Series], view: View) -> Shown:
    return Shown(found, config.trained_mix, config.grpo.max_steps, row.step, config.grpo.completions_per_step, view)


def card(run_id: int, view: View, name: str, make: Callable[[Shown], Card]) -> Said:
    """A chart of a run; `name` tells it from the run's others."""
    detail = cache.run_detail(run_id)
    at = cache.version(detail.row)

    def draw(before: Said | None, version: str, history: str) -> Said:
        return Message(make(shown(detail, view)), version, history, before)

    return _next((run_id, "card", view, name), (at, detail.config_hash), {run_id: at}, f"{view}.{name}", draw)


def single(run_id: int, view: View, key: str) -> Said:
    """The chart of one metric of a run."""
    detail = cache.run_detail(run_id)
    at = cache.version(detail.row)

    def draw(before: Said | None, version: str, history: str) -> Said:
        run = shown(detail, view)

        def make() -> Card:
            return figures.single(run, key)

        grown = _grown(before, version, key, view, lambda: ([run.get(key)], figures.newest(run, key)), make)
        return grown or Message(make(), version, history, before)

    return _next((run_id, "single", view, key), (at, detail.config_hash), {run_id: at}, f"{view}.{key}", draw)


def overlay(run_ids: tuple[int, ...], names: tuple[str, ...], name: str, view: View, height: int) -> Said:
    """One metric of several runs in one chart; `names`: all that are drawn of these runs, read together."""
    versions, read_of = cache.versions(run_ids), tuple(dict.fromkeys((*names, *SUMMED[view.over])))
    now = tuple(versions.values())

    def draw(before: Said | None, version: str, history: str) -> Said:
        read = cache.memo().get(("read", run_ids, read_of), now, lambda: cache.series_of(versions, read_of))  # for all charts
        lines = {run_id: found.get(name, EMPTY) for run_id, found in read.items()}

        def make(traces: Sequence[Trace] = ()) -> Card:
            runs = cache.rows(tuple(versions))
            along = {r.id: _shown(r, cache.config(r.id), read[r.id], view) for r in runs} if view.over != "step" else {}
            return overlaid(runs, lines, name, height, view=view, along=along, before=traces)

        def new() -> New:
            labels = cache.memo().get(("labels", run_ids), 0, lambda: labels_of(cache.rows(run_ids)))
            return [lines[run_id] for run_id in versions], {"alt": spoken(labels, lines, name, view)}

        if grown := _grown(before, version, name, view, new, make):
            return grown
        traces = before.card["traces"] if isinstance(before, Message) else ()
        return Message(make(traces), version, history, before)

    return _next(("overlay", run_ids, names, name, view, height), now, versions, f"{view}.{name}", draw)


def _grown(
    before: Said | None, version: str, key: str, view: View, new: Callable[[], New], make: Callable[[], Card]
) -> Said | None:  # fmt: skip
    """The chart of one metric gone on with; None where it must be made anew, as along an axis that moves old points too."""
    if before is None or view.over != "step" or view.log:
        return None
    found, moved = new()
    return gone_on(before, version, found, moved, make, figures.scale_of(key), figures.weight_of(key, view))


def _next(
    key: Hashable, now: Hashable, runs: Mapping[int, Version], what: str, draw: Callable[[Said | None, str, str], Said]
) -> Said:  # fmt: skip
    """The chart under `key` as of `now`. `draw` is given what it made when the runs had fewer points, or None; its version and
    the history that it has."""
    # A run that resumes first takes points back, under the number of its new attempt: what was drawn then is no beginning.
    history = f"{[(run_id, attempt, str(status)) for run_id, (attempt, _, status) in runs.items()]}.{what}"

    def make() -> Said:
        last = cache.memo().last(key)
        before = last if isinstance(last, Said) and last.history == history else None
        return draw(before, cache.text_of_all(runs.values()), history)

    return cache.memo().get(key, now, make)
