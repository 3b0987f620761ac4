"""The mixing weight is not a dial: what a mix weighs against what it trains, on real samples. Called by the design page."""

from html import escape

import streamlit as st

from app import cache, elements, jobs, prose, tried, words
from app.figures import dial as figures
from app.series import Version
from app.theme import term_roles
from core.answers import AnswerRule
from core.dial import Dial, Kind
from core.errors import ShowdownError
from core.mix import Mix

SCORING = "scored"  # where samples are being scored, among the jobs
SHIPPED = "the tiny model's samples"
MOST_RUNS = 50
TALL = 410  # pixels of the section
FAR = 0.1  # a gap between weight and share that one should know of
COLUMNS = {
    "": "All wrong: no sample of the group has the right answer.",
    "groups": "Share of all groups.",
    "hard trains": "The hard side: sum of its part of the advantage times the advantage, over that of squared advantages.",
    "continuous": "Share of the continuous side, likewise.",
    "mean |A|": "Mean size of the advantage in these groups: 0 means that they teach nothing.",
}
COLOURS = {"all wrong": "bad", "mixed": "hard", "all right": "ink4"}


def on_samples() -> int:
    """Which samples the sections below look at: a run's, or (0) the shipped ones. Shown once, kept in the address."""
    runs = {str(r.id): r for r in cache.run_list() if r.step > 0}
    options = ["shipped", *list(runs)[:MOST_RUNS]]
    known = st.session_state.get("samples")
    if known is not None and known not in options:
        options.append(known) if known in runs else st.session_state.pop("samples")
    names = {n: f"run {n}: {r.name}" for n, r in runs.items()} | {"shipped": SHIPPED}
    chosen = st.selectbox(
        "Samples looked at", options, format_func=names.__getitem__, key="samples", bind="query-params",
        persist_state="session",
        help="Completions that a policy really made. Everything below is computed on them; nothing is trained.",
    )  # fmt: skip
    return 0 if chosen == "shipped" else int(str(chosen))


def scored(mix: Mix, answer_rule: AnswerRule, run_id: int) -> Version | None:
    """Have the samples scored, once for the sections below; the version of their run. None: not yet, or not possible."""
    wanted = tried.scores_of(mix)
    try:
        return jobs.made(
            SCORING, (wanted, answer_rule, run_id), "Scoring the samples",
            lambda progress: tried.read_samples(wanted, answer_rule, run_id, progress), TALL,
        )  # fmt: skip
    except ShowdownError as error:
        prose.section(None, "The mixing weight is not a dial")
        with st.container(key="card-nodial"):
            prose.fault(str(error))
    return None


def not_a_dial(mix: Mix, max_steps: int, step: int, answer_rule: AnswerRule, run_id: int, version: Version) -> None:
    """The section, whole; `version` of the run."""
    what = (mix.model_dump_json(by_alias=True), max_steps, step, answer_rule, run_id)
    found = jobs.made(
        "dial", what, "Weighing the terms along the schedule", lambda progress: tried.dial(*what, version, progress), TALL
    )
    if found is None:
        return
    _head(found, mix)
    if not found.defined:
        with st.container(key="card-groups"):
            prose.head(
                "Shares are not defined for this mix", "its total is no sum of the terms, or the rule is not linear in them"
            )
            _groups(found)
        return
    spec = [11, 9, 8] if mix.structure == "hybrid" else [5, 4]
    columns = list(st.columns(spec))
    if mix.structure == "hybrid":
        with columns.pop(0):
            elements.chart_card("dial-weighs", figures.weighs_and_trains(found, max_steps))
    with columns.pop(0):
        elements.chart_card("dial-terms", figures.by_term(found, term_roles(mix), max_steps))
    with columns.pop(0), st.container(key="card-groups", height="stretch"):
        prose.head(f"Groups at step {found.now.step}")
        _groups(found)


def _head(found: Dial, mix: Mix) -> None:
    """The question and its answer, by rule."""
    if mix.structure != "hybrid" or not found.defined:
        prose.section(None, "What trains", "Each term's share of the advantage, and the groups in which there is one.")
        return
    now, wrong = found.now, found.now.kinds[0]
    share = float(now.shares[found.hard].sum())
    text = f"At step {now.step} the hard side weighs {words.percent(now.weight)}, and carries {words.percent(share)} "
    text += "of the advantage."
    if wrong.groups:
        hard = float(wrong.shares[found.hard].sum())
        carries = "nothing" if abs(hard) < 0.005 else words.percent(hard)
        text += f" In the {words.percent(wrong.groups)} of groups without a right answer it carries {carries}."
    far = found.widest > FAR
    chip = prose.chip("read before you tune", "warn") if far else prose.chip("here it is close to one", "good")
    why = " GRPO divides by the spread inside each group: a side's share of that spread is what trains." if far else ""
    prose.section(None, "The mixing weight is not a dial", text + why, [chip])


def _groups(found: Dial) -> None:
    """A bar and a table of the kinds of groups. Names and numbers of ours alone."""
    kinds = found.now.kinds
    bar = "".join(f'<i style="width:{100 * k.groups:.2f}%;background:var(--{COLOURS[k.name]})"></i>' for k in kinds)
    rows = "".join(_line(k, found) for k in kinds)
    head = "".join(f'<th title="{escape(note)}">{escape(name)}</th>' for name, note in COLUMNS.items())
    st.html(
        f'<div class="sd-stack">{bar}</div><table class="sd-table"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
    )
    st.caption(
        "Shares of the advantage inside each kind of group. What is always added has the rest. |A|: size of the advantage."
    )


def _line(kind: Kind, found: Dial) -> str:
    def share(hard: bool) -> str:
        rows = found.hard if hard else found.continuous
        value = float(kind.shares[rows].sum())
        return "–" if value != value or not kind.groups else words.percent(value)

    size = f"{kind.size:.2f}" if kind.groups else "–"
    cells = "".join(f"<td>{c}</td>" for c in (words.percent(kind.groups), share(True), share(False), size))
    return f"<tr><th>{prose.square(COLOURS[kind.name])} {escape(kind.name)}</th>{cells}</tr>"
