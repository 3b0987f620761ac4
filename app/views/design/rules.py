"""The combination rule, the advantage rule, and what follows it."""

from typing import Any

import streamlit as st

from app.views.shared.term_settings import label
from app.widgets import forms
from core.rewards.advantage import RULES
from core.rewards.advantage_base import FOLLOWING
from core.rewards.combination import COMBINATIONS

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


def rules(mix: dict[str, Any], faults: forms.Faults, key: str) -> None:
    labels = [label(t) for t in mix["terms"]]
    with st.container(key="card-rule"):
        left_column, right_column = st.columns(2)
        with left_column:
            current = mix.get("rule") or {"type": "sum"}
            mix["rule"] = forms.union(
                "Combination rule", COMBINATION, COMBINATIONS, current, f"{key}-rule", labels
            )
            faults.beside("rule")
        with right_column:
            current = mix.get("advantage") or {"type": "group"}
            advantage = forms.union(
                "Advantage", ADVANTAGES, RULES, current, f"{key}-advantage", labels, FOLLOWING
            )
            with st.popover("What follows the rule", icon=":material/filter_alt:"):
                st.caption("Applied to the rule's advantages. All off: the rule's own.")
                mix["advantage"] = advantage | forms.any_fields(
                    RULES[advantage["type"]], FOLLOWING, current, f"{key}-following"
                )
            faults.beside("advantage")
