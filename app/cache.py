"""The only reader: core.store.queries behind one cache shared by all viewers. Called by pages.

Fresh data is looked for at most once a second however many people look. A finished run's series are kept for longer.
"""

import time
from typing import Any

import streamlit as st

from core import health, paths, samples
from core.answers import AnswerRule
from core.estimate import Past
from core.metrics.series import Series
from core.mix import Mix
from core.preflight import Report, report
from core.replay import Change, Outcome, compare, run
from core.store import many, past, queries, workers
from core.store.queries import Event, ExperimentRow, RunDetail, RunRow, SampleView
from core.store.workers import Machine

LIVE_SECONDS = 0.9
MOST_EXPERIMENTS = 200
MOST_RUNS = 600  # a list has the newest so many; the largest experiment has fewer
WORKER_SECONDS = 20.0  # a worker not heard of for longer is not shown as listening


@st.cache_data(ttl=LIVE_SECONDS, max_entries=64, show_spinner=False)
def run_list(experiment_id: int | None = None) -> list[RunRow]:
    return queries.run_list(experiment_id, MOST_RUNS)


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


@st.cache_data(ttl=600, max_entries=128, show_spinner=False)
def samples_at(run_id: int, step: int, split: str, version: tuple[int, int, str]) -> list[SampleView]:
    del version
    return queries.samples_at(run_id, step, split)


@st.cache_data(ttl=LIVE_SECONDS, max_entries=256, show_spinner=False)
def events(run_id: int) -> list[Event]:
    return queries.events(run_id)


@st.cache_data(ttl=LIVE_SECONDS, max_entries=2, show_spinner=False)
def unfinished() -> list[RunRow]:
    return queries.unfinished()


@st.cache_data(ttl=LIVE_SECONDS, max_entries=16, show_spinner=False)
def gold_now(run_ids: tuple[int, ...]) -> dict[int, Series]:
    return many.gold(run_ids)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def gold_done(runs: tuple[tuple[int, int], ...]) -> dict[int, Series]:
    """Of runs that have ended, as (id, attempt): read once, however long the page ticks."""
    return many.gold([run_id for run_id, _ in runs])


def gold(rows: list[RunRow]) -> dict[int, Series]:
    """Gold accuracy by step of some runs: two queries at most, and one of them only once."""
    ended = tuple((r.id, r.attempt) for r in rows if r.status.finished)
    return {**gold_done(ended), **gold_now(tuple(r.id for r in rows if not r.status.finished))}


@st.cache_data(ttl=600, max_entries=256, show_spinner=False)
def line(run_id: int, name: str, version: tuple[int, int, str]) -> Series:
    del version
    return many.line(run_id, name)


@st.cache_data(ttl=600, max_entries=4, show_spinner=False)
def settings_of(runs: tuple[tuple[int, int], ...]) -> dict[int, dict[str, Any]]:
    """Every setting of some runs by its path; a run is (id, max_steps), the one setting that an extension changes."""
    return {run_id: paths.flatten(config) for run_id, config in many.configs([run_id for run_id, _ in runs]).items()}


@st.cache_data(ttl=30, max_entries=2, show_spinner=False)
def metric_names() -> list[str]:
    return many.metric_names()


@st.cache_data(ttl=LIVE_SECONDS, max_entries=32, show_spinner=False)
def newest_of(run_ids: tuple[int, ...], name: str) -> dict[int, float]:
    return many.newest_of(run_ids, name)


@st.cache_data(ttl=20, max_entries=16, show_spinner=False)
def past_runs(model: str) -> list[Past]:
    return past.past_runs(model)


@st.cache_data(ttl=5, max_entries=2, show_spinner=False)
def system() -> health.System:
    return health.system()


@st.cache_data(ttl=LIVE_SECONDS, max_entries=4, show_spinner=False)
def experiments() -> list[ExperimentRow]:
    return queries.experiments(MOST_EXPERIMENTS)


@st.cache_data(ttl=600, max_entries=16, show_spinner=False)
def experiment_config(experiment_id: int) -> dict[str, Any]:
    return many.experiment_config(experiment_id)


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


def runs_of(experiment_id: int) -> list[RunRow]:
    """An experiment's runs, out of the list that every page reads where that is whole."""
    rows = run_list()
    if len(rows) < MOST_RUNS:
        return [r for r in rows if r.experiment_id == experiment_id]
    return run_list(experiment_id)


def forget_runs() -> None:
    """After a write: whoever wrote sees it at once."""
    for cached in (run_list, run_detail, events, experiments, unfinished, waiting):
        cached.clear()


def version(row: RunRow) -> tuple[int, int, str]:
    """Changes whenever a run has something new to show."""
    return (row.attempt, row.step, row.status)
