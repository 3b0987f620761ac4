"""The series of runs in memory: read once, then only what is new, for all viewers together. Called by app.cache.

A run's points only grow while an attempt is running. A resumed attempt first takes back what lies behind its checkpoint, so
what was read before it was running is read anew. The least recently used runs are let go when there are too many points.
Knows nothing of pages.
"""

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Lock

from core.metrics.series import Series
from core.store import queries
from core.store.states import Status

Version = tuple[int, int, str]  # attempt, step, status
MOST_POINTS = 6_000_000  # 16 bytes each
BEHIND = 20  # steps: more than lie between two looks at the list of runs


@dataclass
class _Kept:
    """What is in memory of one run, as of `version`."""

    version: Version | None = None
    series: Mapping[str, Series] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)
    points: int = 0


class SeriesStore:
    """One for the process. Safe to use from the threads of many sessions."""

    def __init__(self, most_points: int = MOST_POINTS) -> None:
        self._kept: OrderedDict[tuple[int, tuple[str, ...] | None], _Kept] = OrderedDict()
        self._lock = Lock()
        self._most = most_points

    def get(self, wanted: Mapping[int, Version], names: tuple[str, ...] | None = None) -> dict[int, Mapping[str, Series]]:
        """The metrics of these names (None: all) of some runs, of each up to its version at least. What is returned never
        changes."""
        with ExitStack() as locks:
            kept = {
                run_id: self._locked((run_id, names), locks) for run_id in sorted(wanted)
            }  # in order: no two wait for each other
            old = {r: k for r, k in kept.items() if k.version != wanted[r] and not _behind(wanted[r], k.version)}
            since = {r: k.version[1] if k.version and _goes_on(wanted[r], k.version) else None for r, k in old.items()}
            found = queries.series_since({r: step or 0 for r, step in since.items()}, names) if since else {}
            rewritten = [r for r, step in since.items() if step is not None and _rewritten(old[r].series, found[r])]
            if rewritten:
                since |= dict.fromkeys(rewritten)
                found |= queries.series_since(dict.fromkeys(rewritten, 0), names)
            for r, k in old.items():
                k.series = _joined(k.series if since[r] is not None else {}, found[r])
                k.version, k.points = wanted[r], sum(len(s.steps) for s in k.series.values())
            made = {r: k.series for r, k in kept.items()}
        self._let_go()
        return made

    def _locked(self, key: tuple[int, tuple[str, ...] | None], locks: ExitStack) -> _Kept:
        with self._lock:
            kept = self._kept.setdefault(key, _Kept())
            self._kept.move_to_end(key)
        locks.enter_context(kept.lock)
        return kept

    def _let_go(self) -> None:
        with self._lock:
            points = sum(k.points for k in self._kept.values())
            while points > self._most and len(self._kept) > 1:
                _, oldest = self._kept.popitem(last=False)
                points -= oldest.points


def _grows(asked: Version, kept: Version | None) -> bool:
    """What was read as of `kept` is the beginning of what there is as of `asked`, or the other way round."""
    return kept is not None and asked[0] == kept[0] and kept[2] == Status.RUNNING.value


def _goes_on(asked: Version, kept: Version) -> bool:
    """What was read is the beginning of what is asked for."""
    return _grows(asked, kept) and asked[1] >= kept[1]


def _behind(asked: Version, kept: Version | None) -> bool:
    """Another viewer has read further already: a little, or the run has taken steps back."""
    return kept is not None and _grows(asked, kept) and kept[1] - BEHIND <= asked[1] < kept[1]


def _rewritten(before: Mapping[str, Series], new: Mapping[str, Series]) -> bool:
    """The last step that was read has other values now: the run took steps back within its attempt (worker.supervisor tries
    again with smaller batches), and made them anew."""
    both = ((before[n], line) for n, line in new.items() if n in before and line.steps and before[n].steps)
    return any(b.steps[-1] == line.steps[0] and not same(b.values[-1], line.values[0]) for b, line in both)


def same(one: float, two: float) -> bool:
    """Equal, or both no number."""
    return one == two or (one != one and two != two)


def _joined(before: Mapping[str, Series], new: Mapping[str, Series]) -> Mapping[str, Series]:
    return {**before, **{n: before[n].then(s) if n in before else s.packed() for n, s in new.items()}}
