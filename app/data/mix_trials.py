"""Mixes tried on stored samples, cached for all viewers.

Pre-flight, what a mix weighs and trains, replay.
"""

import streamlit as st

import core.analysis.share_curve
from app.data.reads import version_of
from app.live.series_cache import Version
from core.analysis import sources
from core.analysis.preflight import Report, report
from core.analysis.replay import Change, Outcome, compare, run
from core.analysis.sample_table import SampleTable
from core.analysis.share_curve import Dial
from core.common.progress import Progress, between, nothing
from core.grading.answers import AnswerRule
from core.problems.problem import Problem
from core.rewards.advantage import Group
from core.rewards.mix import Mix
from core.rewards.shaping import Plain

Looked = tuple[SampleTable, list[Problem]]


# cache_resource makes no copy for each caller: nobody changes a table
@st.cache_resource(ttl=3600, max_entries=8, show_spinner=False)
def _scored(mix: str, answer_rule: AnswerRule, run_id: int, version: Version, _progress: Progress) -> Looked:
    """A run's samples with the raw scores of a mix, and problems to make probes of.

    `mix`: as JSON. Run 0 stands for the shipped samples.
    """
    del version
    parsed_mix = Mix.model_validate_json(mix)
    if run_id:
        return sources.of_run(run_id, parsed_mix, _progress), sources.shipped_problems()
    return sources.of_file(sources.SHIPPED, parsed_mix, answer_rule, progress=_progress)


def read_samples(mix: str, answer_rule: AnswerRule, run_id: int, progress: Progress) -> Version:
    """Prepare the samples on which `dial` and `preflight` try mixes of these terms.

    Returns the version that was read.
    """
    version = version_of(run_id)
    _scored(mix, answer_rule, run_id, version, progress)
    return version


@st.cache_data(ttl=3600, max_entries=32, show_spinner=False)
def preflight(
    mix: str, max_steps: int, step: int, answer_rule: AnswerRule, run_id: int, version: Version,
    _progress: Progress = nothing,
) -> Report:  # fmt: skip
    """The pre-flight of a mix (as JSON, schedules in steps) on a run's samples.

    Run 0 stands for the shipped samples.
    """
    parsed_mix = Mix.model_validate_json(mix)
    table, problems = _scored(scores_of(parsed_mix), answer_rule, run_id, version, nothing)
    return report(table, parsed_mix, max_steps, problems, max(1, step), answer_rule, _progress)


@st.cache_data(ttl=3600, max_entries=64, show_spinner=False)
def dial(
    mix: str, max_steps: int, step: int, answer_rule: AnswerRule, run_id: int, version: Version,
    _progress: Progress = nothing,
) -> Dial:  # fmt: skip
    """What a mix (as JSON, schedules in steps) weighs and what it trains, on a run's samples.

    Run 0 stands for the shipped samples.
    """
    parsed_mix = Mix.model_validate_json(mix)
    table, _ = _scored(scores_of(parsed_mix), answer_rule, run_id, version, nothing)
    return core.analysis.share_curve.dial(table, parsed_mix, max_steps, step, _progress)


def scores_of(mix: Mix) -> str:
    """The part of a mix that raw scores depend on, as JSON.

    Another weight, curve or rule needs no new scores.
    """
    terms = tuple(
        t.model_copy(update={"weight": 1.0, "side": "always", "shaping": Plain()}) for t in mix.terms
    )
    advantage = Group(perplexity_alpha=mix.advantage.perplexity_alpha)
    return Mix(terms=terms, advantage=advantage).model_dump_json(by_alias=True)


@st.cache_data(ttl=600, max_entries=4, show_spinner=False)
def replay(
    run_id: int, mix: str, version: Version, _progress: Progress = nothing
) -> tuple[Outcome, Outcome, Change, list[int]]:
    """A run's samples under its own mix and another one (as JSON).

    Returns both outcomes, what changes, and the samples' ids.
    """
    del version
    parsed_mix = Mix.model_validate_json(mix)
    pair = sources.pair_of_run(run_id, parsed_mix, between(_progress, 0.0, 0.8))  # reading takes the longest
    outcome_before = run(pair.table_before, pair.before, between(_progress, 0.8, 0.87), pair.kl)
    outcome_after = run(pair.table_after, parsed_mix, between(_progress, 0.87, 0.94), pair.kl)
    return (
        outcome_before,
        outcome_after,
        compare(pair.table_after, outcome_before, outcome_after),
        [int(i) for i in pair.table_after.id],
    )
