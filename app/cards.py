"""The charts of runs, made once for all viewers. Called by pages and, when a browser asks for what is new, by the feed:
in any thread, so nothing here reads a session.
"""

from collections.abc import Callable, Mapping

from app import cache
from app.figures.overlay import overlay as overlaid
from app.figures.shown import SUMMED, Shown, View
from app.live import Drawn
from app.wire import Card, Message
from core.config import RunConfig
from core.metrics.series import Series
from core.store.queries import RunDetail, RunRow


def shown(detail: RunDetail, view: View) -> Shown:
    """A run as its charts see it."""

    def read() -> Shown:
        found = cache.series(detail.row.id, cache.version(detail.row))
        return _shown(detail.row, cache.config_of(detail.row.id, detail.config_hash), found, view)

    return cache.of_run(detail, ("shown", view), read)


def _shown(row: RunRow, config: RunConfig, found: Mapping[str, Series], view: View) -> Shown:
    return Shown(found, config.trained_mix, config.grpo.max_steps, row.step, config.grpo.completions_per_step, view)


def card(run_id: int, view: View, name: str, make: Callable[[Shown], Card]) -> Drawn:
    """A chart of a run; `name` tells it from the run's others."""
    detail = cache.run_detail(run_id)
    at = cache.version(detail.row)

    def draw() -> Drawn:
        made = make(shown(detail, view))
        return Drawn(Message(made, cache.text_of(at), f"{run_id}.{at[0]}.{view}.{name}"), made)

    return cache.of_run(detail, ("card", view, name), draw)


def overlay(run_ids: tuple[int, ...], names: tuple[str, ...], name: str, view: View, height: int) -> Drawn:
    """One metric of several runs in one chart; `names`: all that are drawn of these runs, read together."""
    runs = cache.rows(run_ids)
    said, attempts = cache.text_of_all(runs), [(r.id, r.attempt) for r in runs]

    def draw() -> Drawn:
        read = cache.series_of({r.id: cache.version(r) for r in runs}, tuple(dict.fromkeys((*names, *SUMMED[view.over]))))
        lines = {run_id: found.get(name, Series([], [])) for run_id, found in read.items()}
        along = {r.id: _shown(r, cache.config(r.id), read[r.id], view) for r in runs} if view.over != "step" else {}
        made = overlaid(runs, lines, name, height, view=view, along=along)
        return Drawn(Message(made, said, f"{attempts}.{name}.{view}"), made)

    return cache.memo().get((run_ids, names, name, view, height), (said, tuple(attempts)), draw)
