"""One sample (prompt, completion, gold, the sum behind its reward, notes) and its group.

The completion is marked where the parser matched. `sum_data` also feeds the Design page's sum table. Text
from a model is never markdown or HTML here: it goes into elements that set `textContent`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app import elements
from app.text import labels
from app.text.theme import term_roles
from app.views.samples.listing import parts_of
from app.views.samples.navigation import EVERY, to_sample
from app.views.samples.notes import notes
from app.views.shared import links
from app.widgets import html
from core.config.run import RunConfig
from core.rewards.mix import Mix
from core.rewards.tokens import unpack
from core.store.runs.queries import RunRow, SampleView
from core.store.samples.lines import Line, Place, place_of

MOST_FOUND = 500  # matches of a searched text that are marked


def sum_data(scores: list[dict[str, Any]], total: float | None, **more: Any) -> dict[str, Any]:
    """Data for the sum table.

    `scores`: one dict per term with term, role, raw, shaped, weight and contribution.
    """
    return {"terms": scores, "total": total, **more}


def _terms(sample: SampleView, mix: Mix) -> list[dict[str, Any]]:
    roles = term_roles(mix)
    components = {t.label: t.component for t in mix.terms}
    return [
        {
            "term": x.term, "role": roles.get(x.term, "c6"), "raw": x.raw, "shaped": x.shaped,
            "weight": x.weight,
            "contribution": x.contribution, "why": labels.why_absent(components.get(x.term, "")),
        }
        for x in sample.scores
    ]  # fmt: skip


def why_advantage(sample: SampleView, group: Sequence[Line], rule: str) -> str:
    """The sum behind the advantage, where TRL's scaling makes it; empty for a rule with no such sum."""
    totals = [s.total for s in group if s.total is not None]
    if not totals or sample.total is None:
        return "no total, so it trains nothing"
    if not rule:
        return ""
    mean = sum(totals) / len(totals)
    std = (sum((t - mean) ** 2 for t in totals) / max(len(totals) - 1, 1)) ** 0.5
    if sample.dead:
        return "0: every total of the group is the same, a dead group"
    divided = {"group": f" / std {std:.2f}", "batch": " / std of the batch", "none": ""}[rule]
    return f"({sample.total:.2f} − group mean {mean:.2f}){divided}"


def _found(text: str, wanted: str) -> list[tuple[int, int, str]]:
    """The spans where a searched text occurs, ignoring case."""
    if not wanted:
        return []
    hits = re.finditer(re.escape(wanted), text, re.IGNORECASE)
    return [(m.start(), m.end(), "found") for m, _ in zip(hits, range(MOST_FOUND), strict=False)]


def _title(sample: SampleView, size: int, run: RunRow | None, several: bool) -> None:
    chips = [html.chip("Right answer", "good") if sample.correct else html.chip("Wrong answer", "bad")]
    chips += [html.chip("Cut", "warn")] if sample.truncated else []
    chips += [html.chip("Dead group", "warn")] if sample.dead else []
    if sample.surprise is not None and sample.surprise > 0:
        chips.append(
            html.chip(f"Reward and gold disagree: {sample.surprise:+.2f}", "warn", why=labels.SURPRISE)
        )
    run_text = f"{run.name} · " if several and run else ""
    split_text = "held out · " if sample.split == "eval" else ""
    note = (
        f"{run_text}{split_text}step {sample.step} · completion {sample.index_in_group + 1} of "
        f"{size} · {sample.n_tokens} tokens"
    )
    html.head(sample.problem_id, note, chips=chips)


def _only_problem(problem: str) -> None:
    st.session_state.problem = problem
    st.session_state.keep_sample = True
    st.session_state.steps = EVERY


def detail(
    sample: SampleView, members: Sequence[Line], config: RunConfig, runs: Mapping[int, RunRow], searched: str
) -> None:
    """Draw the card of one sample. `searched`: a text to mark."""
    with st.container(key="card-sample"):
        _title(sample, len(members), runs.get(sample.run_id), len(runs) > 1)
        st.caption("Prompt")
        elements.marked_text(
            "sample-prompt", sample.prompt, _found(sample.prompt, searched), label="Prompt", plain=True
        )
        shaded = False
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("Completion")
            if sample.token_nll:
                shaded = st.toggle(
                    "shade unlikely tokens", key="tokens", bind="query-params",
                    help="By −log p of each token under the policy that wrote it, at the sampling "
                         "temperature.",
                )  # fmt: skip
        spans = _found(sample.completion, searched)
        if sample.parsed_start is not None and sample.parsed_end is not None:
            spans.append((sample.parsed_start, sample.parsed_end, "right" if sample.correct else "wrong"))
        facts = [
            ("parsed", "no answer" if sample.parsed is None else sample.parsed, "", ""),
            ("gold", sample.gold, "", ""),
        ]
        facts += [("matched by", sample.parsed_by, "small", "")] if sample.parsed_by else []
        facts += (
            [("mean −log p", f"{sample.mean_nll:.2f}", "small", labels.NLL)]
            if sample.mean_nll is not None
            else []
        )
        tokens = unpack(sample.token_nll) if shaded and sample.token_nll else []
        elements.marked_text(
            "sample-text", sample.completion, spans, tokens=tokens, facts=facts, label="Completion"
        )
        if sample.scores:
            html.head("How the reward came about")
            note = why_advantage(sample, members, config.mix.advantage.in_trl or "")
            data = sum_data(
                _terms(sample, config.mix), sample.total, rule=config.mix.rule.type,
                advantage=sample.advantage,
                advantage_note=note or f"by the rule {config.mix.advantage.type}",
            )  # fmt: skip
            elements.sum_table("sample-sum", data)
        notes(place_of(sample), tuple(runs))
        st.button("List only this problem", icon=":material/filter_alt:", on_click=_only_problem,
                  args=(sample.problem_id,),
                  type="tertiary")  # fmt: skip


def group(chosen: Place, members: Sequence[Line], config: RunConfig) -> None:
    """Draw the completions of one prompt side by side."""
    roles = term_roles(config.mix)
    with st.container(key="card-group"):
        correct_count = sum(s.correct for s in members)
        totals = [s.total for s in members if s.total is not None]
        mean = f"; mean total {sum(totals) / len(totals):.2f}" if totals else ""
        html.head(
            "The group",
            f"{len(members)} completions of this prompt; {correct_count} of {len(members)} right{mean}",
            why=labels.TOTAL if totals else "",
        )
        samples = [
            {
                "key": links.to_url(s.place), "index": s.index_in_group + 1, "n_tokens": s.n_tokens,
                "truncated": s.truncated,
                "parsed": s.parsed, "correct": s.correct, "total": s.total, "advantage": s.advantage,
                "parts": parts_of(s, roles), "ends": labels.end(s.ends, 40),
            }
            for s in members
        ]  # fmt: skip
        if any(s.scores for s in members):
            html.legend([(x.term, roles.get(x.term, "c6")) for x in members[0].scores])
        tips = {"total": labels.TOTAL, "advantage": labels.ADVANTAGE}
        elements.group(
            "sample-group", {"chosen": links.to_url(chosen), "samples": samples, "tips": tips}, to_sample
        )
