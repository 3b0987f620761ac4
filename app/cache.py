"""The only reader: core.store.queries behind one cache shared by all viewers. Called by pages.

Fresh data is looked for at most once a second however many people look. A finished run's series are kept for longer.
"""

import time

import streamlit as st

from core import samples
from core.answers import AnswerRule
from core.metrics.series import Series
from core.mix import Mix
from core.preflight import Report, report
from core.replay import Change, Outcome, compare, run
from core.store import browse, lines, notes, queries, workers
from core.store.browse import Page, Selection, Sort
from core.store.lines import Line, Place, Seen
from core.store.notes import Marks
from core.store.queries import Event, ExperimentRow, RunDetail, RunRow, SampleView
from core.store.workers import Machine

LIVE_SECONDS = 0.9
Versions = tuple[tuple[int, int, str], ...]
WORKER_SECONDS = 20.0  # a worker not heard of for longer is not shown as listening


@st.cache_data(ttl=LIVE_SECONDS, max_entries=64, show_spinner=False)
def run_list(experiment_id: int | None = None) -> list[RunRow]:
    return queries.run_list(experiment_id)


@st.cache_data(ttl=LIVE_SECONDS, max_entries=256, show_spinner=False)
def run_detail(run_id: int) -> RunDetail:
    return queries.run_detail(run_id)


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def series(run_id: int, version: tuple[int, int, str]) -> dict[str, Series]:
    """All metrics of a run; `version` (attempt, step, status) changes whenever there is more to read."""
    del version
    return queries.series(run_id)


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def held_out(run_id: int, version: tuple[int, int, str]) -> int:
    del version
    return queries.held_out(run_id)


@st.cache_data(ttl=LIVE_SECONDS, max_entries=256, show_spinner=False)
def events(run_id: int) -> list[Event]:
    return queries.events(run_id)


@st.cache_data(ttl=LIVE_SECONDS, max_entries=4, show_spinner=False)
def experiments() -> list[ExperimentRow]:
    return queries.experiments()


@st.cache_data(ttl=LIVE_SECONDS, max_entries=2, show_spinner=False)
def machines() -> list[Machine]:
    return workers.machines(time.time() - WORKER_SECONDS)


@st.cache_data(ttl=LIVE_SECONDS, max_entries=2, show_spinner=False)
def waiting() -> list[int]:
    return workers.waiting()


@st.cache_data(ttl=3600, max_entries=32, show_spinner=False)
def preflight(mix: str, max_steps: int, answer_rule: AnswerRule, run_id: int, version: tuple[int, int, str]) -> Report:
    """A mix (as JSON) on a run's samples, or on the shipped ones for run 0."""
    del version
    made = Mix.model_validate_json(mix)
    if run_id:
        table, problems = samples.of_run(run_id, made), samples.shipped_problems()
    else:
        table, problems = samples.of_file(samples.SHIPPED, made, answer_rule)
    return report(table, made, max_steps, problems, answer_rule=answer_rule)


@st.cache_data(ttl=600, max_entries=4, show_spinner=False)
def replay(run_id: int, mix: str, version: tuple[int, int, str]) -> tuple[Outcome, Outcome, Change, list[int]]:
    """A run's samples under its own mix and another one (as JSON): both outcomes, what changes, and the samples' ids."""
    del version
    made = Mix.model_validate_json(mix)
    pair = samples.pair_of_run(run_id, made)
    before, after = (run(t, m, kl=pair.kl) for t, m in ((pair.table_before, pair.before), (pair.table_after, made)))
    return before, after, compare(pair.table_after, before, after), [int(i) for i in pair.table_after.id]


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def samples_by_id(ids: tuple[int, ...]) -> list[SampleView]:
    return queries.samples_by_id(ids)


@st.cache_data(ttl=600, max_entries=128, show_spinner=False)
def sample_page(chosen: Selection, sort: Sort, number: int, size: int, versions: Versions) -> tuple[Page, list[Line]]:
    """A page of a list of samples; `versions` of its runs."""
    del versions
    page = browse.page(chosen, sort, number, size)
    return page, lines.lines(page.ids)


@st.cache_data(ttl=600, max_entries=128, show_spinner=False)
def sample_group(place: Place, versions: Versions) -> tuple[SampleView | None, list[Line]]:
    """The sample of a place, whole, and the lines of its group."""
    del versions
    return lines.sample_at(place), lines.group(place)


@st.cache_data(ttl=600, max_entries=64, show_spinner=False)
def problem_through_time(run_ids: tuple[int, ...], problem_id: str, split: str, versions: Versions) -> list[Seen]:
    del versions
    return lines.through_time(run_ids, problem_id, split)


@st.cache_data(ttl=LIVE_SECONDS, max_entries=256, show_spinner=False)
def marks(place: Place) -> Marks:
    return notes.marks(place)


@st.cache_data(ttl=LIVE_SECONDS, max_entries=64, show_spinner=False)
def label_counts(run_ids: tuple[int, ...]) -> dict[str, int]:
    return notes.label_counts(run_ids)


def forget_marks() -> None:
    """After a note or a label was written."""
    for cached in (sample_page, sample_group, marks, label_counts):
        cached.clear()


def forget_runs() -> None:
    """After a write: whoever wrote sees it at once."""
    for cached in (run_list, run_detail, events, experiments):
        cached.clear()


def version(row: RunRow) -> tuple[int, int, str]:
    """Changes whenever a run has something new to show."""
    return (row.attempt, row.step, row.status)
