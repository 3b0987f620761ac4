"""Design: the terms of each arm's mix, the blend over the run, and what a completion would earn. No GPU is used."""

from typing import Any

import streamlit as st

from app import curves, draft, elements, forms, prose
from app.figures.run import blend_curve
from app.parts import terms
from app.parts.preflight import preflight
from app.parts.try_it import try_it
from app.theme import term_roles
from core import presets
from core.advantage import RULES
from core.advantage_rule import FOLLOWING
from core.answers import AnswerRule
from core.errors import ConfigError
from core.grpo import GrpoConfig
from core.lint import cannot_act
from core.mix import Mix
from core.parsing import parse
from core.rules import COMBINATIONS

ADVANTAGES = {
    "group": "group: (total − mean) / std of the group",
    "batch": "batch: (total − group mean) / std of the batch",
    "none": "none: total − group mean",
    "normalize_then_sum": "normalize then sum: each term a z-score first (GDPO)",
    "mixed": "mixed: w A(hard) + (1 − w) A(continuous)",
    "w_reinforce": "W-REINFORCE, PSR, NSR: fixed sizes for right and wrong",
    "noisy_verifier": "noisy verifier: corrected for false verdicts",
    "filtered": "filtered: only the best, best and random, best and worst",
}
COMBINATION = {
    "sum": "sum: what the terms add",
    "gate": "gate: lower terms count where higher ones passed (G-RA)",
    "stratified": "stratified: no wrong one above a right one (HERO)",
    "conciseness": "conciseness: shortness pays where the outcome does (CRF)",
    "worst_case": "worst case: the lowest term decides (WCO)",
    "uncertainty": "uncertainty: disagreement costs (UWO)",
    "lexicographic": "lexicographic: terms in order decide (HERON)",
}


def _templates() -> None:
    with st.popover("Start from", icon=":material/dashboard_customize:"):
        st.caption("Replaces all arms and settings of this draft.")
        for name in presets.names():
            if st.button(name, key=f"preset-{name}", type="tertiary"):
                draft.load(name)
                st.rerun()


def _arms(d: draft.Draft) -> int:
    """Choose, add, rename and remove arms; returns the chosen one's index."""
    names = [a["name"] for a in d["arms"]]
    at = min(int(st.session_state.get("arm", len(names) - 1)), len(names) - 1)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.segmented_control(
            "Arm", range(len(names)), format_func=lambda i: names[i], default=at, required=True,
            key=f"arms-{draft.edition()}", label_visibility="collapsed",
        )  # fmt: skip
        at = chosen if chosen is not None else at
        st.session_state["arm"] = at
        if st.button("Add arm", icon=":material/add:", type="tertiary", help="A copy of this arm, to change"):
            copy = {**d["arms"][at], "name": draft.arm_name(d, names[at])}
            d["arms"].append({**copy, "mix": _copied(copy["mix"])})
            st.session_state["arm"] = len(names)
            draft.touch()
            st.rerun()
        with st.popover("", icon=":material/edit:", help="Rename or remove this arm"):
            d["arms"][at]["name"] = st.text_input("Name", names[at], key=f"arm-name-{draft.edition()}-{at}")
            if st.button("Remove arm", icon=":material/delete:", disabled=len(names) == 1):
                d["arms"].pop(at)
                st.session_state["arm"] = max(0, at - 1)
                draft.touch()
                st.rerun()
    return at


def _copied(mix: dict[str, Any]) -> dict[str, Any]:
    return {**mix, "terms": [{**t, "params": dict(t.get("params", {}))} for t in mix["terms"]]}


def _blend(mix: dict[str, Any], faults: forms.Faults, max_steps: int, key: str) -> None:
    with st.container(key="card-blend"):
        prose.head("Blend", "the hard side's share, step by step")
        sides = {t["side"] for t in mix["terms"]}
        if not {"hard", "continuous"} <= sides:  # the blend stays in the draft, for when the other side has terms again
            only = "hard" if "hard" in sides else "continuous"
            st.caption(f"Only the {only} side has terms, so it has the whole reward. Add a term to the other side to blend.")
            return
        now = mix.get("blend") or {"type": "linear", "start": 0.0, "end": 1.0}
        mix["blend"] = curves.schedule(now, max_steps, key)
        if mix["blend"]["type"] == "linear":
            if st.button("Reverse the direction", icon=":material/swap_horiz:", type="tertiary"):
                mix["blend"] = {**mix["blend"], "start": mix["blend"]["end"], "end": mix["blend"]["start"]}
                draft.touch()
                st.rerun()
        faults.beside("blend", "")


