"""Combination rules: tables worked out by hand, what a rule promises for any scores, and rules inside a
whole mix."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from core.common.config_model import descriptions
from core.common.errors import ConfigError
from core.common.groups import Groups
from core.config.parsing import parse
from core.config.templates import templates
from core.rewards import engine
from core.rewards.combination import COMBINATIONS, CombinationRule, Parts, totals
from core.rewards.mix import Mix
from tests.support.samples import CONTINUOUS, HARD, HYBRID, batch

NAN = math.nan
RULE: TypeAdapter[Any] = TypeAdapter(CombinationRule)


def parts_of(shaped: Any, weights: Sequence[float] = (), size: int = 4) -> Parts:
    """What the engine hands to a rule for shaped scores [n, K] of terms a, b, c; groups of `size`, one batch."""
    given = np.asarray(shaped, dtype=float)
    n, k = given.shape
    factors = np.array([list(weights) or [1.0] * k] * n)
    return Parts(
        tuple("abc"[:k]), given, given * factors, factors, Groups.of(np.arange(n) // size), Groups.one(n)
    )


GATE = {"type": "gate", "order": ["a", "b"]}
STRATIFIED = {"type": "stratified", "verifier": "a"}
CONCISE = {"type": "conciseness", "outcome": "a", "concise": "b"}
WORST = {"type": "worst_case"}
UNSURE = {"type": "uncertainty"}
LEXICOGRAPHIC = {"type": "lexicographic", "order": ["a", "b"]}
# rule, weights of a b c, rows of shaped scores that form one group, totals
CASES: list[tuple[dict[str, Any], list[float], list[list[float]], list[float]]] = [
    ({"type": "sum"}, [1, 0.5, 2], [[1, 1, 1], [1, NAN, 0], [NAN, 0.5, NAN]], [3.5, 1, 0.25]),
    ({"type": "sum"}, [1, -0.5, 0], [[1, 1, 1], [0, 1, 9]], [0.5, -0.5]),  # a penalty; a weight of nought
    (GATE, [1, 0.5, 2], [[1, 1, 1]], [3.5]),  # both gates open
    (GATE, [1, 0.5, 2], [[1, 0.4, 1]], [1.2]),  # b is paid, but shut: c is not
    (GATE, [1, 0.5, 2], [[0.5, 1, 1]], [0.5]),  # at the threshold a gate is shut
    (GATE, [1, 0.5, 2], [[0, 1, 1]], [0]),
    (GATE, [1, 0.5, 2], [[NAN, 1, 1], [1, NAN, 1]], [0, 1]),  # a gate that does not apply is shut
    (GATE, [1, 0.5, 2], [[1, 1, NAN]], [1.5]),
    (GATE, [0, 0.5, 2], [[1, 1, 1]], [2.5]),  # a gate opens by its score, whatever its weight
    ({**GATE, "order": ["b"]}, [1, 0.5, 2], [[1, 1, 1], [1, 0, 1]], [3.5, 0]),  # a is not named: it stands below
    ({**GATE, "above": 0.0}, [1, 1, 1], [[0.1, 0.1, 1], [0.1, 0, 1]], [1.2, 0.1]),
    # within each verdict the others' sum is stretched from end to end
    (STRATIFIED, [9, 1, 1], [[1, 0.2, 0], [1, 0.5, 0.1], [0, 0.9, 0], [0, 0.1, 0]], [0.95, 1.05, 0.05, -0.05]),
    (STRATIFIED, [1, 1, 1], [[1, 0, 0], [1, 0.25, 0], [1, 1, 0]], [0.95, 0.975, 1.05]),
    (STRATIFIED, [1, 1, 1], [[1, 3, 0], [0, 7, 0], [0, 7, 0]], [1, 0, 0]),  # alone or equal: the middle
    # 0.1 + 0.2 is not 0.3 in floats, and is no order: the middle
    (STRATIFIED, [1, 1, 1], [[1, 0.1, 0.2], [1, 0.3, 0], [1, 0.1, 0.2], [1, 0, 0.3]], [1, 1, 1, 1]),
    (STRATIFIED, [1, 1, 1], [[1, 0.1, 0.2], [1, 0.3, 0], [0, 0.1, 0.2], [0, 0.3, 0]], [1, 1, 0, 0]),
    (STRATIFIED, [1, 1e9, 1e9], [[1, 0.1, 0.2], [1, 0.3, 0]], [1, 1]),  # nor where numbers are large
    (STRATIFIED, [1, 1, 1], [[1, 0, 0], [1, 1e-7, 0]], [0.95, 1.05]),  # a small difference is one
    # no verdict counts as wrong
    (STRATIFIED, [1, 1, 1], [[NAN, 0, 1], [0, 0, 0], [0.5, 0, 0.5]], [0.05, -0.05, 0]),
    # nothing else applies: their sum is 0
    (STRATIFIED, [1, 1, 1], [[1, NAN, NAN], [1, 1, NAN]], [0.95, 1.05]),
    ({**STRATIFIED, "right_spread": 0.2, "wrong_spread": 0}, [1, 1, 1], [[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0]],
     [0.8, 1.2, 0, 0]),
    # half are right, so d = 1/2: 2 (1 + 0.5 c 1.5)
    (CONCISE, [2, 7, 1], [[1, 1, 0], [1, 0.5, 0], [0, 1, 0], [0, 0, 0]], [3.5, 2.75, 0, 0]),
    (CONCISE, [2, 7, 1], [[1, 1, 0], [1, 0.5, 0]], [3, 2.5]),  # all right: d = 0
    (CONCISE, [1, 1, 2], [[0, 1, 1], [1, NAN, 1], [NAN, 1, 1]], [2, 3, 2]),  # the third term stands beside it
    ({**CONCISE, "alpha": 1, "s": 0}, [1, 1, 1], [[1, 1, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0]], [1.75, 0, 0, 0]),
    (WORST, [1, 2, 0], [[0.3, 0.8, 0.1]], [0.9]),  # c has no weight, so no say
    (WORST, [1, 2, 1], [[NAN, 0.8, 0.9]], [2.4]),  # what does not apply has no say, and no weight either
    (WORST, [1, 1, 1], [[-1, 0.8, 0.9]], [-3]),
    (WORST, [1, -1, 0], [[0.9, 0.5, 1]], [0.4]),  # a penalty is no judge: it is subtracted
    (UNSURE, [1, -1, 0], [[0.9, 0.5, 1]], [0.4]),
    ({**WORST, "terms": ["a", "b"]}, [1, 2, 3], [[0.3, 0.8, 0.1], [NAN, NAN, 0.1]], [0.9 + 0.3, 0.3]),  # c beside it
    # the unbiased variance of 0.2 and 0.8 is 0.18
    (UNSURE, [1, 1, 0], [[0.2, 0.8, 9]], [2 * (0.5 - 0.1 * 0.18)]),
    (UNSURE, [1, 3, 1], [[0.5, 0.5, 0.5]], [2.5]),  # they agree
    (UNSURE, [1, 1, 1], [[NAN, 0.8, NAN]], [0.8]),  # one alone cannot disagree
    ({**UNSURE, "lambda": 1, "terms": ["a", "b"]}, [1, 3, 1], [[0.2, 0.8, 0.5]], [4 * (0.5 - 0.18) + 0.5]),
    # the second loses to nobody, the first to it alone, the last two tie
    (LEXICOGRAPHIC, [0, 0, 1], [[1, 0.5, 0], [1, 0.9, 0], [0, 1, 9], [0, 1, 0]], [1 / 3, 1, -2 / 3, -2 / 3]),
    # a's std is 0.577, b's 0.238: within twice that a decides nothing, and b only 0.5 against 1
    ({**LEXICOGRAPHIC, "margin": 2}, [1, 1, 1], [[1, 0.5, 0], [1, 0.9, 0], [0, 1, 0], [0, 1, 0]],
     [-2 / 3, 0, 1 / 3, 1 / 3]),
    ({**LEXICOGRAPHIC, "margin": 1}, [1, 1, 1], [[1, 0.5, 0], [1, 0.9, 0], [0, 1, 0], [0, 1, 0]],
     [1 / 3, 1, -2 / 3, -2 / 3]),
    # what does not apply loses
    (LEXICOGRAPHIC, [1, 1, 1], [[NAN, 1, 0], [NAN, 0, 0], [-5, 0, 0]], [0, -1, 1]),
    (LEXICOGRAPHIC, [1, 1, 1], [[1, 1, 0]], [0]),  # nobody to beat
    # no opponent: nothing applies to it
    (LEXICOGRAPHIC, [1, 1, 1], [[1, 1, 0], [0, 1, 0], [NAN, NAN, NAN]], [1, -1, NAN]),
]  # fmt: skip


@pytest.mark.parametrize(("values", "weights", "rows", "expected"), CASES)
def test_totals(
    values: dict[str, Any], weights: list[float], rows: list[list[float]], expected: list[float]
) -> None:
    found = totals(RULE.validate_python(values), parts_of(rows, weights))
    assert found.tolist() == pytest.approx(expected, nan_ok=True)


ALL: list[dict[str, Any]] = [
    {"type": "sum"}, GATE, STRATIFIED, CONCISE, WORST, UNSURE, LEXICOGRAPHIC, {**LEXICOGRAPHIC, "margin": 0.5},
]  # fmt: skip


@pytest.mark.parametrize(
    "values", [v for v in ALL if not v.get("margin")], ids=str
)  # a margin is in stds of the batch
def test_groups_do_not_see_each_other(values: dict[str, Any]) -> None:
    rows = [
        [1, 0.2, 0.3],
        [0, 0.4, 0.1],
        [1, 0.9, NAN],
        [0, NAN, 0.5],
        [1, 0.1, 0],
        [1, 0.5, 0.5],
        [0, 0, 0],
        [1, 1, 1],
    ]
    rule, both = RULE.validate_python(values), parts_of(rows, [1, 2, 3])
    alone = [totals(rule, parts_of(half, [1, 2, 3])) for half in (rows[:4], rows[4:])]
    np.testing.assert_allclose(totals(rule, both), np.concatenate(alone))


@pytest.mark.parametrize("values", ALL, ids=str)
def test_nothing_applies(values: dict[str, Any]) -> None:
    found = totals(
        RULE.validate_python(values), parts_of([[NAN, NAN, NAN], [1, 1, 1], [1, 1, 1], [NAN, 1, NAN]])
    )
    # NaN, not nought; one that applies is enough
    assert np.isnan(found).tolist() == [True, False, False, False]


# few values, so that ties are common
SCORE = st.one_of(st.integers(-8, 8).map(lambda v: v / 8), st.just(NAN))
ROWS = st.lists(st.tuples(SCORE, SCORE, SCORE), min_size=8, max_size=8)
WEIGHTS = st.tuples(*[st.sampled_from([0.0, 0.5, 1.0, 3.0])] * 3)


@pytest.mark.parametrize("values", ALL, ids=str)
@given(rows=ROWS, weights=WEIGHTS, order=st.permutations(range(4)))
def test_a_group_in_another_order_gets_the_totals_in_that_order(
    values: dict[str, Any], rows: list[tuple[float, ...]], weights: tuple[float, ...], order: list[int]
) -> None:
    rule, turn = RULE.validate_python(values), [*order, 4, 5, 6, 7]
    found = totals(rule, parts_of([rows[i] for i in turn], weights))
    np.testing.assert_allclose(found, totals(rule, parts_of(rows, weights))[turn], atol=1e-12)


@given(ROWS, WEIGHTS, st.floats(0, 0.499), st.floats(0, 0.499))
def test_stratified_puts_no_wrong_sample_above_a_right_one(
    rows: list[tuple[float, ...]], weights: tuple[float, ...], right_spread: float, wrong_spread: float
) -> None:
    rule = RULE.validate_python({**STRATIFIED, "right_spread": right_spread, "wrong_spread": wrong_spread})
    found = totals(rule, parts_of(rows, weights))
    right = np.array(rows)[:, 0] > 0.5
    known = ~np.isnan(found)
    assert (found[right & known] > 0.5).all() and (found[~right & known] < 0.5).all()


@given(ROWS, WEIGHTS)
def test_a_gate_that_is_always_open_is_the_sum(
    rows: list[tuple[float, ...]], weights: tuple[float, ...]
) -> None:
    gated = np.array(rows)
    gated[:, :2] = np.nan_to_num(gated[:, :2], nan=0.0)  # a gate that does not apply would be shut
    parts = parts_of(gated, weights)
    np.testing.assert_allclose(
        totals(RULE.validate_python({**GATE, "above": -2}), parts), totals(COMBINATIONS["sum"](), parts)
    )


@given(st.lists(st.integers(0, 40), min_size=4, max_size=4), st.integers(1, 997))
def test_stratified_totals_are_equal_where_the_others_add_up_to_the_same(
    parts: list[int], whole: int
) -> None:
    rows = [[1.0, part / 7, (whole - part) / 7] for part in parts]
    assert totals(RULE.validate_python(STRATIFIED), parts_of(rows)).tolist() == [1, 1, 1, 1]


@given(ROWS, WEIGHTS)
def test_the_worst_case_is_never_above_the_mean_that_uncertainty_starts_from(
    rows: list[tuple[float, ...]], weights: tuple[float, ...]
) -> None:
    parts = parts_of(rows, weights)
    worst, mean = (totals(RULE.validate_python(v), parts) for v in (WORST, {**UNSURE, "lambda": 0}))
    known = ~np.isnan(worst)
    assert (worst[known] <= mean[known] + 1e-12).all()


TEXTS = [
    "3+4=7\n#### 72",
    "#### 70",
    "so 72",
    "3+4=8\n#### 72",
    "#### 72",
    "#### 60",
    "none",
    "2*36=72\n#### 72",
]


@pytest.mark.parametrize("advantage", ["group", "normalize_then_sum", "mixed", "filtered"])
@pytest.mark.parametrize("rule", ["sum", "worst_case", "uncertainty"])
@pytest.mark.parametrize(("share", "alone"), [(1.0, HARD), (0.0, CONTINUOUS)])
def test_a_blend_of_one_or_nought_is_the_pure_structure(
    share: float, alone: list[dict[str, Any]], rule: str, advantage: str
) -> None:
    samples = batch(TEXTS, group_size=4)
    how = {"rule": {"type": rule}, "advantage": {"type": advantage}}
    blended = engine.score(
        samples, parse(Mix, {**HYBRID, **how, "blend": {"type": "constant", "value": share}}), 1
    )
    pure = engine.score(samples, parse(Mix, {"terms": alone, **how}), 1)
    np.testing.assert_allclose(blended.total, pure.total, atol=1e-12)
    np.testing.assert_allclose(blended.advantage, pure.advantage, atol=1e-9)


def test_a_rule_in_a_mix_reads_terms_by_their_labels() -> None:
    terms = [
        {"component": "correctness", "side": "always"},
        {"component": "format", "name": "shape", "side": "always", "weight": 0.5},
    ]
    gated = parse(Mix, {"terms": terms, "rule": {"type": "gate", "order": ["shape"]}})
    scored = engine.score(batch(["#### 72", "#### 72 or so", "#### 70"]), gated, 1)
    assert scored.total.tolist() == [1.5, 0.0, 0.5]
    assert np.isnan(scored.advantage_share).all()  # under a gate a total is no sum of parts


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # 1 + 0.2 (reasoning: no equation, none of 1 to 12, but a marker and no repetition: 1/2) + 0.2
        ("gate", [1.3, 0, 0]),  # G-RA: a wrong answer is paid for nothing, however well it is made
        ("format-gate", [1.6, 0.2 + 0.4 * math.exp(-2 / 7.2), 0]),  # wrong, but in form and near: paid
    ],
)
def test_what_the_gate_templates_pay(name: str, expected: list[float]) -> None:
    (mix,) = [template.mix for template in templates() if template.name == name]
    scored = engine.score(batch(["#### 72", "3+4=7\n#### 70", "72"]), mix, 1)
    assert scored.total.tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"type": "gate", "order": ["correct"]},
            "rule gate names the term 'correct'; the mix has correctness",
        ),
        ({"type": "worst_case", "terms": ["x"]}, "names the term 'x'"),
        ({"type": "gate", "order": []}, "at least 1 item"),
        (
            {"type": "stratified", "verifier": "correctness", "wrong_spread": 0.5},
            "less than 0.5",
        ),  # the strata would touch
        ({"type": "borda"}, "rule has no type 'borda'; choose one of"),
        ({"type": "gate", "order": ["a", "a"]}, "names the term 'a' twice"),
    ],
)
def test_bad_rules_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(Mix, {"terms": HARD, "rule": values})


def test_every_rule_is_in_the_table() -> None:
    assert {values["type"] for values, *_ in CASES} == {values["type"] for values in ALL} == set(COMBINATIONS)
    for name, rule in COMBINATIONS.items():
        assert rule.__doc__ and descriptions(rule).keys() >= rule.model_fields.keys() - {"type"}, name


def test_a_negative_lambda_is_refused() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        RULE.validate_python({**UNSURE, "lambda": -1})
