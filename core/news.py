"""What happened to runs since a moment. Called by Home. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.store.queries import RunRow
from core.store.states import Status


@dataclass(frozen=True)
class Best:
    """The highest gold accuracy of an experiment's `of` runs that are done is new: `before` is the highest of those that were
    done earlier."""

    run: RunRow
    before: float | None
    of: int


@dataclass(frozen=True)
class News:
    """Newest first."""

    done: tuple[RunRow, ...]
    failed: tuple[RunRow, ...]
    stopped: tuple[RunRow, ...]
    best: tuple[Best, ...]

    def __bool__(self) -> bool:
        return bool(self.done or self.failed or self.stopped)


def news(rows: Sequence[RunRow], since: float) -> News:
    """Of runs that ended after `since`. Gold accuracies are compared inside an experiment only: there the held-out problems
    and the decoding are the same; and only of runs that are done: others were not trained for as long. One alone is the best
    of nothing, and of two with the same none is."""
    ended = sorted((r for r in rows if (r.finished_at or 0.0) > since), key=lambda r: -(r.finished_at or 0.0))
    by_state = {s: tuple(r for r in ended if r.status == s) for s in (Status.DONE, Status.FAILED, Status.STOPPED)}
    bests = []
    for experiment in dict.fromkeys(r.experiment_id for r in ended if r.experiment_id is not None):
        mine = [r for r in rows if r.experiment_id == experiment and r.accuracy is not None and r.status == Status.DONE]
        if len(mine) < 2:
            continue
        second, top = sorted(mine, key=lambda r: r.accuracy or 0.0)[-2:]
        if top in ended and top.accuracy != second.accuracy:
            before = max((r.accuracy or 0.0 for r in mine if r not in ended), default=None)
            bests.append(Best(top, before, len(mine)))
    return News(by_state[Status.DONE], by_state[Status.FAILED], by_state[Status.STOPPED], tuple(bests))