def _preview(mix: Mix, max_steps: int) -> int:
    """The curve, the step looked at, and what the mix is made of there; returns the step."""
    step = int(st.session_state.get("look-at", max_steps // 2))
    elements.chart_card("blend-curve", blend_curve(mix, max_steps, min(step, max_steps)))
    with st.container(key="card-composition"):
        at = st.slider("Look at step", 0, max_steps, min(step, max_steps), key="look-at-slider")
        if at != step:
            st.session_state["look-at"] = at
            st.rerun()
        roles = term_roles(mix)
        prose.head(f"Composition at step {at}", "the full factor of each term")
        prose.stack([(t.label, mix.factor(t, at), roles[t.label]) for t in mix.terms])
    return at


def _formula(mix: Mix) -> None:
    """The mix as one line, in the colours of its terms."""
    roles = term_roles(mix)

    def side(name: str) -> str:
        weights = [
            (t, "w(t)" if not isinstance(t.weight, float | int) else f"{t.weight:.2f}") for t in mix.terms if t.side == name
        ]
        return " + ".join(f"{w} {prose.square(roles[t.label])}{t.label}" for t, w in weights)

    hybrid = mix.structure == "hybrid"
    parts = []
    for name, factor in (("hard", "w_hard × "), ("continuous", "(1 − w_hard) × "), ("always", "")):
        if side(name):
            parts.append(f"{factor}({side(name)})" if hybrid and factor else side(name))
    st.html(f'<div class="sd-formula"><b>total</b> = {" + ".join(parts)}</div>')


def _rules(mix: dict[str, Any], faults: forms.Faults, key: str) -> None:
    labels = [terms.label(t) for t in mix["terms"]]
    with st.container(key="card-rule"):
        now = mix.get("rule") or {"type": "sum"}
        mix["rule"] = forms.union("Combination rule", COMBINATION, COMBINATIONS, now, f"{key}-rule", labels)
        faults.beside("rule")
        now = mix.get("advantage") or {"type": "group"}
        made = forms.union("Advantage", ADVANTAGES, RULES, now, f"{key}-advantage", labels, FOLLOWING)
        with st.popover("What follows the rule", icon=":material/filter_alt:"):
            st.caption("Applied to the rule's advantages. All off: the rule's own.")
            mix["advantage"] = made | forms.any_fields(RULES[made["type"]], FOLLOWING, now, f"{key}-following")
        faults.beside("advantage")


def _cannot_act(mix: Mix, grpo: dict[str, Any]) -> None:
    """What is legal but does nothing, before it costs a run."""
    try:
        found = cannot_act(mix, parse(GrpoConfig, grpo))
    except ConfigError:
        return  # the Queue page, where these settings are, says what is wrong with them
    if found:
        with st.container(key="card-lint"):
            prose.head("This cannot act", "legal, but it does nothing, or not what it seems to")
            for place, message in found:
                prose.remark(f"{place}: {message}")


def _queue_bar(d: draft.Draft) -> None:
    _, faults = draft.check(d)
    with st.container(key="card-next", horizontal=True, vertical_alignment="center"):
        with st.container(width="stretch"):
            n = draft.count(d)
            prose.head(f"{n} runs" if n != 1 else "1 run", f"arms {len(d['arms'])} × seeds {len(d['seeds'])}")
            for path, message in faults[:3]:
                prose.fault(f"{path}: {message}")
        if st.button("To the queue", type="primary", icon=":material/arrow_forward:", disabled=bool(faults)):
            st.switch_page("views/queue.py")


def main() -> None:
    d = draft.get()
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    with left:
        prose.title("Design a reward mix", crumb=d["name"], sub="Everything but the mix is the same in every arm.")
    with right, st.container(horizontal=True, horizontal_alignment="right"):
        _templates()
    at = _arms(d)
    mix, max_steps = d["arms"][at]["mix"], int(d["run"]["grpo"]["max_steps"])
    key = f"{draft.edition()}-{at}"
    before, _ = draft.check_mix(mix)
    faults = forms.Faults()
    roles = term_roles(before) if before else {}
    left, right = st.columns([6, 5])
    with left:
        terms.edit(mix, roles, faults, max_steps, key)
        _rules(mix, faults, key)
    with right:
        _blend(mix, faults, max_steps, key)
        parsed, found = draft.check_mix(mix)
        faults.fill(found)
        if parsed is not None:
            parsed = parsed.in_steps(max_steps)
            step = _preview(parsed, max_steps)
    if parsed is None:
        with st.container(key="card-broken"):
            prose.empty("This mix cannot be computed yet", "What is wrong stands beside the fields above.")
    else:
        _formula(parsed)
        _cannot_act(parsed, d["run"]["grpo"])
        answer_rule: AnswerRule = "lenient" if d["run"]["data"]["answer_rule"] == "lenient" else "strict"
        try_it(parsed, step, answer_rule)
        preflight(parsed, max_steps, answer_rule)
    _queue_bar(d)


main()
