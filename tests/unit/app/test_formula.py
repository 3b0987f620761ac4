"""The line that says what a mix makes of its terms: one table over every combination rule."""

from typing import Any, get_args

import pytest

from app.views.design.rules import COMBINATION
from app.views.shared.formula import total
from core.config.parsing import parse
from core.rewards.combination import COMBINATIONS, CombinationRule
from core.rewards.mix import Mix

TERMS = [
    {"component": "correctness", "side": "hard", "weight": 1.0},
    {"component": "closeness", "side": "hard", "weight": 0.125},
    {"component": "format", "side": "hard", "weight": -0.5},
]
BOTH = [
    TERMS[0],
    {**TERMS[1], "side": "continuous", "weight": 0.4},
    {**TERMS[2], "side": "always", "weight": 0.2},
]
MOVES = {"type": "linear", "start": 0.0, "end": 1.0, "from_step": 0, "to_step": 9}
NAMED = {"outcome": "correctness", "concise": "closeness"}
# rule, terms, what the line says
CASES: list[tuple[dict[str, Any], list[dict[str, Any]], str]] = [
    ({"type": "sum"}, TERMS, "1.00 correctness + 0.125 closeness + -0.50 format"),
    ({"type": "sum"}, BOTH, "w_hard × 1.00 correctness + (1 − w_hard) × 0.40 closeness + 0.20 format"),
    ({"type": "sum"}, [{**TERMS[0], "weight": MOVES}], "w(t) correctness"),
    (
        {"type": "gate", "order": ["format"]},
        TERMS,
        "-0.50 format + [format > 0.5] × (1.00 correctness + 0.125 closeness)",
    ),
    (
        {"type": "gate", "order": ["correctness", "closeness"], "above": 0.7},  # one gate below the other
        BOTH,
        "w_hard × 1.00 correctness + [correctness > 0.7] × ((1 − w_hard) × 0.40 closeness + [closeness > 0.7] × (0.20 format))",
    ),
    ({"type": "gate", "order": ["correctness"]}, TERMS[:1], "1.00 correctness"),  # nothing stands below
    (
        {"type": "stratified", "verifier": "correctness"},
        TERMS,
        "[correctness > 0.5] + 0.05 × (2m − 1), m = (0.125 closeness + -0.50 format) "
        "from 0 to 1 among the right, and among the wrong, of its group",
    ),
    (
        {"type": "stratified", "verifier": "correctness", "wrong_spread": 0.1},
        TERMS[:2],
        "[correctness > 0.5] + (0.05 if right, 0.1 if wrong) × (2m − 1), m = (0.125 closeness) "
        "from 0 to 1 among the right, and among the wrong, of its group",
    ),
    (
        {"type": "stratified", "verifier": "correctness"},
        TERMS[:1],
        "[correctness > 0.5]",
    ),  # nothing orders them: m = 1/2
    (
        {"type": "conciseness", **NAMED},  # whatever closeness weighs
        TERMS,
        "1.00 correctness × (1 + 0.5 × closeness × (1 + d)) + -0.50 format, d = 1 − the group's mean correctness",
    ),
    # A penalty is no judge: it is added, whoever is named.
    ({"type": "worst_case"}, TERMS, "(1.00 + 0.125) × min(correctness, closeness) + -0.50 format"),
    (
        {"type": "worst_case", "terms": ["closeness"]},
        TERMS[:2],
        "(0.125) × min(closeness) + 1.00 correctness",
    ),
    (
        {"type": "worst_case"},
        BOTH,
        "(w_hard × 1.00 + (1 − w_hard) × 0.40 + 0.20) × min(correctness, closeness, format)",
    ),
    ({"type": "worst_case"}, TERMS[2:], "-0.50 format"),  # no judge at all
    (
        {"type": "uncertainty", "lambda": 0.3},
        TERMS[:2],
        "(1.00 + 0.125) × (mean(correctness, closeness) − 0.3 × var(correctness, closeness))",
    ),
    # Weights are not used, and are not written.
    (
        {"type": "lexicographic", "order": ["correctness", "format"]},
        TERMS,
        "(wins − losses) / others of the group, by correctness, then format",
    ),
    (
        {"type": "lexicographic", "order": ["format"], "margin": 0.5},
        TERMS,
        "(wins − losses) / others of the group, by format, a difference counts above 0.5 std",
    ),
]


@pytest.mark.parametrize(
    ("rule", "terms", "said"), CASES, ids=[f"{i}-{c[0]['type']}" for i, c in enumerate(CASES)]
)
def test_the_line_says_what_the_rule_does(
    rule: dict[str, Any], terms: list[dict[str, Any]], said: str
) -> None:
    blend = {"blend": {"type": "constant", "value": 0.5}} if terms is BOTH else {}
    assert total(parse(Mix, {"terms": terms, "rule": rule, **blend})) == said


def test_every_rule_is_in_the_table_and_on_the_page() -> None:
    """A new rule without words of its own fails here; mypy's assert_never says where they go."""
    union = {kind.model_fields["type"].default for kind in get_args(get_args(CombinationRule)[0])}
    assert union == set(COMBINATIONS) == {rule["type"] for rule, _, _ in CASES} == set(COMBINATION)
