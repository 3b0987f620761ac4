"""One sample: prompt, completion with what the parser matched, gold, how the reward came about, notes; and its group.

Called by app.parts.samples. `sum_data` also feeds the Design page's sum table. Nothing a model wrote is markdown or HTML here:
it goes into elements that set `textContent`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app import elements, places, prose, words
from app.parts.sample_go import EVERY, to_sample
from app.parts.sample_list import parts_of
from app.parts.sample_notes import notes
from app.theme import term_roles
from core.config import RunConfig
from core.mix import Mix
from core.store.lines import Line, Place, place_of
from core.store.queries import RunRow, SampleView
from core.tokens import unpack

MOST_FOUND = 500  # places of a searched text that are marked


def sum_data(scores: list[dict[str, Any]], total: float | None, **more: Any) -> dict[str, Any]:
    """What the sum table draws: one dict a term with term, role, raw, shaped, weight, contribution."""
    return {"terms": scores, "total": total, **more}


def _terms(sample: SampleView, mix: Mix) -> list[dict[str, Any]]:
    roles, components = term_roles(mix), {t.label: t.component for t in mix.terms}
    return [
        {
            "term": x.term, "role": roles.get(x.term, "c6"), "raw": x.raw, "shaped": x.shaped, "weight": x.weight,
            "contribution": x.contribution, "why": words.why_absent(components.get(x.term, "")),
        }
        for x in sample.scores
    ]  # fmt: skip


def why_advantage(sample: SampleView, group: Sequence[Line], rule: str) -> str:
    """The advantage's own sum, where TRL's scaling makes it; "" for a rule with no such sum."""
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
    """Where a searched text stands, in any case."""
    if not wanted:
        return []
    hits = re.finditer(re.escape(wanted), text, re.IGNORECASE)
    return [(m.start(), m.end(), "found") for m, _ in zip(hits, range(MOST_FOUND), strict=False)]


def _title(sample: SampleView, size: int, run: RunRow | None, several: bool) -> None:
    chips = [prose.chip("Right answer", "good") if sample.correct else prose.chip("Wrong answer", "bad")]
    chips += [prose.chip("Cut", "warn")] if sample.truncated else []
    chips += [prose.chip("Dead group", "warn")] if sample.dead else []
    if sample.surprise is not None and sample.surprise > 0:
        chips.append(prose.chip(f"Reward and gold disagree: {sample.surprise:+.2f}", "warn", why=words.SURPRISE))
    whose = f"{run.name} · " if several and run else ""
    held = "held out · " if sample.split == "eval" else ""
    note = f"{whose}{held}step {sample.step} · completion {sample.index_in_group + 1} of {size} · {sample.n_tokens} tokens"
    prose.head(sample.problem_id, note, chips=chips)


def _only_problem(problem: str) -> None:
    st.session_state.problem, st.session_state.keep_sample, st.session_state.steps = problem, True, EVERY


def detail(sample: SampleView, members: Sequence[Line], config: RunConfig, runs: Mapping[int, RunRow], searched: str) -> None:
    """The card, whole. `searched`: a text to mark."""
    with st.container(key="card-sample"):
        _title(sample, len(members), runs.get(sample.run_id), len(runs) > 1)
        st.caption("Prompt")
        elements.marked_text("sample-prompt", sample.prompt, _found(sample.prompt, searched), label="Prompt", plain=True)
        shaded = False
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption("Completion")
            if sample.token_nll:
                shaded = st.toggle(
                    "shade unlikely tokens", key="tokens", bind="query-params",
                    help="By −log p of each token under the policy that wrote it, at the sampling temperature.",
                )  # fmt: skip
        spans = _found(sample.completion, searched)
        if sample.parsed_start is not None and sample.parsed_end is not None:
            spans.append((sample.parsed_start, sample.parsed_end, "right" if sample.correct else "wrong"))
        facts = [("parsed", "no answer" if sample.parsed is None else sample.parsed, "", ""), ("gold", sample.gold, "", "")]
        facts += [("matched by", sample.parsed_by, "small", "")] if sample.parsed_by else []
        facts += [("mean −log p", f"{sample.mean_nll:.2f}", "small", words.NLL)] if sample.mean_nll is not None else []
        tokens = unpack(sample.token_nll) if shaded and sample.token_nll else []
        elements.marked_text("sample-text", sample.completion, spans, tokens=tokens, facts=facts, label="Completion")
        if sample.scores:
            prose.head("How the reward came about")
            note = why_advantage(sample, members, config.mix.advantage.in_trl or "")
            data = sum_data(
                _terms(sample, config.mix), sample.total, rule=config.mix.rule.type, advantage=sample.advantage,
                advantage_note=note or f"by the rule {config.mix.advantage.type}",
            )  # fmt: skip
            elements.sum_table("sample-sum", data)
        notes(place_of(sample), tuple(runs))
        st.button("List only this problem", icon=":material/filter_alt:", on_click=_only_problem, args=(sample.problem_id,),
                  type="tertiary")  # fmt: skip


def group(chosen: Place, members: Sequence[Line], config: RunConfig) -> None:
    """The completions of one prompt, side by side."""
    roles = term_roles(config.mix)
    with st.container(key="card-group"):
        right = sum(s.correct for s in members)
        totals = [s.total for s in members if s.total is not None]
        mean = f"; mean total {sum(totals) / len(totals):.2f}" if totals else ""
        prose.head(
            "The group",
            f"{len(members)} completions of this prompt; {right} of {len(members)} right{mean}",
            why=words.TOTAL if totals else "",
        )
        shown = [
            {
                "key": places.to_url(s.place), "index": s.index_in_group + 1, "n_tokens": s.n_tokens, "truncated": s.truncated,
                "parsed": s.parsed, "correct": s.correct, "total": s.total, "advantage": s.advantage,
                "parts": parts_of(s, roles), "ends": words.end(s.ends, 40),
            }
            for s in members
        ]  # fmt: skip
        if any(s.scores for s in members):
            prose.legend([(x.term, roles.get(x.term, "c6")) for x in members[0].scores])
        tips = {"total": words.TOTAL, "advantage": words.ADVANTAGE}
        elements.group("sample-group", {"chosen": places.to_url(chosen), "samples": shown, "tips": tips}, to_sample)
