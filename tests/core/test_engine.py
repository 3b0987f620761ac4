"""The engine: sums by hand, properties for any scores, and what happens to a component that breaks its promise."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import engine
from core.advantage import Group, advantages, dead, shares
from core.config import parse
from core.errors import ComponentError
from core.mix import Mix, Term
from core.rewards import COMPONENTS
from tests.samples import CONTINUOUS, HARD, HYBRID, batch

TEXTS = ["3+4=7\n#### 72", "#### 70", "so 72", "3+4=8\n#### 72"]


def mix(values: dict[str, Any]) -> Mix:
    return parse(Mix, values)


def test_a_sum_by_hand() -> None:
    scored = engine.score(batch(TEXTS[:2]), mix({**HYBRID, "blend": {"type": "constant", "value": 0.25}}), step=3)
    # correctness, closeness, perplexity, reasoning, format of "3+4=7\n#### 72"
    assert scored.raw[0] == pytest.approx([1, 1, np.exp(-0.5), 1, 1])
    assert scored.weights == pytest.approx([0.25, 0.75 * 0.4, 0.75 * 0.2, 0.75 * 0.2, 0.75 * 0.2])
    assert scored.total[0] == pytest.approx(0.25 + 0.75 * (0.4 + 0.2 * np.exp(-0.5) + 0.2 + 0.2))
    assert scored.blend == 0.25


def test_the_blend_moves_the_weights_with_the_step() -> None:
    ramp = {"type": "linear", "start": 0.0, "end": 1.0, "from_step": 0, "to_step": 10}
    made = mix({**HYBRID, "blend": ramp})
    assert [made.factor(made.terms[0], s) for s in (0, 5, 10)] == [0.0, 0.5, 1.0]
    assert [made.factor(made.terms[1], s) for s in (0, 5, 10)] == [0.4, 0.2, 0.0]


@pytest.mark.parametrize(("share", "alone"), [(1.0, HARD), (0.0, CONTINUOUS)])
def test_a_blend_of_one_or_nought_equals_the_pure_structure(share: float, alone: list[dict[str, Any]]) -> None:
    blended = engine.score(batch(TEXTS), mix({**HYBRID, "blend": {"type": "constant", "value": share}}), 1)
    pure = engine.score(batch(TEXTS), mix({"terms": alone}), 1)
    np.testing.assert_allclose(blended.total, pure.total)
    np.testing.assert_allclose(blended.advantage, pure.advantage)


def test_a_score_that_does_not_apply_adds_nothing_and_is_kept_apart_from_nought() -> None:
    made = mix({"terms": [{"component": "consistency", "side": "always"}, {"component": "format", "side": "always"}]})
    scored = engine.score(batch(["#### 7", "hm"]), made, 1)
    assert np.isnan(scored.raw[:, 0]).all()
    assert scored.total.tolist() == [1.0, 0.0]
    nothing = engine.score(batch(["#### 7", "hm"]), mix({"terms": [{"component": "consistency", "side": "always"}]}), 1)
    assert np.isnan(nothing.total).all() and nothing.advantage.tolist() == [0.0, 0.0]


def test_shaping_comes_before_the_weight() -> None:
    clip = {"component": "closeness", "side": "always", "weight": 2.0, "shaping": {"type": "clip", "low": 0.5, "high": 0.9}}
    scored = engine.score(batch(["#### 72", "none"]), mix({"terms": [clip]}), 1)
    assert scored.raw[:, 0].tolist() == [1.0, 0.0]
    assert scored.shaped[:, 0].tolist() == [0.9, 0.5]
    assert scored.total.tolist() == [1.8, 1.0]


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda b: np.zeros(len(b) + 1), r"returned shape \(5,\) for 4 samples"),
        (lambda b: np.full(len(b), 2.0), r"scored 2, outside its range \[0, 1\], for problem 'p0'"),
        (lambda b: np.full(len(b), np.inf), "scored inf"),
        (lambda b: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_a_broken_component_stops_the_run_with_its_name(returned: Any, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = dataclasses.replace(COMPONENTS["format"], score=lambda b, _params: returned(b))
    monkeypatch.setitem(COMPONENTS, "format", broken)
    with pytest.raises(ComponentError, match=f"'format' {message}"):
        engine.score_term(batch(TEXTS), parse(Term, {"component": "format", "side": "hard"}))


TOTALS = st.lists(st.one_of(st.floats(-10, 10, width=32), st.just(float("nan"))), min_size=8, max_size=8)
RULES = st.sampled_from(["group", "batch", "none"])
GROUPS = np.arange(8) // 4


@given(TOTALS, st.floats(-100, 100), RULES)
def test_a_constant_added_to_every_total_changes_no_advantage(totals: list[float], constant: float, rule: str) -> None:
    made = Group(type=rule)  # type: ignore[arg-type]
    before = advantages(np.array(totals), GROUPS, made)
    after = advantages(np.array(totals) + constant, GROUPS, made)
    # A spread of float noise is divided by 1e-4, so equality holds to 1e-4 of the constant's own rounding.
    np.testing.assert_allclose(after, before, atol=1e-6, rtol=1e-6)


@given(TOTALS, RULES, st.permutations(range(4)))
def test_a_group_in_another_order_gives_the_advantages_in_that_order(totals: list[float], rule: str, order: list[int]) -> None:
    made = Group(type=rule)  # type: ignore[arg-type]
    turn = np.array([*order, 4, 5, 6, 7])
    values = np.array(totals)
    np.testing.assert_allclose(
        advantages(values[turn], GROUPS, made), advantages(values, GROUPS, made)[turn], atol=1e-9, rtol=1e-7
    )


@given(st.lists(st.floats(0, 1, width=16), min_size=16, max_size=16), RULES)
def test_shares_sum_to_one_where_anything_varies(values: list[float], rule: str) -> None:
    parts = np.array(values).reshape(8, 2)
    found = shares(parts, parts.sum(1), GROUPS, Group(type=rule))  # type: ignore[arg-type]
    varies = not dead(parts.sum(1), GROUPS).all()
    assert found.sum() == pytest.approx(1.0 if varies else 0.0, abs=1e-6)


def test_the_weight_is_not_the_share() -> None:
    """rewards.md 1.5: in an all-wrong group the continuous side trains alone, however hard the blend."""
    wrong = batch(["#### 70", "#### 60", "#### 50", "none"])
    scored = engine.score(wrong, mix({**HYBRID, "blend": {"type": "constant", "value": 0.99}}), 1)
    assert scored.weights[0] == 0.99 and scored.advantage_share[0] == pytest.approx(0.0)
    assert np.abs(scored.advantage).mean() > 0.6  # at full size, not at a hundredth of it


def test_dead_groups_are_those_without_spread() -> None:
    assert dead(np.array([1.0, 1, 1, 1, 0, 1, 0, 0]), GROUPS).tolist() == [True, False]
    assert dead(np.array([np.nan] * 4 + [0.1 + 0.2, 0.3, 0.3, 0.3]), GROUPS).tolist() == [True, True]  # float dust is no spread
