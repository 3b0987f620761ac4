"""The engine: sums by hand, several steps at once, and what happens to a component that breaks its promise.

Rules, shapings, advantages and what a run remembers are in test_rules, test_shaping, test_advantage and
test_adaptive.
"""

import dataclasses
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.common.errors import ComponentError
from core.common.groups import Groups
from core.config.parsing import parse
from core.rewards import engine
from core.rewards.advantage import RULES
from core.rewards.combination import COMBINATIONS
from core.rewards.component import external_key
from core.rewards.components import COMPONENTS
from core.rewards.engine import score
from core.rewards.mix import Mix, Term
from tests.support.samples import CONTINUOUS, HARD, HYBRID, batch

TEXTS = ["3+4=7\n#### 72", "#### 70", "so 72", "3+4=8\n#### 72"]


def mix(values: dict[str, Any]) -> Mix:
    return parse(Mix, values)


def test_a_sum_by_hand() -> None:
    scored = engine.score(
        batch(TEXTS[:2]), mix({**HYBRID, "blend": {"type": "constant", "value": 0.25}}), step=3
    )
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
def test_a_blend_of_one_or_nought_equals_the_pure_structure(
    share: float, alone: list[dict[str, Any]]
) -> None:
    blended = engine.score(batch(TEXTS), mix({**HYBRID, "blend": {"type": "constant", "value": share}}), 1)
    pure = engine.score(batch(TEXTS), mix({"terms": alone}), 1)
    np.testing.assert_allclose(blended.total, pure.total)
    np.testing.assert_allclose(blended.advantage, pure.advantage)


def test_a_score_that_does_not_apply_adds_nothing_and_is_kept_apart_from_nought() -> None:
    made = mix(
        {"terms": [{"component": "consistency", "side": "always"}, {"component": "format", "side": "always"}]}
    )
    scored = engine.score(batch(["#### 7", "hm"]), made, 1)
    assert np.isnan(scored.raw[:, 0]).all()
    assert scored.total.tolist() == [1.0, 0.0]
    nothing = engine.score(
        batch(["#### 7", "hm"]), mix({"terms": [{"component": "consistency", "side": "always"}]}), 1
    )
    assert np.isnan(nothing.total).all() and nothing.advantage.tolist() == [0.0, 0.0]


