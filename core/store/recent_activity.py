"""The runs that ended since a given time. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.store.runs.queries import RunRow
from core.store.status import Status


@dataclass(frozen=True)
class Best:
    """A run that has just reached the highest gold accuracy of its experiment.

    `before`: the highest gold accuracy among the runs that were done earlier. `of`: how many runs of the
    experiment are done.
    """

    run: RunRow
    before: float | None
    of: int


@dataclass(frozen=True)
class News:
    """Runs that ended, by status, newest first, and the new bests of their experiments."""

    done: tuple[RunRow, ...]
    failed: tuple[RunRow, ...]
    stopped: tuple[RunRow, ...]
    best: tuple[Best, ...]

    def __bool__(self) -> bool:
        return bool(self.done or self.failed or self.stopped)


def news(rows: Sequence[RunRow], since: float) -> News:
    """The runs that ended after `since`, and the new bests among them.

    Gold accuracies are compared only within an experiment, where the held-out problems and the decoding are
    the same, and only between runs that are done, since others were not trained for as long. A single run
    is not a best, and neither is one of two with equal accuracy.
    """
    ended = sorted((r for r in rows if (r.finished_at or 0.0) > since), key=lambda r: -(r.finished_at or 0.0))
    by_state = {
        s: tuple(r for r in ended if r.status == s) for s in (Status.DONE, Status.FAILED, Status.STOPPED)
    }
    bests = []
    for experiment in dict.fromkeys(r.experiment_id for r in ended if r.experiment_id is not None):
        candidates = [
            r
            for r in rows
            if r.experiment_id == experiment and r.accuracy is not None and r.status == Status.DONE
        ]
        if len(candidates) < 2:
            continue
        second, top = sorted(candidates, key=lambda r: r.accuracy or 0.0)[-2:]
        if top in ended and top.accuracy != second.accuracy:
            previous_best = max((r.accuracy or 0.0 for r in candidates if r not in ended), default=None)
            bests.append(Best(top, previous_best, len(candidates)))
    return News(by_state[Status.DONE], by_state[Status.FAILED], by_state[Status.STOPPED], tuple(bests))
