"""Arms over seeds: against rliable's numbers, by hand, and what must hold for any scores."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from core.compare.stats.bootstrap import (
    HOLDS,
    Interval,
    band,
    ends,
    holds,
    interval,
    iqm,
    mean,
    profile,
    spread,
)
from core.compare.stats.pairs import improvement

X = [0.41, 0.44, 0.39, 0.52, 0.47, 0.43, 0.50, 0.36, 0.45, 0.49]
Y = [0.38, 0.42, 0.40, 0.44, 0.35, 0.41, 0.37, 0.43, 0.39, 0.44]
X2 = [[0.41, 0.70], [0.44, 0.64], [0.39, 0.71], [0.52, 0.69], [0.47, 0.66]]
Y2 = [[0.38, 0.69], [0.42, 0.64], [0.40, 0.61], [0.44, 0.72]]
ERROR = 0.004  # of a bootstrap's ends: half the step between two neighbouring means of these scores
SCORES = st.lists(st.floats(0, 1).map(lambda x: round(x, 3)), min_size=3, max_size=12)
FEW = settings(max_examples=40)


# rliable 1.2 (arch 7.2, numpy 2.4), in an environment of its own; d is [n, 1], or X2:
#   both = lambda s: np.array([metrics.aggregate_iqm(s), metrics.aggregate_mean(s)])
#   library.get_interval_estimates({"a": d}, both, reps=50000)
@pytest.mark.parametrize(
    ("scores", "statistic", "point", "low", "high"),
    [
        (X, iqm, 0.4483333333333334, 0.4116666666666666, 0.48333333333333334),
        (X, mean, 0.446, 0.416, 0.475),
        (Y, iqm, 0.405, 0.38166666666666665, 0.4266666666666667),
        (Y, mean, 0.403, 0.385, 0.42),
        (X2, iqm, 0.57, 0.5383333333333334, 0.5966666666666667),  # two tasks: drawn within each
        (X2, mean, 0.563, 0.541, 0.587),
    ],
)
def test_intervals_agree_with_rliable(
    scores: list[float], statistic: object, point: float, low: float, high: float
) -> None:
    found = interval(np.array(scores), statistic)  # type: ignore[arg-type]
    assert found.point == pytest.approx(point)
    assert (found.low, found.high) == pytest.approx((low, high), abs=ERROR)


# library.get_interval_estimates({"a": (x, y)}, metrics.probability_of_improvement, reps=50000)
@pytest.mark.parametrize(
    ("x", "y", "point", "low", "high"),
    [(X, Y, 0.765, 0.525, 0.955), (X2, Y2, 0.6625, 0.375, 0.9125)],
    ids=["one", "two tasks"],
)
def test_probability_of_improvement_agrees_with_rliable(
    x: list, y: list, point: float, low: float, high: float
) -> None:
    found = improvement(np.array(x), np.array(y))
    assert found.point == pytest.approx(point)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.02)  # its steps: 1/200 and 1/80


def test_a_profile_agrees_with_rliable() -> None:
    # library.create_performance_profile({"a": d}, np.array([0.35, 0.4, 0.45, 0.5]), reps=50000)
    found = profile(np.array(X), np.array([0.35, 0.4, 0.45, 0.5]))
    assert found.point == pytest.approx([1.0, 0.8, 0.4, 0.1])
    assert found.low == pytest.approx([1.0, 0.5, 0.1, 0.0]) and found.high == pytest.approx(
        [1.0, 1.0, 0.7, 0.3]
    )


# scipy 1.17: [stats.trim_mean(range(n), 0.25) for n in 1..8]
@pytest.mark.parametrize(
    ("n", "expected"), [(1, 0.0), (2, 0.5), (3, 1.0), (4, 1.5), (5, 2.0), (6, 2.5), (7, 3.0), (8, 3.5)]
)
def test_iqm(n: int, expected: float) -> None:
    assert iqm(np.arange(float(n))) == expected


def test_iqm_cuts_the_same_from_both_ends() -> None:
    assert iqm(np.array([9.0, 0.0, 1.0, 3.0])) == 2.0  # one of four from each end
    assert iqm(np.array([100.0, 1.0, 2.0])) == pytest.approx(103 / 3)  # of three none: it is the mean
    assert iqm(np.array([[0.0, 0.0, 1.0, 9.0], [1.0, 1.0, 1.0, 1.0]])).tolist() == [0.5, 1.0]


def test_too_few_seeds_have_no_interval() -> None:
    for scores in ([], [0.5], [0.5, 0.7]):
        found = interval(np.array(scores))
        assert np.isnan(found.low) and np.isnan(found.high) and found.n == len(scores)
    assert np.isnan(interval(np.array([])).point) and interval(np.array([0.5, 0.7])).point == pytest.approx(
        0.6
    )
    curves = np.array([[0.1, 0.2], [0.3, 0.4]])
    assert band(curves).point == pytest.approx([0.2, 0.3]) and np.isnan(band(curves).low).all()
    assert np.isnan(band(np.zeros((0, 3))).point).tolist() == [True] * 3
    assert [Interval(0, 0, 0, n).rough for n in (3, 4, 5)] == [True, True, False]


def test_a_score_that_is_no_number_is_never_averaged() -> None:
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="not finite"):
            interval(np.array([0.1, bad, 0.3]))


@FEW
@given(SCORES, st.randoms(use_true_random=False))
def test_the_order_of_seeds_changes_no_digit(scores: list[float], random: object) -> None:
    other = list(scores)
    random.shuffle(other)  # type: ignore[attr-defined]
    for statistic in (mean, iqm):
        assert interval(np.array(scores), statistic, 500) == interval(np.array(other), statistic, 500)
    one, two = (np.array([scores_, [s * s for s in scores_]]).T for scores_ in (scores, other))
    assert (band(one, 500).low == band(two, 500).low).all() and (
        band(one, 500).high == band(two, 500).high
    ).all()


@FEW
@given(SCORES)
def test_an_interval_holds_its_point_and_lies_within_the_seeds(scores: list[float]) -> None:
    for statistic in (mean, iqm):
        found = interval(np.array(scores), statistic, 1000)
        assert min(scores) - 1e-12 <= found.low <= found.point + 1e-12
        assert found.point - 1e-12 <= found.high <= max(scores) + 1e-12


def test_the_same_seed_gives_the_same_digits_and_another_one_others() -> None:
    one, again, other = (interval(np.array(X), seed=seed) for seed in (0, 0, 1))
    assert one == again and (one.low, one.high) != (other.low, other.high)
    # Written down once: it changes only if the draws do, and then so does every number that was published.
    assert (one.low, one.high) == pytest.approx((0.415975, 0.475), abs=1e-12)


@FEW
@given(SCORES, SCORES)
def test_probability_of_improvement_is_antisymmetric(x: list[float], y: list[float]) -> None:
    assume(sorted(x) != sorted(y))
    there, back = (
        improvement(np.array(x), np.array(y), "up", 500),
        improvement(np.array(y), np.array(x), "up", 500),
    )
    assert (back.point, back.low, back.high) == pytest.approx(
        (1 - there.point, 1 - there.high, 1 - there.low)
    )
    down = improvement(np.array(x), np.array(y), "down", 500)
    assert (down.point, down.low, down.high) == pytest.approx((back.point, back.low, back.high))


@pytest.mark.parametrize(
    ("x", "y", "better", "expected"),
    [
        ([1.0, 2.0, 3.0], [0.0, 0.5, 0.9], "up", 1.0),  # always ahead
        ([1.0, 2.0, 3.0], [0.0, 0.5, 0.9], "down", 0.0),  # less is better: always behind
        ([1.0, 2.0], [1.0, 2.0], "up", 0.5),  # a coin
        ([1.0, 3.0], [2.0, 3.0], "up", (0 + 0 + 1 + 0.5) / 4),  # a tie is half a win
    ],
)
def test_probability_of_improvement_by_hand(
    x: list[float], y: list[float], better: str, expected: float
) -> None:
    assert improvement(np.array(x), np.array(y), better, 500).point == pytest.approx(expected)


def test_improvement_refuses_other_tasks() -> None:
    with pytest.raises(ValueError, match="2 and 1 tasks"):
        improvement(np.array(X2), np.array(Y))
    assert np.isnan(improvement(np.array([]), np.array(Y)).point)


@FEW
@given(
    st.integers(1, 3000),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0.0, 0.005, 0.025, 0.05, 0.25]),
    st.booleans(),
)
def test_ends_are_numpys_quantiles(n: int, seed: int, tail: float, sorted_: bool) -> None:
    values = np.random.default_rng(seed).standard_cauchy(n).round(1)  # ties and wild tails
    values = np.sort(values) if sorted_ else values  # the first look is then as wrong as it can be
    assert ends(values, tail) == pytest.approx(tuple(np.quantile(values, [tail, 1 - tail])))


def test_a_band_is_the_interval_of_each_place_and_of_whole_runs() -> None:
    curves = np.random.default_rng(3).random((6, 40))
    found = band(curves)
    assert found.point == pytest.approx(curves.mean(axis=0))
    for place in (0, 17, 39):
        alone = interval(curves[:, place])
        assert (found.low[place], found.high[place]) == pytest.approx((alone.low, alone.high), abs=0.02)
    same = band(np.repeat(curves[:, :1], 3, axis=1))
    assert len(set(same.low)) == 1  # the same runs are drawn at every place


def test_spread_by_hand() -> None:
    found = spread(np.array([0.2, 0.4, 0.6]))
    assert (found.deviation, found.quartiles, found.low, found.high) == pytest.approx((0.2, 0.2, 0.2, 0.6))
    assert np.isnan(spread(np.array([0.5])).deviation)


def test_what_is_said_of_few_seeds_is_so() -> None:
    """The shares of HOLDS, measured anew on 800 draws: a standard error of 1.5 points."""
    for n in (3, 5, 10):
        draws = np.random.default_rng(n + 100).normal(size=(800, n))
        held = [(found := interval(scores, resamples=1000)).low <= 0 <= found.high for scores in draws]
        assert 100 * np.mean(held) == pytest.approx(HOLDS[n], abs=5)
    assert [holds(n) for n in (1, 3, 4, 7, 64)] == [None, 75, 79, 84, 93]
