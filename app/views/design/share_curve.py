"""The mixing weight is not a dial: what a mix weighs against what it trains, on real samples."""

from html import escape

import streamlit as st

from app import elements
from app.charts import dial as figures
from app.data import mix_trials, reads
from app.live.series_cache import Version
from app.text import labels
from app.text.theme import term_roles
from app.widgets import html, jobs
from core.analysis.share_curve import Dial, Kind
from core.common.errors import ShowdownError
from core.grading.answers import AnswerRule
from core.rewards.mix import Mix

SCORING = "scored"  # name of the job that scores samples
SHIPPED = "the tiny model's samples"
MOST_RUNS = 50
TALL = 410  # pixels of the section
FAR = 0.1  # a wider gap between weight and share gets a warning
COLUMNS = {
    "": "All wrong: no sample of the group has the right answer.",
    "groups": "Share of all groups.",
    "hard trains": (
        "The hard side: sum of its part of the advantage times the advantage, "
        "over that of squared advantages."
    ),
    "continuous": "Share of the continuous side, likewise.",
    "mean |A|": "Mean size of the advantage in these groups: 0 means that they teach nothing.",
}
COLOURS = {"all wrong": "bad", "mixed": "hard", "all right": "ink4"}


def on_samples() -> int:
    """Draw the choice of samples for the sections below; return a run's id, or 0 for the shipped ones.

    There is one such box, and the address keeps its choice.
    """
    runs = {str(r.id): r for r in reads.run_list() if r.step > 0}
    options = ["shipped", *list(runs)[:MOST_RUNS]]
    stored = st.session_state.get("samples")
    if stored is not None and stored not in options:
        options.append(stored) if stored in runs else st.session_state.pop("samples")
    names = {n: f"run {n}: {r.name}" for n, r in runs.items()} | {"shipped": SHIPPED}
    selection = st.selectbox(
        "Samples looked at",
        options,
        format_func=names.__getitem__,
        key="samples",
        bind="query-params",
        persist_state="session",
        help=(
            "Completions that a policy really made. Everything below is computed on them; nothing is trained."
        ),
    )
    return 0 if selection == "shipped" else int(str(selection))


def scored(mix: Mix, answer_rule: AnswerRule, run_id: int) -> Version | None:
    """Score the samples, once for the sections below, and return the version of their run.

    None: they are not scored yet, or cannot be.
    """
    score_specs = mix_trials.scores_of(mix)
    try:
        return jobs.made(
            SCORING, (score_specs, answer_rule, run_id), "Scoring the samples",
            lambda progress: mix_trials.read_samples(score_specs, answer_rule, run_id, progress), TALL,
        )  # fmt: skip
    except ShowdownError as error:
        html.section(None, "The mixing weight is not a dial")
        with st.container(key="card-nodial"):
            html.fault(str(error))
    return None


def not_a_dial(
    mix: Mix, max_steps: int, step: int, answer_rule: AnswerRule, run_id: int, version: Version
) -> None:
    """Draw the section that sets weight against share, on the run's samples as of `version`."""
    arguments = (mix.model_dump_json(by_alias=True), max_steps, step, answer_rule, run_id)
    dial = jobs.made(
        "dial",
        arguments,
        "Weighing the terms along the schedule",
        lambda progress: mix_trials.dial(*arguments, version, progress),
        TALL,
    )
    if dial is None:
        return
    _head(dial, mix)
    if not dial.defined:
        with st.container(key="card-groups"):
            html.head(
                "Shares are not defined for this mix",
                "its total is no sum of the terms, or the rule is not linear in them",
            )
            _groups(dial)
        return
    spec = [11, 9, 8] if mix.structure == "hybrid" else [5, 4]
    columns = list(st.columns(spec))
    if mix.structure == "hybrid":
        with columns.pop(0):
            elements.chart_card("dial-weighs", figures.weighs_and_trains(dial, max_steps))
    with columns.pop(0):
        elements.chart_card("dial-terms", figures.by_term(dial, term_roles(mix), max_steps))
    with columns.pop(0), st.container(key="card-groups", height="stretch"):
        html.head(f"Groups at step {dial.now.step}")
        _groups(dial)


def _head(found: Dial, mix: Mix) -> None:
    """Draw the title; for a blended mix with what the hard side weighs and what it carries."""
    if mix.structure != "hybrid" or not found.defined:
        html.section(
            None, "What trains", "Each term's share of the advantage, and the groups in which there is one."
        )
        return
    point = found.now
    wrong = found.now.kinds[0]
    share = float(point.shares[found.hard].sum())
    text = (
        f"At step {point.step} the hard side weighs {labels.percent(point.weight)}, "
        f"and carries {labels.percent(share)} "
    )
    text += "of the advantage."
    if wrong.groups:
        hard = float(wrong.shares[found.hard].sum())
        carries = "nothing" if abs(hard) < 0.005 else labels.percent(hard)
        text += (
            f" In the {labels.percent(wrong.groups)} of groups without a right answer it carries {carries}."
        )
    far = found.widest > FAR
    chip = html.chip("read before you tune", "warn") if far else html.chip("here it is close to one", "good")
    reason = (
        " GRPO divides by the spread inside each group: a side's share of that spread is what trains."
        if far
        else ""
    )
    html.section(None, "The mixing weight is not a dial", text + reason, [chip])


def _groups(found: Dial) -> None:
    """Draw a bar and a table of the kinds of groups.

    The HTML has only names and numbers of ours.
    """
    kinds = found.now.kinds
    bar = "".join(
        f'<i style="width:{100 * k.groups:.2f}%;background:var(--{COLOURS[k.name]})"></i>' for k in kinds
    )
    rows = "".join(_line(k, found) for k in kinds)
    head = "".join(f'<th title="{escape(note)}">{escape(name)}</th>' for name, note in COLUMNS.items())
    st.html(
        f'<div class="sd-stack">{bar}</div><table class="sd-table">'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )
    st.caption(
        "Shares of the advantage inside each kind of group. What is always added has the rest. "
        "|A|: size of the advantage."
    )


def _line(kind: Kind, found: Dial) -> str:
    def share(hard: bool) -> str:
        rows = found.hard if hard else found.continuous
        value = float(kind.shares[rows].sum())
        return "–" if value != value or not kind.groups else labels.percent(value)

    size = f"{kind.size:.2f}" if kind.groups else "–"
    cells = "".join(f"<td>{c}</td>" for c in (labels.percent(kind.groups), share(True), share(False), size))
    return f"<tr><th>{html.square(COLOURS[kind.name])} {escape(kind.name)}</th>{cells}</tr>"
