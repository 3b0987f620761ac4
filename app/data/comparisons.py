"""Reads and computes what the Compare page shows, cached for all viewers.

A run is read anew when it has been evaluated again or has ended, not at every step. The points of evaluations
come first, a hundredth of all points, so that many long runs are on screen at once; then all points
(`whole`), in a thread.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import TypeVar

import streamlit as st

from app.data import reads
from app.data.shared_cache import Memo
from app.server import failures
from core.common.errors import ShowdownError
from core.compare.comparison import PRIMARY, Comparison
from core.compare.evidence import EVALUATED, READ, Evidence
from core.store.runs import comparison
from core.store.runs import evidence as stored
from core.store.runs.queries import RunRow

MOST_POINTS = 6_000_000  # 16 bytes each
MOST_BYTES = 512 * 2**20  # of comparisons and their cards; points shared by several count for each
AGAIN_SECONDS = 60.0  # until a failed read is tried again
AT_ONCE = 250_000  # points that are read before anything is drawn
Version = tuple[int, str, int, int]  # attempt, status, step of the last evaluation, budget
T = TypeVar("T")


@dataclass(frozen=True)
class Question:
    """What is compared, and how.

    `runs`: ids. `thresholds`: gold accuracies to reach. `primary`: the scores that pairs are tested by.
    `fixed`: those of these that were fixed before the runs.
    """

    runs: tuple[int, ...]
    thresholds: tuple[float, ...] = ()
    primary: tuple[str, ...] = PRIMARY
    fixed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Compared:
    """A comparison with its evidence.

    `whole`: with the points of each step; otherwise only those of evaluations.
    """

    comparison: Comparison
    runs: tuple[Evidence, ...]
    whole: bool
    question: Question
    versions: tuple[Version, ...]


class EvidenceStore:
    """The newest evidence of each run, with at most `most` points in total.

    The least recently used entries are evicted. Safe to use from the threads of many sessions.
    """

    def __init__(self, most: int = MOST_POINTS) -> None:
        self._kept: OrderedDict[tuple[int, bool], tuple[Version, Evidence]] = OrderedDict()
        self._lock = Lock()
        self._most = most

    def missing(self, versions: Mapping[int, Version], whole: bool) -> list[int]:
        """The runs that would have to be read."""
        with self._lock:
            return [i for i, v in versions.items() if self._get(i, v, whole) is None]

    def get(self, versions: Mapping[int, Version], whole: bool) -> list[Evidence]:
        """The evidence of these runs, by rising id; what is missing is read together.

        `versions`: run id -> its version.
        """
        with self._lock:
            evidence_by_run = {i: e for i, v in versions.items() if (e := self._get(i, v, whole)) is not None}
        missing = [i for i in versions if i not in evidence_by_run]
        new_evidence = stored.evidence(missing, READ if whole else EVALUATED) if missing else []
        with self._lock:
            for e in new_evidence:
                evidence_by_run[e.run_id] = e
                self._kept[e.run_id, whole] = (versions[e.run_id], e)
            for i in evidence_by_run:
                if (i, whole) in self._kept:
                    self._kept.move_to_end((i, whole))
            self._let_go()
        return [evidence_by_run[i] for i in sorted(evidence_by_run)]

    def _get(self, run_id: int, version: Version, whole: bool) -> Evidence | None:
        entry = self._kept.get((run_id, True)) or (None if whole else self._kept.get((run_id, False)))
        return entry[1] if entry is not None and entry[0] == version else None

    def _let_go(self) -> None:
        points = sum(_points(e) for _, e in self._kept.values())
        while points > self._most and len(self._kept) > 1:
            points -= _points(self._kept.popitem(last=False)[1][1])


def _points(e: Evidence) -> int:
    return sum(len(s.steps) for s in e.series.values())


@st.cache_resource(show_spinner=False)
def _evidence() -> EvidenceStore:
    return EvidenceStore()


@dataclass
class _Reading:
    """The threads that read the points of each step, by what they make, and the reads that failed."""

    lock: Lock = field(default_factory=Lock)
    threads: dict[tuple[Question, tuple[Version, ...]], Thread] = field(default_factory=dict)
    # when each failed, and why
    failures: dict[tuple[Question, tuple[Version, ...]], tuple[float, str]] = field(default_factory=dict)


@st.cache_resource(show_spinner=False)
def _reading() -> _Reading:
    return _Reading()


@st.cache_resource(show_spinner=False)
def _memo() -> Memo:
    return Memo(MOST_BYTES, _weight)


def _weight(value: object) -> int:
    """Approximate size in bytes: the points of a comparison's runs; little for a card or tables."""
    return 100_000 + (16 * sum(map(_points, value.runs)) if isinstance(value, Compared) else 0)


