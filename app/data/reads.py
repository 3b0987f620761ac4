"""The reader of runs, experiments and samples: core.store behind one cache shared by all viewers.

Fresh data are looked up at most every LIVE_SECONDS, however many people look. A finished run's series are
cached for longer. What is computed from them is cached by app.data.run_charts, app.data.mix_trials and
app.data.comparisons.
"""

import hashlib
import time
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import streamlit as st

from app.data.shared_cache import Memo
from app.live.feed import weight
from app.live.series_cache import SeriesStore, Version
from core.common import setting_paths
from core.common.errors import ConfigError
from core.config.estimate import Past
from core.config.parsing import parse
from core.config.run import RunConfig
from core.metrics.series import Series
from core.store import health, workers
from core.store.designs import drafts, mixes
from core.store.designs.drafts import StoredDraft
from core.store.designs.mixes import SavedMix
from core.store.runs import durations, queries
from core.store.runs.queries import Event, ExperimentRow, RunDetail, RunRow, SampleView, Standing
from core.store.samples import browse, lines, notes
from core.store.samples.browse import Page, Selection, Sort
from core.store.samples.lines import Line, Place, Seen
from core.store.samples.notes import Marks
from core.store.steps import evaluations, many_runs
from core.store.workers import Machine

Versions = tuple[Version, ...]
T = TypeVar("T")
MEMO = 256 * 2**20  # bytes of cards
LIVE_SECONDS = 0.4  # with a tick a second, a write is visible within two
MOST_EXPERIMENTS = 200
MOST_RUNS = 600  # a list has at most the newest of these; the largest experiment has fewer
_writes = [0]  # how often this process has written
WORKER_SECONDS = 20.0  # a worker not heard of for longer is not shown as listening


@st.cache_data(ttl=LIVE_SECONDS, max_entries=64, show_spinner=False)
def run_list(experiment_id: int | None = None) -> list[RunRow]:
    return queries.run_list(experiment_id, MOST_RUNS)


def rows(run_ids: tuple[int, ...]) -> list[RunRow]:
    return _fresh(("rows", run_ids), lambda: queries.rows(run_ids))


def versions(run_ids: tuple[int, ...]) -> Mapping[int, Version]:
    return _fresh(("versions", run_ids), lambda: queries.versions(run_ids))


def standing(first: int) -> str:
    """`standing_of` the current runs from this id on."""
    return standing_of(_fresh(("standing", first), lambda: queries.standing(first)))


def standing_of(rows: Sequence[RunRow | Standing]) -> str:
    """A hash that changes when a list of runs would show another state or whole percent of progress.

    It also changes each minute, for ages and gold accuracies. Runs that have ended do not count.
    """
    going = sorted((r for r in rows if not r.status.finished), key=lambda r: r.id)
    parts = [f"{r.id}.{r.status}.{r.attempt}.{100 * r.step // r.max_steps}" for r in going]
    return hashlib.sha256(" ".join([*parts, str(minute())]).encode()).hexdigest()[:16]


def minute() -> int:
    """The current minute, counted from the epoch."""
    return int(time.time() / 60)


def run_detail(run_id: int) -> RunDetail:
    return _fresh(("detail", run_id), lambda: queries.run_detail(run_id))


def _fresh(key: Hashable, make: Callable[[], T]) -> T:
    """Read at most once in LIVE_SECONDS. The value is shared, so it must not be changed."""
    return memo().get(("fresh", key), (int(time.monotonic() / LIVE_SECONDS), _writes[0]), make)


# Not st.cache_resource, whose lookup takes longer than the value's own: a tick makes dozens of lookups.
@lru_cache(1)
def _series() -> SeriesStore:
    return SeriesStore()


def series(run_id: int, version: Version, names: tuple[str, ...] | None = None) -> Mapping[str, Series]:
    """A run's metrics of these names (None: all), up to `version`.

    While the run goes on, only new points are read.
    """
    return series_of({run_id: version}, names)[run_id]


def series_of(
    runs: Mapping[int, Version], names: tuple[str, ...] | None = None
) -> Mapping[int, Mapping[str, Series]]:
    """The metrics of some runs (names None: all), read together."""
    return _series().get(runs, names)


def config(run_id: int) -> RunConfig:
    """A run's settings."""
    return config_of(run_id, run_detail(run_id).config_hash)


