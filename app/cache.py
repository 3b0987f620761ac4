"""The only reader: core.store.queries behind one cache shared by all viewers. Called by pages.

Fresh data is looked for at most once a second however many people look. A finished run's series are kept for longer.
"""

import time

import streamlit as st

import core.dial
from core import samples
from core.advantage import Group
from core.answers import AnswerRule
from core.dial import Dial
from core.metrics.series import Series
from core.mix import Mix
from core.preflight import Report, report
from core.problems.problem import Problem
from core.replay import Change, Outcome, compare, run
from core.shaping import Plain
from core.store import drafts, mixes, queries, workers
from core.store.drafts import StoredDraft
from core.store.mixes import SavedMix
from core.store.queries import Event, ExperimentRow, RunDetail, RunRow, SampleView
from core.store.workers import Machine
from core.table import SampleTable

LIVE_SECONDS = 0.9
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


@st.cache_data(ttl=600, max_entries=128, show_spinner=False)
def samples_at(run_id: int, step: int, split: str, version: tuple[int, int, str]) -> list[SampleView]:
    del version
    return queries.samples_at(run_id, step, split)


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


Looked = tuple[SampleTable, list[Problem]]


@st.cache_data(ttl=3600, max_entries=8, show_spinner=False)
def _scored(mix: str, answer_rule: AnswerRule, run_id: int, version: tuple[int, int, str]) -> Looked:
    """A run's samples (0: the shipped ones) with the raw scores of a mix (as JSON), and problems to make probes of."""
    del version
    made = Mix.model_validate_json(mix)
    if run_id:
        return samples.of_run(run_id, made), samples.shipped_problems()
    return samples.of_file(samples.SHIPPED, made, answer_rule)


@st.cache_data(ttl=3600, max_entries=32, show_spinner=False)
def preflight(
    mix: str, max_steps: int, step: int, answer_rule: AnswerRule, run_id: int, version: tuple[int, int, str]
) -> Report:
    """A mix (as JSON, schedules in steps) on a run's samples, or on the shipped ones for run 0."""
    made = Mix.model_validate_json(mix)
    table, problems = _scored(_scores_of(made), answer_rule, run_id, version)
    return report(table, made, max_steps, problems, max(1, step), answer_rule)


@st.cache_data(ttl=3600, max_entries=64, show_spinner=False)
def dial(mix: str, max_steps: int, step: int, answer_rule: AnswerRule, run_id: int, version: tuple[int, int, str]) -> Dial:
    """Likewise what it weighs and what it trains."""
    made = Mix.model_validate_json(mix)
    table, _ = _scored(_scores_of(made), answer_rule, run_id, version)
    return core.dial.dial(table, made, max_steps, step)


def _scores_of(mix: Mix) -> str:
    """What raw scores depend on, as JSON: another weight, curve or rule scores nothing anew."""
    terms = tuple(t.model_copy(update={"weight": 1.0, "side": "always", "shaping": Plain()}) for t in mix.terms)
    advantage = Group(perplexity_alpha=mix.advantage.perplexity_alpha)
    return Mix(terms=terms, advantage=advantage).model_dump_json(by_alias=True)


def version_of(run_id: int) -> tuple[int, int, str]:
    """`version` of a run by its id; run 0 is the shipped samples, which do not change."""
    return version(run_detail(run_id).row) if run_id else (0, 0, "")


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
    """After a write of a draft."""
    for cached in (draft, recent_drafts):
        cached.clear()


def forget_runs() -> None:
    """After a write: whoever wrote sees it at once."""
    for cached in (run_list, run_detail, events, experiments):
        cached.clear()


def version(row: RunRow) -> tuple[int, int, str]:
    """Changes whenever a run has something new to show."""
    return (row.attempt, row.step, row.status)