def versions(rows: Sequence[RunRow]) -> dict[int, Version]:
    """Run id -> version, which changes when the run has something new to compare.

    In the order of ids, whatever the order of the rows.
    """
    gold = reads.gold(list(rows))
    last = {r.id: gold[r.id].steps[-1] if r.id in gold else -1 for r in rows}
    return {
        r.id: (r.attempt, r.status.value, last[r.id], r.max_steps) for r in sorted(rows, key=lambda r: r.id)
    }


def text_of(rows: Sequence[RunRow]) -> str:
    """The versions as text, for a pulse."""
    return " ".join(f"{i}:{'.'.join(map(str, v))}" for i, v in versions(rows).items())


def compared(question: Question, rows: Sequence[RunRow], whole: bool = False) -> Compared:
    """The comparison of these runs.

    Without `whole`, too, it is whole where that is quick or already cached.
    """
    version_by_run = versions(rows)
    version = tuple(version_by_run.values())
    memo = _memo()
    missing = set(_evidence().missing(version_by_run, True))
    quick = sum(r.step for r in rows if r.id in missing) * len(READ) <= AT_ONCE
    all_of_it = whole or quick or memo.has((question, True), version)
    return memo.get((question, all_of_it), version, lambda: _compared(question, version_by_run, all_of_it))


def _compared(question: Question, now: Mapping[int, Version], whole: bool) -> Compared:
    runs = _evidence().get(now, whole)
    result = comparison.compared(runs, question.thresholds, question.primary, whole)
    return Compared(result, tuple(runs), whole, question, tuple(now.values()))


def read_on(question: Question, at: tuple[Version, ...]) -> str:
    """The state of the read of all points, for the pulse of a viewer who sees those of evaluations.

    "whole" when all points are there, "failed" when they cannot be read just now. Otherwise "first", and a
    thread reads them, which holds up everything else that the server does.
    """
    key = (question, at)
    reading = _reading()
    if _memo().has((question, True), at):
        return "whole"
    if failed(*key):
        return "failed"
    with reading.lock:
        if key not in reading.threads:
            reading.threads[key] = Thread(target=_read_whole, args=key, name="showdown-compare", daemon=True)
            reading.threads[key].start()
    return "first"


def failed(question: Question, at: tuple[Version, ...]) -> str:
    """Why the points of each step could not be read a moment ago.

    Empty where that was not tried, or may be tried again.
    """
    failed_at, reason = _reading().failures.get((question, at), (-AGAIN_SECONDS, ""))
    return reason if time.monotonic() - failed_at < AGAIN_SECONDS else ""


def _read_whole(question: Question, at: tuple[Version, ...]) -> None:
    key = (question, at)
    reading = _reading()
    try:
        version_by_run = dict(zip(question.runs, at, strict=True))
        _memo().get((question, True), at, lambda: _compared(question, version_by_run, True))
        reading.failures.pop(key, None)
    except ShowdownError as error:  # nobody waits for this thread: the page shows it
        reading.failures = {key: (time.monotonic(), str(error))}
    except Exception as error:
        message = failures.logged(error, f"what each step of runs {question.runs} left cannot be compared")
        reading.failures = {key: (time.monotonic(), message)}
    finally:
        with reading.lock:
            del reading.threads[key]


def made(found: Compared, what: Hashable, make: Callable[[], T]) -> T:
    """Something computed from a comparison, once for all viewers."""
    return _memo().get((what, found.question, found.whole), found.versions, make)