def test_shaping_comes_before_the_weight() -> None:
    clip = {
        "component": "closeness",
        "side": "always",
        "weight": 2.0,
        "shaping": {"type": "clip", "low": 0.5, "high": 0.9},
    }
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
def test_a_broken_component_stops_the_run_with_its_name(
    returned: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = dataclasses.replace(COMPONENTS["format"], score=lambda b, _params: returned(b))
    monkeypatch.setitem(COMPONENTS, "format", broken)
    with pytest.raises(ComponentError, match=f"'format' {message}"):
        engine.score_term(batch(TEXTS), parse(Term, {"component": "format", "side": "hard"}))


@pytest.mark.parametrize(
    "advantage", ["group", "batch", "normalize_then_sum", "mixed", "noisy_verifier", "filtered"]
)
def test_several_steps_at_once_are_each_step_alone(advantage: str) -> None:
    wave = {"type": "cyclic", "low": 0.1, "high": 0.9, "period": 7}
    made = mix({**HYBRID, "blend": wave, "advantage": {"type": advantage}})
    steps = {
        3: batch(TEXTS * 2, group_size=4),
        1: batch(TEXTS[::-1] * 3, group_size=6),
        2: batch(["none"] * 4),
    }
    alone = [engine.score(samples, made, step) for step, samples in steps.items()]
    sizes = [len(samples) for samples in steps.values()]
    groups = np.concatenate([samples.group + 100 * step for step, samples in steps.items()])
    whole = engine.combine(
        made,
        np.concatenate([s.raw for s in alone]),
        np.repeat(list(map(float, steps)), sizes),
        Groups.of(groups),
        Groups.of(np.repeat(list(steps), sizes)),
        np.concatenate([samples.correct for samples in steps.values()]),
        np.concatenate([samples.mean_nll for samples in steps.values()]),
    )
    np.testing.assert_allclose(whole.total, np.concatenate([s.total for s in alone]))
    np.testing.assert_allclose(whole.contributions, np.concatenate([s.contributions for s in alone]))
    np.testing.assert_allclose(whole.advantage, np.concatenate([s.advantage for s in alone]), atol=1e-9)


def test_a_mix_in_per_cents_is_scored_once_the_length_is_known() -> None:
    ramp = {"type": "linear", "unit": "percent", "start": 0, "end": 1, "from_step": 0, "to_step": 50}
    made = mix({**HYBRID, "blend": ramp})
    with pytest.raises(ValueError, match="in percent of the training"):
        engine.score(batch(TEXTS), made, 10)
    assert engine.score(batch(TEXTS), made.in_steps(80), 10).blend == 0.25


def test_the_weight_is_not_the_share() -> None:
    """rewards.md 1.5: in an all-wrong group the continuous side trains alone, however hard the blend."""
    wrong = batch(["#### 70", "#### 60", "#### 50", "none"])
    scored = engine.score(wrong, mix({**HYBRID, "blend": {"type": "constant", "value": 0.99}}), 1)
    assert scored.weights[0] == 0.99 and scored.advantage_share[0] == pytest.approx(0.0)
    assert np.abs(scored.advantage).mean() > 0.6  # at full size, not at a hundredth of it


SOMETIMES = {"component": "consistency", "side": "continuous"}  # says nothing of a text that computes nothing
WORKED = ["3+4=7\n#### 7", "3+4=7\n#### 8", "so #### 72", "3+4=7"]


@pytest.mark.parametrize("advantage", ["group", "mixed", "none"])
def test_a_term_without_weight_changes_nothing_even_where_others_do_not_apply(advantage: str) -> None:
    """A blend of 0 and 1 equals the pure structures, NaN included: who has no weight has no say that a
    sample has a total."""
    rule = {"type": advantage}
    pure = parse(
        Mix, {"terms": [SOMETIMES], "advantage": {"type": "group"} if advantage == "mixed" else rule}
    )
    blended = parse(
        Mix, {"blend": {"type": "constant", "value": 0.0}, "terms": [*HARD, SOMETIMES], "advantage": rule}
    )
    weightless = parse(
        Mix,
        {"terms": [{**HARD[0], "side": "continuous", "weight": 0}, SOMETIMES], "advantage": pure.advantage},
    )
    a, b, c = (score(batch(WORKED), mix, 1) for mix in (pure, blended, weightless))
    np.testing.assert_array_equal(a.total, b.total)
    np.testing.assert_allclose(a.advantage, b.advantage)
    np.testing.assert_allclose(a.advantage, c.advantage)
    assert np.isnan(a.total[2]) and a.advantage[2] == 0.0


def test_a_verdict_that_did_not_come_pushes_nobody() -> None:
    """A judge that timed out is a fault of the network: the group's mean stands in for it, and the sample
    shows no score."""
    mix = parse(
        Mix, {"terms": [{"component": "judge", "side": "continuous"}, {**HARD[0], "side": "continuous"}]}
    )
    key = external_key("judge", mix.terms[0].settings)
    made = score(batch(["#### 1"] * 4, external={key: np.array([0.8, 0.8, 0.8, np.nan])}), mix, 1)
    assert np.isnan(made.raw[3, 0]) and made.contributions[3, 0] == pytest.approx(0.8)
    assert made.advantage == pytest.approx([0, 0, 0, 0], abs=1e-9)
    alone = parse(Mix, {"terms": [{"component": "judge", "side": "continuous"}]})
    nothing = score(batch(["#### 1"] * 4, external={key: np.full(4, np.nan)}), alone, 1)
    assert np.isnan(nothing.total).all() and nothing.dead.tolist() == [True]


NAN = float("nan")
JUDGED = [  # the judge stands on the side of another term, and beside a third
    {"component": "correctness", "name": "right", "side": "hard", "weight": 0.5},
    {"component": "judge", "side": "hard", "weight": 0.5},
    {"component": "closeness", "name": "near", "side": "continuous", "weight": 0.3},
]
# Every rule, with the judge in every part that it can play.
BY_RULE: list[dict[str, Any]] = [
    {"type": "sum"},
    {"type": "gate", "order": ["judge"]},
    {"type": "gate", "order": ["right", "judge"]},
    {"type": "stratified", "verifier": "right"},
    {"type": "stratified", "verifier": "judge"},
    {"type": "conciseness", "outcome": "right", "concise": "judge"},
    {"type": "conciseness", "outcome": "judge", "concise": "near"},
    {"type": "worst_case"},
    {"type": "worst_case", "terms": ["judge", "near"]},
    {"type": "uncertainty", "lambda": 1.0},
    {"type": "lexicographic", "order": ["right", "judge", "near"]},
    {"type": "lexicographic", "order": ["judge", "near"], "margin": 0.5},
]
BY_ADVANTAGE: list[dict[str, Any]] = [
    {"type": "group"},
    {"type": "batch"},
    {"type": "none"},
    {"type": "normalize_then_sum"},
    {"type": "mixed"},
    {"type": "w_reinforce"},
    {"type": "noisy_verifier"},
    {"type": "noisy_verifier", "correction": "forward"},
    {"type": "filtered", "keep": "best_worst", "n": 2},
    {"type": "filtered", "keep": "best", "n": 1},
    {"type": "group", "positive_only": True, "difficulty": {"by": "spread"}},
]
# What compares samples: of equal ones all advantages are 0.
COMPARING = [
    values
    for values in BY_ADVANTAGE
    if values["type"] != "w_reinforce" and values.get("correction") != "forward"
]


def judged_mix(rule: dict[str, Any], advantage: dict[str, Any]) -> Mix:
    return mix(
        {"blend": {"type": "constant", "value": 0.6}, "terms": JUDGED, "rule": rule, "advantage": advantage}
    )


@cache
def _mixes(at: int) -> list[Mix]:
    return [judged_mix(BY_RULE[at], advantage) for advantage in BY_ADVANTAGE]


def under_every_advantage(rule: dict[str, Any]) -> list[Mix]:
    """The mix of a rule with each advantage rule, read once: hypothesis asks often."""
    return _mixes(BY_RULE.index(rule))


def judged(made: Mix, raw: Any, size: int = 4) -> engine.Combined:
    """Raw scores [n, 3] of right, judge, near through the arithmetic; groups of `size`, one batch."""
    given_scores = np.asarray(raw, dtype=float)
    n = len(given_scores)
    groups = Groups.of(np.arange(n) // size)
    return engine.combine(
        made, given_scores, np.ones(n), groups, Groups.one(n), given_scores[:, 0] > 0.5, np.full(n, 0.5)
    )


def test_every_rule_meets_silence() -> None:
    assert {values["type"] for values in BY_RULE} == set(COMBINATIONS)
    assert {values["type"] for values in BY_ADVANTAGE} == set(RULES)


@pytest.mark.parametrize("rule", BY_RULE, ids=str)
@pytest.mark.parametrize("advantage", COMPARING, ids=str)
def test_four_equal_answers_of_which_one_was_not_judged_teach_nothing(
    rule: dict[str, Any], advantage: dict[str, Any]
) -> None:
    found = judged(judged_mix(rule, advantage), [[1, verdict, 1] for verdict in (0.8, 0.8, 0.8, NAN)])
    assert found.advantage == pytest.approx([0, 0, 0, 0], abs=1e-9)
    assert len(set(found.total.tolist())) == 1  # to the last bit: 0.8 is not the mean of three 0.8 in floats


VERDICT = st.one_of(st.integers(0, 10).map(lambda v: v / 10), st.just(NAN))
ROW = st.tuples(st.sampled_from([0.0, 1.0]), VERDICT, st.sampled_from([0.0, 0.1, 0.3, 0.7, 1.0]))
ROWS = st.lists(ROW, min_size=8, max_size=8)


@pytest.mark.parametrize("rule", BY_RULE, ids=str)
@settings(max_examples=20)
@given(
    others=ROWS,
    verdict=st.integers(1, 10).map(lambda v: v / 10),
    right=st.booleans(),
    silent=st.integers(0, 3),
)
def test_where_all_other_verdicts_are_equal_silence_gives_what_the_verdict_gives(
    rule: dict[str, Any], others: list[Any], verdict: float, right: bool, silent: int
) -> None:
    rows = np.array(others)
    rows[:4, 1] = verdict
    rows[:4, 0] = right
    unheard = rows.copy()
    unheard[silent, 1] = NAN
    for made in under_every_advantage(rule):
        np.testing.assert_array_equal(judged(made, unheard).advantage, judged(made, rows).advantage)


@pytest.mark.parametrize("rule", BY_RULE, ids=str)
@settings(max_examples=20)
@given(rows=ROWS)
def test_silence_counts_as_the_mean_verdict_of_the_group(rule: dict[str, Any], rows: list[Any]) -> None:
    raw = np.array(rows)
    spoken = raw.copy()
    for group in (spoken[:4], spoken[4:]):
        verdicts = group[~np.isnan(group[:, 1]), 1]
        if len(verdicts):
            mean = min(max(verdicts.sum() / len(verdicts), verdicts.min()), verdicts.max())
            group[np.isnan(group[:, 1]), 1] = mean
    for made in under_every_advantage(rule):
        np.testing.assert_allclose(judged(made, raw).advantage, judged(made, spoken).advantage, atol=1e-9)


# Rules under which no sample's total hangs on the scores of the others of its group but for the scale.
ORDERED = [v for v in BY_RULE if v["type"] in ("sum", "gate", "worst_case", "uncertainty")]


@pytest.mark.parametrize("rule", ORDERED, ids=str)
@given(rows=ROWS, silent=st.integers(0, 3))
def test_silence_leaves_the_order_of_the_others_as_it_is(
    rule: dict[str, Any], rows: list[Any], silent: int
) -> None:
    raw = np.nan_to_num(np.array(rows), nan=0.4)
    made = judged_mix(rule, {"type": "group"})
    spoken = judged(made, raw).total
    raw[silent, 1] = NAN
    others = np.arange(8) != silent
    np.testing.assert_array_equal(judged(made, raw).total[others], spoken[others])


@pytest.mark.parametrize("rule", BY_RULE, ids=str)
@pytest.mark.parametrize("advantage", BY_ADVANTAGE, ids=str)
def test_where_nobody_was_judged_nobody_is_moved(rule: dict[str, Any], advantage: dict[str, Any]) -> None:
    """A group without a verdict, or a whole batch: equal samples get the same, and nothing where totals
    are measured."""
    made = judged_mix(rule, advantage)
    for raw in ([[1, NAN, 1]] * 8, [[1, NAN, 1]] * 4 + [[1, 0.8, 1], [0, 0.2, 0]] * 2):
        assert judged(made, raw).advantage[:4] == pytest.approx([0, 0, 0, 0], abs=1e-9)


def test_a_group_without_a_verdict_still_learns_from_the_other_terms() -> None:
    raw = [[1, NAN, 1], [0, NAN, 0]] * 2
    found = judged(judged_mix({"type": "sum"}, {"type": "group"}), raw)
    assert (found.advantage > 0).tolist() == [True, False] * 2
    measured = judged(judged_mix({"type": "sum"}, {"type": "w_reinforce"}), raw)
    # 0.3 and a verdict: right or wrong?
    assert np.isnan(measured.total).all() and measured.advantage.tolist() == [0, 0, 0, 0]


def test_a_judge_without_a_weight_takes_no_total_away() -> None:
    terms = [{**HARD[0]}, {"component": "judge", "side": "hard", "weight": 0.0}]
    found = score(
        batch(["#### 72", "#### 1"]), mix({"terms": terms, "advantage": {"type": "w_reinforce"}}), 1
    )
    assert found.total.tolist() == [1, 0] and found.advantage.tolist() == [0.1, -1]
