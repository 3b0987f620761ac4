"""Advantage rules: tables worked out by hand, and what must hold for any totals.

That the first rules equal TRL's is proved in test_advantage_trl.py.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from core.common.config_model import descriptions
from core.common.groups import FloatArray, Groups
from core.rewards.advantage import RULES, AdvantageRule, advantages, by_token, dead, shares
from core.rewards.advantage_base import Totals
from tests.support.totals import totals_of

NAN = math.nan
RULE: TypeAdapter[Any] = TypeAdapter(AdvantageRule)


def turned(t: Totals, order: Sequence[int]) -> Totals:
    """The same samples in another order."""
    rows = np.array(order)
    fields = {f.name: getattr(t, f.name) for f in dataclasses.fields(t)}
    arrays = {name: value[rows] for name, value in fields.items() if isinstance(value, np.ndarray)}
    groups = {name: Groups.of(getattr(t, name).index[rows]) for name in ("groups", "batches")}
    return dataclasses.replace(t, **arrays, **groups)


def of(values: dict[str, Any], totals: Any, **more: Any) -> list[float]:
    found: list[float] = advantages(RULE.validate_python(values), totals_of(totals, **more)).tolist()
    return found


@pytest.mark.parametrize(
    ("values", "divisor"),
    [
        ({"type": "group"}, 0.5 + 1e-4),  # the std of 0 0 0 1 is 1/2
        ({"type": "group", "std_floor": 0.1}, 0.5 + 1e-4),  # above its floor it stays what it is
        ({"type": "group", "std_floor": 2.0}, 2.0 + 1e-4),
        ({"type": "batch", "std_floor": 2.0}, 2.0 + 1e-4),
        ({"type": "none", "std_floor": 2.0}, 1.0),  # nothing is divided by, so there is nothing to floor
    ],
)
def test_std_floor(values: dict[str, Any], divisor: float) -> None:
    assert of(values, [0, 0, 0, 1]) == pytest.approx([-0.25 / divisor] * 3 + [0.75 / divisor])


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"type": "batch"}, "batch"),
        ({"type": "group", "std_floor": 0.1}, None),  # TRL has no floor
        ({"type": "none", "std_floor": 0.1}, "none"),  # where it does nothing
        ({"type": "group", "positive_only": True}, None),
        ({"type": "mixed"}, None),
        ({"type": "normalize_then_sum"}, None),
    ],
)
def test_what_is_left_to_trl(values: dict[str, Any], name: str | None) -> None:
    assert RULE.validate_python(values).in_trl == name


# Group one is all wrong, group two has one right sample and an even continuous side.
HARD = [0, 0, 0, 0, 1, 0, 0, 0]
SOFT = [0.2, 0.4, 0.6, 0.8, 0.5, 0.5, 0.5, 0.5]
SOFT_A = [-0.3, -0.1, 0.1, 0.3]  # before scaling
SOFT_STD = math.sqrt(0.2 / 3)


def test_mixed_trains_an_all_wrong_group_with_its_continuous_share_only() -> None:
    scores = np.array([HARD, SOFT], dtype=float).T
    sides = ("hard", "continuous")
    found = of({"type": "mixed"}, scores, weights=(3, 7), sides=sides, share=0.9)
    # Each side is divided by its own std, so the weights 3 and 7 inside one-term sides cancel.
    assert found[:4] == pytest.approx([0.1 * a / (SOFT_STD + 1e-4 / 7) for a in SOFT_A])
    assert found[4:] == pytest.approx([0.9 * a / (0.5 + 1e-4 / 3) for a in (0.75, -0.25, -0.25, -0.25)])
    whole = of({"type": "group"}, scores, weights=(3, 7), sides=sides, share=0.9)
    assert whole[:4] == pytest.approx([10 * a for a in found[:4]], rel=1e-2)  # without it: at full size


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        ("none", [0.1 * a for a in SOFT_A] + [0.9 * a for a in (0.75, -0.25, -0.25, -0.25)]),
        # over the batch: the std of HARD is sqrt(1/8), that of SOFT sqrt(0.2/7)
        ("batch", [0.1 * a / (math.sqrt(0.2 / 7) + 1e-4) for a in SOFT_A]
         + [0.9 * a / (math.sqrt(1 / 8) + 1e-4) for a in (0.75, -0.25, -0.25, -0.25)]),
    ],
)  # fmt: skip
def test_mixed_scales(scale: str, expected: list[float]) -> None:
    scores = np.array([HARD, SOFT], dtype=float).T
    assert of(
        {"type": "mixed", "scale": scale}, scores, sides=("hard", "continuous"), share=0.9
    ) == pytest.approx(expected)


def test_mixed_adds_the_always_side_whole_and_skips_a_side_that_does_not_apply() -> None:
    scores = [[0, NAN], [1, NAN], [0, 1], [NAN, NAN]]
    found = of({"type": "mixed", "scale": "none"}, scores, sides=("hard", "always"), share=0.6)
    # hard: mean 1/3 of three samples; always: one sample alone is its own mean
    assert found == pytest.approx([0.6 * -1 / 3, 0.6 * 2 / 3, 0.6 * -1 / 3, 0])


@pytest.mark.parametrize(
    ("positive", "negative", "above", "expected"),
    [
        (0.1, 1.0, 0.5, [0.1, -1, -1, 0]),  # W-REINFORCE
        (1.0, 0.0, 0.5, [1, 0, 0, 0]),  # PSR: only right ones are learned from
        (0.0, 1.0, 0.5, [0, -1, -1, 0]),  # NSR: only wrong ones
        (0.1, 1.0, 0.2, [0.1, -1, 0.1, 0]),  # another threshold
    ],
)
def test_w_reinforce(positive: float, negative: float, above: float, expected: list[float]) -> None:
    values = {"type": "w_reinforce", "positive": positive, "negative": negative, "above": above}
    assert of(values, [1.0, 0.0, 0.5, NAN]) == expected  # 0.5 is not above 0.5; NaN does not apply


@pytest.mark.parametrize(
    ("values", "totals", "expected"),
    [
        # r = (1 - 0.1) / 0.7 = 9/7 and -1/7; the others of a right one: (9/7 - 2/7) / 3 = 1/3, of a wrong one
        # 17/21
        ({}, [1, 0, 0, 1], [20 / 21, -20 / 21, -20 / 21, 20 / 21]),
        ({"scale": 2.0}, [1, 0, 0, 1], [10 / 21, -10 / 21, -10 / 21, 10 / 21]),
        ({}, [1, 0, NAN, NAN], [10 / 7, -10 / 7, 0, 0]),  # only those that apply are others
        ({}, [1, NAN, NAN, NAN], [0, 0, 0, 0]),  # nobody to compare with
        ({}, [1, 1, 1, 1], [0, 0, 0, 0]),
        (
            {"false_positive": 0, "false_negative": 0},
            [1, 0, 0, 0],
            [1, -1 / 3, -1 / 3, -1 / 3],
        ),  # leave-one-out alone
        ({"correction": "forward"}, [1, 0, 1, NAN], [0.2, -0.8, 0.2, 0]),  # total - (1 - 0.2)
        (
            {"correction": "forward", "scale": 0.8},
            [1, 1, 1, 1],
            [0.25] * 4,
        ),  # no centring: an all-right group trains
    ],
)
def test_noisy_verifier(values: dict[str, Any], totals: list[float], expected: list[float]) -> None:
    assert of({"type": "noisy_verifier", **values}, totals) == pytest.approx(expected)


def test_a_verifier_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"false_positive 0.5 \+ false_negative 0.5 is 1 or more"):
        RULE.validate_python({"type": "noisy_verifier", "false_positive": 0.5, "false_negative": 0.5})


@pytest.mark.parametrize(
    ("keep", "n", "totals", "kept"),
    [
        ("best", 1, [1, 2, 4, 3], [2]),
        ("best", 2, [1, 2, 4, 3], [2, 3]),
        ("best_worst", 2, [1, 2, 4, 3], [0, 2]),
        ("best_worst", 3, [1, 2, 4, 3], [0, 2, 3]),  # the larger half from the best
        ("best_worst", 1, [1, 2, 4, 3], [2]),  # and all of one
        ("best_worst", 9, [1, 2, 4, 3], [0, 1, 2, 3]),  # more than there are
        ("best_random", 9, [1, 2, 4, 3], [0, 1, 2, 3]),
        ("best_random", 1, [1, 2, 4, 3], [2]),
        ("best", 1, [0, 1, 1, 0], [1]),  # ties fall by position: the first of the best,
        ("best_worst", 2, [0, 1, 1, 0], [1, 3]),  # the last of the worst
        ("best", 2, [NAN, 1, 2, 4], [2, 3]),  # what does not apply is never kept, nor among the worst
        ("best_worst", 2, [NAN, 1, 2, 4], [1, 3]),
        ("best", 2, [NAN, NAN, NAN, NAN], []),
        ("best", 4, [3, 3, 3, 3], []),  # kept, but with advantage 0
    ],
)
def test_filtered(keep: str, n: int, totals: list[float], kept: list[int]) -> None:
    found = of({"type": "filtered", "keep": keep, "n": n}, totals)
    whole = of({"type": "group"}, totals)
    assert found == [a if i in kept else 0.0 for i, a in enumerate(whole)]


def test_best_random_keeps_the_best_and_as_many_others_by_seed_and_step() -> None:
    totals = np.random.default_rng(0).normal(size=512)

    def chosen(seed: int, step: int) -> FloatArray:
        values = {"type": "filtered", "keep": "best_random", "n": 4, "seed": seed}
        return np.array(of(values, totals, size=8, step=np.full(512, float(step)))).reshape(64, 8) != 0

    first = chosen(0, 1)
    assert (first.sum(axis=1) == 4).all()
    best = totals.reshape(64, 8).argsort(axis=1)[:, -2:]
    assert np.take_along_axis(first, best, axis=1).all()
    assert (chosen(0, 1) == first).all()  # the same seed, step and totals
    assert (chosen(1, 1) != first).any() and (chosen(0, 2) != first).any()
    assert 0.2 < np.mean(first[:, :4]) < 0.8  # no place in the group is favoured


def test_positive_only_drops_what_is_worse_than_its_group() -> None:
    assert of({"type": "none", "positive_only": True}, [0, 0, 0, 1]) == [0, 0, 0, 0.75]


@pytest.mark.parametrize(
    ("difficulty", "heavy", "light"),
    [
        # the second group is all right, so x = 1/2 in the first and -1/2 in the second
        ({"by": "accuracy"}, 0.5 + 1.5 / (1 + math.exp(-2.5)), 0.5 + 1.5 / (1 + math.exp(2.5))),
        # stds 1/2 and 1/4 around their mean 3/8
        ({"by": "spread"}, 0.5 + 1.5 / (1 + math.exp(-0.625)), 0.5 + 1.5 / (1 + math.exp(0.625))),
        ({"by": "accuracy", "low": 0, "high": 1, "k": 1000}, 1.0, 0.0),  # as good as a switch
        ({"by": "spread", "low": 1, "high": 1}, 1.0, 1.0),  # no weighting
    ],
)
def test_difficulty_weighs_whole_groups(difficulty: dict[str, Any], heavy: float, light: float) -> None:
    totals = [0, 0, 0, 1, 0, 0, 0, 0.5]
    correct = np.arange(8) >= 4
    plain = of({"type": "none"}, totals)
    found = of({"type": "none", "difficulty": difficulty}, totals, correct=correct)
    assert found == pytest.approx([a * w for a, w in zip(plain, [heavy] * 4 + [light] * 4, strict=True)])


def test_likely_text_counts_more() -> None:
    nll = np.array([0, 0, 0, 1, NAN, NAN, NAN, NAN])
    found = of({"type": "none", "perplexity_alpha": 0.1}, [0, 0, 0, 1] * 2, mean_nll=nll)
    z = [-0.25 / 0.5001] * 3 + [0.75 / 0.5001]
    plain = [-0.25, -0.25, -0.25, 0.75]
    assert found[:4] == pytest.approx([a * (1 - 0.1 * w) for a, w in zip(plain, z, strict=True)])
    assert found[4:] == plain  # likelihood unknown: unchanged


def test_position_moves_tokens_away_from_nought() -> None:
    rule = RULE.validate_python({"type": "group", "position_gamma": 0.2, "position_slope": 2.0})
    found = by_token(rule, np.array([2.0, -2.0, 0.0]), np.array([3, 1, 2]), width=4)
    assert found is not None

    def bonus(place: float) -> float:
        return 0.2 / (1 + math.exp(-2 * place))

    # three tokens stand at 0, 1/2, 1; what is behind the end (masked in the loss) stays at 1
    assert found[0] == pytest.approx([2 + bonus(0), 2 + bonus(0.5), 2 + bonus(1), 2 + bonus(1)])
    assert found[1] == pytest.approx([-2 - bonus(0), -2 - bonus(1), -2 - bonus(1), -2 - bonus(1)])
    assert found[2].tolist() == [0, 0, 0, 0]  # nothing to learn stays nothing
    assert by_token(RULE.validate_python({"type": "group"}), np.ones(3), np.ones(3), 4) is None


@pytest.mark.parametrize(
    ("rule", "total", "expected"),
    [
        ({"type": "group"}, [1, 1, 1, 1, 0, 1, 0, 0], [True, False]),
        ({"type": "group"}, [NAN] * 4 + [0.1 + 0.2, 0.3, 0.3, 0.3], [True, True]),  # float dust is no spread
        ({"type": "noisy_verifier"}, [1, 1, 1, 1, 0, 1, 0, 0], [True, False]),
        # These rules compare nothing: a group that is all wrong is pushed down as one.
        ({"type": "w_reinforce"}, [0, 0, 0, 0, 1, 1, 1, 1], [False, False]),
        (
            {"type": "w_reinforce", "positive": 0.0},
            [0, 0, 0, 0, 1, 1, 1, 1],
            [False, True],
        ),  # NSR learns from wrong ones alone
        ({"type": "noisy_verifier", "correction": "forward"}, [0, 0, 0, 0, 1, 1, 1, 1], [False, False]),
        ({"type": "w_reinforce"}, [NAN] * 4 + [0, 0, 0, 0], [True, False]),
    ],
)
def test_dead_groups_are_those_that_teach_nothing(
    rule: dict[str, Any], total: list[float], expected: list[bool]
) -> None:
    made, t = RULE.validate_python(rule), totals_of(total)
    assert dead(made, t, advantages(made, t)).tolist() == expected


TYPES = ["group", "batch", "none"]
LINEAR: list[dict[str, Any]] = [
    *({"type": t} for t in TYPES),
    {"type": "group", "std_floor": 0.5},
    {"type": "normalize_then_sum"},
    *({"type": "mixed", "scale": s} for s in TYPES),
]
NOT_LINEAR: list[dict[str, Any]] = [
    {"type": "w_reinforce"},
    {"type": "noisy_verifier"},
    {"type": "noisy_verifier", "correction": "forward"},
    {"type": "filtered", "keep": "best", "n": 3},
    {"type": "filtered", "keep": "best_worst", "n": 3},
]
FOLLOWED: list[dict[str, Any]] = [
    {"type": "group", "positive_only": True, "difficulty": {"by": "accuracy"}, "perplexity_alpha": 0.5},
    {"type": "mixed", "difficulty": {"by": "spread"}},
]
ALL = LINEAR + NOT_LINEAR + FOLLOWED

SCORE = st.one_of(st.integers(-400, 400).map(lambda v: v / 8), st.just(NAN))


@st.composite
def batches(draw: st.DrawFn) -> Totals:
    """Eight samples in two groups, three terms of which any may not apply, under any blend."""
    scores = np.array(draw(st.lists(SCORE, min_size=24, max_size=24))).reshape(8, 3)
    for row in draw(st.sets(st.integers(0, 7), max_size=2)):
        scores[row] = NAN  # nothing applies
    return totals_of(
        scores,
        weights=(1.0, 0.7, 0.31),
        sides=("hard", "continuous", "always"),
        share=draw(st.sampled_from([0.0, 0.3, 1.0])),
        correct=np.array(draw(st.lists(st.booleans(), min_size=8, max_size=8))),
        mean_nll=np.array(
            draw(st.lists(st.one_of(st.floats(0, 9, width=16), st.just(NAN)), min_size=8, max_size=8))
        ),
    )


@pytest.mark.parametrize(
    "values", [*({"type": t} for t in TYPES), {"type": "noisy_verifier"}], ids=lambda v: v["type"]
)
@given(
    totals=st.lists(SCORE, min_size=8, max_size=8),
    constants=st.tuples(st.floats(-100, 100), st.floats(-100, 100)),
)
def test_a_constant_added_to_all_totals_of_a_group_changes_nothing(
    values: dict[str, Any], totals: list[float], constants: tuple[float, float]
) -> None:
    if values["type"] == "batch":  # the batch's own std sees a difference between groups
        constants = (constants[0], constants[0])
    moved = np.array(totals) + np.repeat(constants, 4)
    # A spread of float noise is divided by 1e-4, so equality holds to 1e-4 of the constant's own rounding.
    np.testing.assert_allclose(of(values, moved), of(values, totals), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("values", ALL, ids=str)
@given(t=batches(), order=st.permutations(range(8)))
def test_samples_in_another_order_get_the_advantages_in_that_order(
    values: dict[str, Any], t: Totals, order: list[int]
) -> None:
    known = t.total[~np.isnan(t.total)]
    gaps = np.diff(np.sort(known))
    assume((gaps > 1e-9).all())  # ties fall by position
    rule = RULE.validate_python(values)
    found = advantages(rule, turned(t, order))
    np.testing.assert_allclose(found, advantages(rule, t)[np.array(order)], atol=1e-9, rtol=1e-7)


@pytest.mark.parametrize("values", [*ALL, {"type": "filtered", "keep": "best_random", "n": 3}], ids=str)
@given(t=batches())
def test_what_does_not_apply_has_no_advantage_and_all_others_a_finite_one(
    values: dict[str, Any], t: Totals
) -> None:
    found = advantages(RULE.validate_python(values), t)
    assert np.isfinite(found).all() and (found[np.isnan(t.total)] == 0).all()


@pytest.mark.parametrize("values", LINEAR, ids=str)
@given(t=batches())
def test_parts_sum_to_the_advantage(values: dict[str, Any], t: Totals) -> None:
    rule = RULE.validate_python(values)
    found = rule.parts(t)
    assert found is not None and found.shape == t.shaped.shape
    np.testing.assert_allclose(found.sum(axis=1), rule.apply(t), atol=1e-7, rtol=1e-7)


@pytest.mark.parametrize("values", LINEAR, ids=str)
@given(t=batches())
def test_shares_sum_to_one_where_anything_varies(values: dict[str, Any], t: Totals) -> None:
    rule = RULE.validate_python(values)
    varies = np.abs(rule.apply(t)).max() > 1e-6
    assert shares(rule, t).sum() == pytest.approx(1.0 if varies else 0.0, abs=1e-6)


@pytest.mark.parametrize("values", LINEAR, ids=str)
def test_a_term_that_is_constant_in_every_group_has_no_share(values: dict[str, Any]) -> None:
    t = totals_of(np.array([HARD, [1, 1, 1, 1, 5, 5, 5, 5]]).T, sides=("always", "always"))
    assert shares(RULE.validate_python(values), t) == pytest.approx([1.0, 0.0])


@pytest.mark.parametrize("values", NOT_LINEAR + FOLLOWED, ids=str)
def test_shares_are_undefined_where_the_advantage_is_no_sum_of_parts(values: dict[str, Any]) -> None:
    assert np.isnan(shares(RULE.validate_python(values), totals_of(np.array([HARD, SOFT]).T))).all()


def test_every_rule_is_in_these_tables() -> None:
    assert {values["type"] for values in ALL} == set(RULES)
    for name, rule in RULES.items():
        assert rule.__doc__ and descriptions(rule).keys() >= rule.model_fields.keys() - {"type"}, name