@st.cache_resource(max_entries=256, show_spinner=False)
def config_of(run_id: int, config_hash: str) -> RunConfig:
    """A run's settings; `config_hash` changes when extending the run changes them.

    Raises ConfigError for settings that this version cannot read.
    """
    del config_hash
    return parse(RunConfig, queries.run_detail(run_id).config)


def config_fault(run_id: int) -> str:
    """Why a run's settings cannot be read; empty where they can."""
    try:
        config(run_id)
    except ConfigError as error:
        return f"Its settings cannot be read by this version: {error}"
    return ""


def of_run(detail: RunDetail, what: Hashable, make: Callable[[], T]) -> T:
    """Something computed from a run as it is now; `what` distinguishes it from the run's others."""
    return memo().get((detail.row.id, what), (version(detail.row), detail.config_hash), make)


@lru_cache(1)
def memo() -> Memo:
    return Memo(MEMO, weight)


def held_out(run_id: int, version: Version) -> int:
    """The number of independent completions in a run's newest evaluation.

    Not cached by st.cache_data, which keeps a lock for each step's version for ever.
    """
    return memo().get(("held-out", run_id), version, lambda: evaluations.held_out(run_id))


@st.cache_data(ttl=LIVE_SECONDS, max_entries=256, show_spinner=False)
def events(run_id: int) -> list[Event]:
    return queries.events(run_id)


@st.cache_data(ttl=LIVE_SECONDS, max_entries=2, show_spinner=False)
def unfinished() -> list[RunRow]:
    return queries.unfinished()


@st.cache_data(ttl=LIVE_SECONDS, max_entries=16, show_spinner=False)
def gold_now(run_ids: tuple[int, ...]) -> dict[int, Series]:
    return many_runs.gold(run_ids)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def gold_done(runs: tuple[tuple[int, int], ...]) -> dict[int, Series]:
    """Gold accuracies of runs that have ended, given as (id, attempt).

    Read once, however long the page ticks.
    """
    return many_runs.gold([run_id for run_id, _ in runs])


def gold(rows: list[RunRow]) -> dict[int, Series]:
    """Gold accuracy by step of some runs.

    At most two queries, one of which is made only once.
    """
    ended = tuple((r.id, r.attempt) for r in rows if r.status.finished)
    return {**gold_done(ended), **gold_now(tuple(r.id for r in rows if not r.status.finished))}


def text_of_all(versions: Iterable[Version]) -> str:
    """A text that changes whenever one of the runs has something new to show."""
    return " ".join(map(text_of, versions))


@st.cache_data(ttl=600, max_entries=4, show_spinner=False)
def settings_of(runs: tuple[tuple[int, int], ...]) -> dict[int, dict[str, Any]]:
    """Every setting of some runs by its path.

    A run is (id, max_steps), the one setting that an extension changes.
    """
    return {
        run_id: setting_paths.flatten(config)
        for run_id, config in many_runs.configs([run_id for run_id, _ in runs]).items()
    }


@st.cache_data(ttl=600, max_entries=8, show_spinner=False)
def without_settings(runs: tuple[tuple[int, int], ...]) -> set[int]:
    """The runs among these whose settings cannot be read.

    A run is (id, max_steps), as in `settings_of`. One query, and each is parsed once.
    """
    unreadable = set()
    for run_id, values in many_runs.configs([run_id for run_id, _ in runs]).items():
        try:
            parse(RunConfig, values)
        except ConfigError:
            unreadable.add(run_id)
    return unreadable


@st.cache_data(ttl=30, max_entries=2, show_spinner=False)
def metric_names() -> list[str]:
    return many_runs.metric_names()


@st.cache_data(ttl=LIVE_SECONDS, max_entries=32, show_spinner=False)
def newest_of(run_ids: tuple[int, ...], name: str) -> dict[int, float]:
    return many_runs.newest_of(run_ids, name)


@st.cache_data(ttl=20, max_entries=16, show_spinner=False)
def past_runs(model: str) -> list[Past]:
    return durations.past_runs(model)


@st.cache_data(ttl=5, max_entries=2, show_spinner=False)
def system() -> health.System:
    return health.system()


@st.cache_data(ttl=5, max_entries=2, show_spinner=False)
def failing() -> list[str]:
    return health.failing()


