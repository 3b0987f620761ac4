"""Mixes tried on stored samples: pre-flight, what a mix weighs and trains, replay; kept for all viewers. Called by parts of the
Design and run pages, in threads beside them (app.jobs).
"""

import streamlit as st

import core.dial
from app.cache import version_of
from app.series import Version
from core import samples
from core.advantage import Group
from core.answers import AnswerRule
from core.dial import Dial
from core.mix import Mix
from core.preflight import Report, report
from core.problems.problem import Problem
from core.progress import Progress, between, nothing
from core.replay import Change, Outcome, compare, run
from core.shaping import Plain
from core.table import SampleTable

Looked = tuple[SampleTable, list[Problem]]


@st.cache_resource(ttl=3600, max_entries=8, show_spinner=False)  # not copied for each who asks: nobody changes a table
def _scored(mix: str, answer_rule: AnswerRule, run_id: int, version: Version, _progress: Progress) -> Looked:
    """A run's samples (0: the shipped ones) with the raw scores of a mix (as JSON), and problems to make probes of."""
    del version
    made = Mix.model_validate_json(mix)
    if run_id:
        return samples.of_run(run_id, made, _progress), samples.shipped_problems()
    return samples.of_file(samples.SHIPPED, made, answer_rule, progress=_progress)


def read_samples(mix: str, answer_rule: AnswerRule, run_id: int, progress: Progress) -> Version:
    """Have the samples ready on which `dial` and `preflight` look at mixes of the same terms; the version that was read."""
    at = version_of(run_id)
    _scored(mix, answer_rule, run_id, at, progress)
    return at


@st.cache_data(ttl=3600, max_entries=32, show_spinner=False)
def preflight(
    mix: str, max_steps: int, step: int, answer_rule: AnswerRule, run_id: int, version: Version,
    _progress: Progress = nothing,
) -> Report:  # fmt: skip
    """A mix (as JSON, schedules in steps) on a run's samples, or on the shipped ones for run 0."""
    made = Mix.model_validate_json(mix)
    table, problems = _scored(scores_of(made), answer_rule, run_id, version, nothing)
    return report(table, made, max_steps, problems, max(1, step), answer_rule, _progress)


@st.cache_data(ttl=3600, max_entries=64, show_spinner=False)
def dial(
    mix: str, max_steps: int, step: int, answer_rule: AnswerRule, run_id: int, version: Version,
    _progress: Progress = nothing,
) -> Dial:  # fmt: skip
    """Likewise what it weighs and what it trains."""
    made = Mix.model_validate_json(mix)
    table, _ = _scored(scores_of(made), answer_rule, run_id, version, nothing)
    return core.dial.dial(table, made, max_steps, step, _progress)


def scores_of(mix: Mix) -> str:
    """What raw scores depend on, as JSON: another weight, curve or rule scores nothing anew."""
    terms = tuple(t.model_copy(update={"weight": 1.0, "side": "always", "shaping": Plain()}) for t in mix.terms)
    advantage = Group(perplexity_alpha=mix.advantage.perplexity_alpha)
    return Mix(terms=terms, advantage=advantage).model_dump_json(by_alias=True)


@st.cache_data(ttl=600, max_entries=4, show_spinner=False)
def replay(
    run_id: int, mix: str, version: Version, _progress: Progress = nothing
) -> tuple[Outcome, Outcome, Change, list[int]]:
    """A run's samples under its own mix and another one (as JSON): both outcomes, what changes, and the samples' ids."""
    del version
    made = Mix.model_validate_json(mix)
    pair = samples.pair_of_run(run_id, made, between(_progress, 0.0, 0.8))  # reading takes the longest
    before = run(pair.table_before, pair.before, between(_progress, 0.8, 0.87), pair.kl)
    after = run(pair.table_after, made, between(_progress, 0.87, 0.94), pair.kl)
    return before, after, compare(pair.table_after, before, after), [int(i) for i in pair.table_after.id]
