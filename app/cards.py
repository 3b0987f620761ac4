"""The charts of runs, made once for all viewers. Called by pages and, when a browser asks for what is new, by the feed:
in any thread, so nothing here reads a session.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence

from app import cache
from app.figures.base import Trace
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
    now = (cache.version(detail.row), detail.config_hash)
    return _grown((run_id, "card", view, name), now, [detail.row], f"{view}.{name}", lambda _: make(shown(detail, view)))


def overlay(run_ids: tuple[int, ...], names: tuple[str, ...], name: str, view: View, height: int) -> Drawn:
    """One metric of several runs in one chart; `names`: all that are drawn of these runs, read together."""
    runs = cache.rows(run_ids)
    versions = {r.id: cache.version(r) for r in runs}
    now, read_of = tuple(versions.values()), tuple(dict.fromkeys((*names, *SUMMED[view.over])))

    def draw(before: Sequence[Trace]) -> Card:
        read = cache.memo().get(("read", run_ids, read_of), now, lambda: cache.series_of(versions, read_of))  # for all charts
        lines = {run_id: found.get(name, Series([], [])) for run_id, found in read.items()}
        along = {r.id: _shown(r, cache.config(r.id), read[r.id], view) for r in runs} if view.over != "step" else {}
        return overlaid(runs, lines, name, height, view=view, along=along, before=before)

    return _grown(("overlay", run_ids, names, name, view, height), now, runs, f"{view}.{name}", draw)


def _grown(key: Hashable, now: Hashable, runs: Sequence[RunRow], what: str, make: Callable[[Sequence[Trace]], Card]) -> Drawn:
    """The card under `key` as of `now`. `make` is given the traces that it made when the runs had fewer points, or none."""
    # A run that resumes first takes points back, under the number of its new attempt: what was drawn then is no beginning.
    history = f"{[(r.id, r.attempt, r.status.value) for r in runs]}.{what}"

    def draw() -> Drawn:
        last = cache.memo().last(key)
        before = last if isinstance(last, Drawn) and last.message.history == history else None
        card = make(before.card["traces"] if before else ())
        return Drawn(Message(card, cache.text_of_all(runs), history, before.message if before else None), card)

    return cache.memo().get(key, now, draw)
