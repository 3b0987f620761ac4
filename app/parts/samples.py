"""The samples of a run: one step's completions, sorted by any score; one in detail with its sum and its group."""

from collections.abc import Callable
from typing import Any

import streamlit as st

from app import cache, elements, prose, words
from app.parts.step_bar import COLOURS, step_bar
from app.theme import term_roles
from core.advantage import AdvantageRule
from core.config import RunConfig
from core.mix import Mix
from core.store.queries import RunDetail, SampleView

ENDS_WITH = 60  # characters of a completion shown in lists
ENDS_WITH_BESIDE = 22  # in the narrow list beside the text: a table cuts what is too long at its end, where the answer is
Key = Callable[[SampleView], float]


def sum_data(scores: list[dict[str, Any]], total: float | None, **more: Any) -> dict[str, Any]:
    """What the sum table draws: one dict a term with term, role, raw, shaped, weight, contribution."""
    return {"terms": scores, "total": total, **more}


def _number(value: float | None) -> float:
    return float("-inf") if value is None else value


def _sorters(terms: tuple[str, ...]) -> dict[str, Key]:
    def score_of(name: str) -> Key:
        return lambda s: _number(next((x.raw for x in s.scores if x.term == name), None))

    return {
        "advantage": lambda s: _number(s.advantage),
        "total": lambda s: _number(s.total),
        **{f"score: {t}": score_of(t) for t in terms},
        "tokens": lambda s: s.n_tokens,
        "group": lambda s: -(1000 * s.group_index + s.index_in_group),
    }


def _choose_step(detail: RunDetail) -> int:
    """The step in the URL, the step bar's, else the newest."""
    row = detail.row
    asked = st.query_params.get("step", "")
    step = min(max(int(asked), 1), row.step) if asked.isdigit() else row.step
    chosen = step_bar("step-bar", detail, step, st.session_state.get("colour", COLOURS[0]), quiet=True)
    if chosen is not None and chosen != step:
        st.query_params["step"] = str(chosen)
        st.query_params.pop("sample", None)
        st.rerun()
    return step


def _list(samples: list[SampleView], chosen: int) -> None:
    rows = [
        {
            "": ("▸ " if s.id == chosen else "") + ("✓" if s.correct else "✗"),
            "total": s.total,
            "adv.": s.advantage,
            "terms": [x.contribution or 0.0 for x in s.scores],
            "ends with": "… " + " ".join(s.completion.split())[-ENDS_WITH_BESIDE:],
        }
        for s in samples
    ]
    highest = max((s.total for s in samples if s.total is not None), default=1.0)
    table = f"samples-{samples[0].run_id}-{samples[0].step}-" + "-".join(
        str(st.session_state.get(k)) for k in ("sort", "low_first")
    )
    picked = st.dataframe(
        rows,
        column_config={
            "": st.column_config.TextColumn(width=40),
            "total": st.column_config.ProgressColumn(format="%.2f", min_value=0.0, max_value=max(highest, 1e-9), width=110),
            "adv.": st.column_config.NumberColumn(format="%+.2f", width=64),
            "terms": st.column_config.BarChartColumn(width=90, help="Contribution of each term, in the mix's order"),
        },
        hide_index=True,
        row_height=34,
        height=520,
        on_select="rerun",
        selection_mode="single-row",
        key=table,
        alt="Samples of the step",
    ).selection.rows
    # A selection stays in the table after Previous and Next went elsewhere: only a new one is a click.
    now = (table, picked[0] if picked else None)
    if st.session_state.get("picked_row") != now:
        st.session_state.picked_row = now
        if picked and picked[0] < len(rows):
            _go(samples[picked[0]].id)


def _go(sample_id: int) -> None:
    st.query_params["sample"] = str(sample_id)
    st.rerun()


def _terms(sample: SampleView, mix: Mix) -> list[dict[str, Any]]:
    roles, components = term_roles(mix), {t.label: t.component for t in mix.terms}
    return [
        {
            "term": x.term, "role": roles.get(x.term, "c6"), "raw": x.raw, "shaped": x.shaped, "weight": x.weight,
            "contribution": x.contribution, "why": words.why_absent(components.get(x.term, "")),
        }
        for x in sample.scores
    ]  # fmt: skip


def _why_advantage(sample: SampleView, group: list[SampleView], rule: str) -> str:
    totals = [s.total for s in group if s.total is not None]
    if not totals or sample.total is None:
        return "no total, so it trains nothing"
    if not rule:
        return ""
    mean = sum(totals) / len(totals)
    std = (sum((t - mean) ** 2 for t in totals) / max(len(totals) - 1, 1)) ** 0.5
    if std == 0:
        return "0: every total of the group is the same, a dead group"
    divided = {"group": f" / std {std:.2f}", "batch": " / std of the batch", "none": ""}[rule]
    return f"({sample.total:.2f} − group mean {mean:.2f}){divided}"


