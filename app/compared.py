"""What the Compare page reads and computes, kept for all viewers. Called by its parts; beside app.cache the only reader.

A run is read anew when it has been evaluated again or has ended, not at every step. First what evaluations left, a hundredth
of the points, so that many long runs are on screen at once; then all (`whole`), in a thread.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import TypeVar

import streamlit as st

from app import cache, failures
from app.memo import Memo
from core.compare.comparison import PRIMARY, Comparison
from core.compare.evidence import EVALUATED, READ, Evidence
from core.errors import ShowdownError
from core.store import comparison
from core.store import evidence as stored
from core.store.queries import RunRow

MOST_POINTS = 6_000_000  # 16 bytes each
MOST_BYTES = 512 * 2**20  # of comparisons and their cards, points that several share counted for each
AGAIN_SECONDS = 60.0  # until what could not be read is tried again
AT_ONCE = 250_000  # points that are read before anything is drawn
Version = tuple[int, str, int, int]  # attempt, status, step of the last evaluation, budget
T = TypeVar("T")


@dataclass(frozen=True)
class Question:
    """What is compared how: `runs` by id, gold accuracies to reach, the scores that pairs are tested by, and which of these
    were fixed before the runs."""

    runs: tuple[int, ...]
    thresholds: tuple[float, ...] = ()
    primary: tuple[str, ...] = PRIMARY
    fixed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Compared:
    """`whole`: with what each step left; else only what evaluations did."""

    comparison: Comparison
    runs: tuple[Evidence, ...]
    whole: bool
    question: Question
    versions: tuple[Version, ...]


class EvidenceStore:
    """The newest evidence of each run, as long as all together have at most `most` points; the least recently used are let go.
    Safe to use from the threads of many sessions."""

    def __init__(self, most: int = MOST_POINTS) -> None:
        self._kept: OrderedDict[tuple[int, bool], tuple[Version, Evidence]] = OrderedDict()
        self._lock, self._most = Lock(), most

    def missing(self, versions: Mapping[int, Version], whole: bool) -> list[int]:
        """The runs that would have to be read."""
        with self._lock:
            return [i for i, v in versions.items() if self._get(i, v, whole) is None]

    def get(self, versions: Mapping[int, Version], whole: bool) -> list[Evidence]:
        """Run id -> its version; what is not there is read together."""
        with self._lock:
            found = {i: e for i, v in versions.items() if (e := self._get(i, v, whole)) is not None}
        missing = [i for i in versions if i not in found]
        read = stored.evidence(missing, READ if whole else EVALUATED) if missing else []
        with self._lock:
            for e in read:
                found[e.run_id] = e
                self._kept[e.run_id, whole] = (versions[e.run_id], e)
            for i in found:
                if (i, whole) in self._kept:
                    self._kept.move_to_end((i, whole))
            self._let_go()
        return [found[i] for i in sorted(found)]

    def _get(self, run_id: int, version: Version, whole: bool) -> Evidence | None:
        kept = self._kept.get((run_id, True)) or (None if whole else self._kept.get((run_id, False)))
        return kept[1] if kept is not None and kept[0] == version else None

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
    """The threads that read what each step left, by what they make, and which could not."""

    lock: Lock = field(default_factory=Lock)
    threads: dict[tuple[Question, tuple[Version, ...]], Thread] = field(default_factory=dict)
    failures: dict[tuple[Question, tuple[Version, ...]], tuple[float, str]] = field(default_factory=dict)  # when, why


@st.cache_resource(show_spinner=False)
def _reading() -> _Reading:
    return _Reading()


@st.cache_resource(show_spinner=False)
def _memo() -> Memo:
    return Memo(MOST_BYTES, _weight)


def _weight(value: object) -> int:
    """Bytes, about: of a comparison those of its runs' points; of a card or tables little."""
    return 100_000 + (16 * sum(map(_points, value.runs)) if isinstance(value, Compared) else 0)


def versions(rows: Sequence[RunRow]) -> dict[int, Version]:
    """Changes when a run has something new to compare. In the order of ids, however the rows come."""
    gold = cache.gold(list(rows))
    last = {r.id: gold[r.id].steps[-1] if r.id in gold else -1 for r in rows}
    return {r.id: (r.attempt, r.status.value, last[r.id], r.max_steps) for r in sorted(rows, key=lambda r: r.id)}


def text_of(rows: Sequence[RunRow]) -> str:
    """The same as text, for a pulse."""
    return " ".join(f"{i}:{'.'.join(map(str, v))}" for i, v in versions(rows).items())


def compared(question: Question, rows: Sequence[RunRow], whole: bool = False) -> Compared:
    """The comparison of these runs; `whole` or not, it is whole where that is quick or was done before."""
    now = versions(rows)
    version, memo = tuple(now.values()), _memo()
    missing = set(_evidence().missing(now, True))
    quick = sum(r.step for r in rows if r.id in missing) * len(READ) <= AT_ONCE
    all_of_it = whole or quick or memo.has((question, True), version)
    return memo.get((question, all_of_it), version, lambda: _compared(question, now, all_of_it))


def _compared(question: Question, now: Mapping[int, Version], whole: bool) -> Compared:
    runs = _evidence().get(now, whole)
    found = comparison.compared(runs, question.thresholds, question.primary, whole)
    return Compared(found, tuple(runs), whole, question, tuple(now.values()))


def read_on(question: Question, at: tuple[Version, ...]) -> str:
    """For a pulse of who looks at what evaluations left: "whole" when all is there, "failed" when it cannot be read just now.
    Else somebody reads it in a thread, which holds up all else that the server does."""
    key, reading = (question, at), _reading()
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
    """Why what each step left could not be read a moment ago; empty where it was not tried, or may be tried again."""
    when, why = _reading().failures.get((question, at), (-AGAIN_SECONDS, ""))
    return why if time.monotonic() - when < AGAIN_SECONDS else ""


def _read_whole(question: Question, at: tuple[Version, ...]) -> None:
    key, reading = (question, at), _reading()
    try:
        now = dict(zip(question.runs, at, strict=True))
        _memo().get((question, True), at, lambda: _compared(question, now, True))
        reading.failures.pop(key, None)
    except ShowdownError as error:  # nobody waits for this thread: the page says it
        reading.failures = {key: (time.monotonic(), str(error))}
    except Exception as error:
        message = failures.logged(error, f"what each step of runs {question.runs} left cannot be compared")
        reading.failures = {key: (time.monotonic(), message)}
    finally:
        with reading.lock:
            del reading.threads[key]


def made(found: Compared, what: Hashable, make: Callable[[], T]) -> T:
    """Something made of a comparison: made once for all viewers."""
    return _memo().get((what, found.question, found.whole), found.versions, make)