@st.cache_data(ttl=LIVE_SECONDS, max_entries=4, show_spinner=False)
def experiments() -> list[ExperimentRow]:
    return queries.experiments(MOST_EXPERIMENTS)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def experiment_config(experiment_id: int) -> dict[str, Any]:
    return many_runs.experiment_config(experiment_id)


@st.cache_data(ttl=LIVE_SECONDS, max_entries=2, show_spinner=False)
def machines() -> list[Machine]:
    return workers.machines(time.time() - WORKER_SECONDS)


@st.cache_data(ttl=LIVE_SECONDS, max_entries=2, show_spinner=False)
def waiting() -> list[int]:
    return workers.waiting()


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def samples_by_id(ids: tuple[int, ...], version: Version) -> list[SampleView]:
    """The samples among these that still exist.

    `version`: that of their run, because after a rewind SQLite gives old ids to new samples.
    """
    del version
    return queries.samples_by_id(ids)


def runs_of(experiment_id: int) -> list[RunRow]:
    """An experiment's runs, out of the list that every page reads where that list is complete."""
    rows = run_list()
    if len(rows) < MOST_RUNS:
        return [r for r in rows if r.experiment_id == experiment_id]
    return run_list(experiment_id)


@st.cache_data(ttl=LIVE_SECONDS, max_entries=256, show_spinner=False)
def draft(draft_id: str) -> StoredDraft | None:
    return drafts.load(draft_id)


@st.cache_data(ttl=LIVE_SECONDS, max_entries=2, show_spinner=False)
def recent_drafts() -> list[StoredDraft]:
    return drafts.recent()


@st.cache_data(ttl=LIVE_SECONDS, max_entries=2, show_spinner=False)
def saved_mixes() -> list[SavedMix]:
    return mixes.saved()


@st.cache_data(ttl=10, max_entries=2, show_spinner=False)
def used_by() -> dict[str, tuple[int, ...]]:
    """Hash of a mix -> the runs that train it."""
    return mixes.used_by()


def forget_drafts() -> None:
    """Clear the cached drafts, after one was written."""
    for cached in (draft, recent_drafts):
        cached.clear()


@st.cache_data(ttl=600, max_entries=128, show_spinner=False)
def sample_page(
    chosen: Selection, sort: Sort, number: int, size: int, versions: Versions
) -> tuple[Page, list[Line]]:
    """One page of a list of samples. `versions`: those of its runs."""
    del versions
    page = browse.page(chosen, sort, number, size)
    return page, lines.lines(page.ids)


@st.cache_data(ttl=600, max_entries=128, show_spinner=False)
def sample_group(place: Place, versions: Versions) -> tuple[SampleView | None, list[Line]]:
    """The full sample at a place, and the lines of its group. `versions`: that of its run."""
    del versions
    return lines.sample_at(place), lines.group(place)


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def problem_through_time(
    run_ids: tuple[int, ...], problem_id: str, split: str, versions: Versions
) -> list[Seen]:
    """The groups of a problem in some runs. `versions`: those of all these runs."""
    del versions
    return lines.through_time(run_ids, problem_id, split)


@st.cache_data(ttl=LIVE_SECONDS, max_entries=256, show_spinner=False)
def marks(place: Place) -> Marks:
    return notes.marks(place)


@st.cache_data(ttl=LIVE_SECONDS, max_entries=64, show_spinner=False)
def label_counts(run_ids: tuple[int, ...]) -> dict[str, int]:
    return notes.label_counts(run_ids)


def forget_marks() -> None:
    """Clear what shows notes and labels, after one was written."""
    for cached in (sample_page, sample_group, marks, label_counts):
        cached.clear()


def forget_runs() -> None:
    """Clear what shows runs, after a write: whoever wrote sees it at once."""
    _writes[0] += 1
    for cached in (run_list, events, experiments, unfinished, waiting):
        cached.clear()


def forget_all() -> None:
    """Clear every cache, as in a process that has just begun."""
    st.cache_data.clear()
    st.cache_resource.clear()
    _series.cache_clear()
    memo.cache_clear()


def version(row: RunRow) -> Version:
    """A run's version, which changes whenever it has something new to show."""
    return (row.attempt, row.step, row.status)


def version_of(run_id: int) -> Version:
    """The `version` of a run by its id; run 0 is the shipped samples, which do not change."""
    return version(run_detail(run_id).row) if run_id else (0, 0, "")


def text_of(at: Version) -> str:
    return ".".join(map(str, at))