def _detail(sample: SampleView, group: list[SampleView], order: list[SampleView], config: RunConfig) -> None:
    at = order.index(sample)
    with st.container(key="card-sample"):
        left, right = st.columns([3, 2], vertical_alignment="center")
        with left:
            right_or_wrong = prose.chip("Right answer", "good") if sample.correct else prose.chip("Wrong answer", "bad")
            note = f"completion {sample.index_in_group + 1} of {len(group)} · {sample.n_tokens} tokens" + (
                ", cut" if sample.truncated else ""
            )
            prose.head(sample.problem_id, note, chips=[right_or_wrong])
        with right, st.container(horizontal=True, horizontal_alignment="right"):
            if st.button("Previous", shortcut="k", disabled=at == 0):
                _go(order[at - 1].id)
            if st.button("Next", shortcut="j", disabled=at == len(order) - 1):
                _go(order[at + 1].id)
        st.caption("Prompt")
        st.text(sample.prompt)
        st.caption("Completion")
        spans = []
        if sample.parsed_start is not None and sample.parsed_end is not None:
            spans = [(sample.parsed_start, sample.parsed_end, "right" if sample.correct else "wrong")]
        elements.marked_text("sample-text", sample.completion, spans)
        by = f" (by {sample.parsed_by})" if sample.parsed_by else ""
        st.text(f"parsed {sample.parsed or 'no answer'}{by}    gold {sample.gold}")
        if sample.scores:
            prose.head("How the reward came about")
            note = _why_advantage(sample, group, config.mix.advantage.in_trl or "")
            parts = _terms(sample, config.mix)
            data = sum_data(
                parts, sample.total, rule=config.mix.rule.type, advantage=sample.advantage,
                advantage_note=note or f"by the rule {config.mix.advantage.type}",
            )  # fmt: skip
            elements.sum_table("sample-sum", data)


def _group(sample: SampleView, group: list[SampleView], roles: dict[str, str]) -> None:
    with st.container(key="card-group"):
        right = sum(s.correct for s in group)
        prose.head("The group", f"{len(group)} completions of this prompt; {right} of {len(group)} right")
        picked = elements.group(
            "sample-group",
            {
                "chosen": sample.id,
                "samples": [
                    {
                        "id": s.id, "index": s.index_in_group + 1, "n_tokens": s.n_tokens, "truncated": s.truncated,
                        "parsed": s.parsed, "correct": s.correct, "total": s.total, "advantage": s.advantage,
                        "parts": [{"size": x.contribution or 0.0, "role": roles.get(x.term, "c6")} for x in s.scores],
                        "ends": "… " + " ".join(s.completion.split())[-ENDS_WITH:],
                    }
                    for s in group
                ],
            },
        )  # fmt: skip
        if picked is not None and picked != sample.id:
            _go(picked)


def samples(detail: RunDetail) -> None:
    """The tab, whole."""
    if detail.row.step < 1:
        with st.container(key="card-nosamples"):
            prose.empty("No samples yet", "They come with the first training step.")
        return
    step = _choose_step(detail)
    config = RunConfig.model_validate(detail.config)
    found = cache.samples_at(detail.row.id, step, "train", cache.version(detail.row))
    if not found:
        with st.container(key="card-nosamples"):
            prose.empty(f"No samples of step {step}", "Choose another step in the bar above.")
        return
    sorters = _sorters(config.mix.labels)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        sort = st.selectbox("Sort by", list(sorters), key="sort", bind="query-params", width=220)
        low_first = st.toggle("lowest first", key="low_first", bind="query-params")
    order = sorted(found, key=sorters[sort or "advantage"], reverse=not low_first)
    asked = st.query_params.get("sample", "")
    sample = next((s for s in order if str(s.id) == asked), order[0])
    group = [s for s in found if s.group_index == sample.group_index]
    left, right = st.columns([5, 7])
    with left, st.container(key="card-samples"):
        prose.head(
            f"{len(found)} samples of step {step}",
            f"{len({s.group_index for s in found})} problems, {_dead_groups(found, config.mix.advantage)} dead groups",
        )
        _list(order, sample.id)
    with right:
        _detail(sample, group, order, config)
    _group(sample, group, term_roles(config.mix))


def _dead_groups(found: list[SampleView], rule: AdvantageRule) -> int:
    """Groups that teach nothing, as core.advantage.dead has it."""
    groups: dict[int, list[SampleView]] = {}
    for s in found:
        groups.setdefault(s.group_index, []).append(s)
    if rule.compares_totals:
        return sum(len({s.total for s in group}) == 1 for group in groups.values())
    return sum(all(not s.advantage for s in group) for group in groups.values())
