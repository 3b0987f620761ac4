"""The series of runs in memory: read once, then only what is new, for all viewers together.

A run's points only grow while an attempt is running. A resumed attempt first removes what lies behind its
checkpoint, so what was read before it was running is read anew. The least recently used runs are evicted when
there are too many points. Knows nothing of pages.
"""

from collections import OrderedDict
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Lock

from core.metrics.series import Series
from core.store.runs import queries
from core.store.status import Status

Version = tuple[int, int, str]  # attempt, step, status
MOST_POINTS = 6_000_000  # 16 bytes each
BEHIND = 20  # steps; more than pass between two reads of the list of runs


@dataclass
class _Kept:
    """The series of one run in memory, as of `version`."""

    version: Version | None = None
    series: Mapping[str, Series] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)
    points: int = 0


class SeriesStore:
    """The store of series, one per process. Safe to use from the threads of many sessions."""

    def __init__(self, most_points: int = MOST_POINTS) -> None:
        self._kept: OrderedDict[tuple[int, tuple[str, ...] | None], _Kept] = OrderedDict()
        self._lock = Lock()
        self._most = most_points

    def get(
        self, wanted: Mapping[int, Version], names: tuple[str, ...] | None = None
    ) -> dict[int, Mapping[str, Series]]:
        """The metrics of these names (None: all) of some runs, each up to its version at least.

        What is returned never changes.
        """
        with ExitStack() as locks:
            # in order, so that no two threads wait for each other
            entry_by_run = {run_id: self._locked((run_id, names), locks) for run_id in sorted(wanted)}
            outdated = {
                r: k
                for r, k in entry_by_run.items()
                if k.version != wanted[r] and not _behind(wanted[r], k.version)
            }
            since = {
                r: k.version[1] if k.version and _goes_on(wanted[r], k.version) else None
                for r, k in outdated.items()
            }
            new_series = (
                queries.series_since({r: step or 0 for r, step in since.items()}, names) if since else {}
            )
            rewritten = [
                r
                for r, step in since.items()
                if step is not None and _rewritten(outdated[r].series, new_series[r])
            ]
            if rewritten:
                since |= dict.fromkeys(rewritten)
                new_series |= queries.series_since(dict.fromkeys(rewritten, 0), names)
            for r, k in outdated.items():
                k.series = _joined(k.series if since[r] is not None else {}, new_series[r])
                k.version = wanted[r]
                k.points = sum(len(s.steps) for s in k.series.values())
            series_by_run = {r: k.series for r, k in entry_by_run.items()}
        self._let_go()
        return series_by_run

    def _locked(self, key: tuple[int, tuple[str, ...] | None], locks: ExitStack) -> _Kept:
        with self._lock:
            entry = self._kept.setdefault(key, _Kept())
            self._kept.move_to_end(key)
        locks.enter_context(entry.lock)
        return entry

    def _let_go(self) -> None:
        with self._lock:
            points = sum(k.points for k in self._kept.values())
            while points > self._most and len(self._kept) > 1:
                _, oldest = self._kept.popitem(last=False)
                points -= oldest.points


def _grows(asked: Version, kept: Version | None) -> bool:
    """Whether what was read as of `kept` is the beginning of what there is as of `asked`, or vice versa."""
    return kept is not None and asked[0] == kept[0] and kept[2] == Status.RUNNING.value


def _goes_on(asked: Version, kept: Version) -> bool:
    """Whether what was read is the beginning of what is requested."""
    return _grows(asked, kept) and asked[1] >= kept[1]


def _behind(asked: Version, kept: Version | None) -> bool:
    """Whether another viewer has read a little further already.

    If it was further than a little, the run has stepped back.
    """
    return kept is not None and _grows(asked, kept) and kept[1] - BEHIND <= asked[1] < kept[1]


def _rewritten(before: Mapping[str, Series], new: Mapping[str, Series]) -> bool:
    """Whether the last step that was read has other values now.

    The run then stepped back within its attempt (worker.supervise.supervisor tries again with smaller
    batches), and made them anew.
    """
    pairs = ((before[n], line) for n, line in new.items() if n in before and line.steps and before[n].steps)
    return any(b.steps[-1] == line.steps[0] and not same(b.values[-1], line.values[0]) for b, line in pairs)


def same(one: float, two: float) -> bool:
    """Whether both are equal, or both NaN."""
    return one == two or (one != one and two != two)


def _joined(before: Mapping[str, Series], new: Mapping[str, Series]) -> Mapping[str, Series]:
    return {**before, **{n: before[n].then(s) if n in before else s.packed() for n, s in new.items()}}
