"""Pairs of arms, held-out problems, corrections and times that were never seen: against hand, scipy,
statsmodels, lifelines."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.common.errors import DataError
from core.compare.stats.corrections import benjamini_hochberg, holm
from core.compare.stats.mcnemar import mcnemar, together
from core.compare.stats.pairs import ALL_SIGNS, flipped, paired
from core.compare.stats.thresholds import Reach
from core.compare.stats.time_to_threshold import arrival, median, restricted_means, sooner

FEW = settings(max_examples=40)


# scipy 1.17: stats.permutation_test((d,), np.sum, permutation_type="samples", n_resamples=np.inf).pvalue
@pytest.mark.parametrize(
    ("differences", "p"),
    [
        ([0.12, 0.03, -0.02, 0.08, 0.05, 0.09], 0.0625),
        ([0.1, 0.1, -0.1], 1.0),
        ([2, -1, 2, 1, 0, 2, -1, 1], 0.21875),
        ([0.1] * 3, 0.25),  # three seeds, all ahead: 2 of 8 changes of sign
        ([0.1] * 5, 0.0625),  # five seeds cannot reach 0.05
        ([0.1] * 6, 0.03125),  # six can
        ([0.0, 0.0], 1.0),
        ([], float("nan")),
    ],
)
def test_changes_of_sign(differences: list[float], p: float) -> None:
    assert flipped(np.array(differences, float)) == pytest.approx(p, nan_ok=True)


def test_many_pairs_are_drawn_and_stay_close() -> None:
    rng = np.random.default_rng(1)
    differences = rng.normal(0.3, 1, size=ALL_SIGNS)
    exact = flipped(differences)
    # a zero more changes no share, but makes it too many to try all
    drawn = flipped(np.append(differences, 0.0))
    assert drawn == pytest.approx(exact, abs=0.006) and drawn == flipped(np.append(differences, 0.0))
    assert flipped(np.full(40, 1.0)) > 0  # never an impossible 0


@FEW
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=10), st.randoms(use_true_random=False))
def test_signs_know_no_order_and_no_side(differences: list[int], random: object) -> None:
    other = [-d for d in differences]
    random.shuffle(other)  # type: ignore[attr-defined]
    assert flipped(np.array(differences, float)) == pytest.approx(flipped(np.array(other, float)))


def test_paired_by_seed() -> None:
    found = paired({0: 0.5, 1: 0.6, 2: 0.7, 9: 0.1}, {2: 0.6, 1: 0.6, 0: 0.3, 7: 0.9})
    assert found.seeds == (0, 1, 2) and found.alone == (7, 9) and found.ahead == 2
    assert found.differences == pytest.approx((0.2, 0.0, 0.1)) and found.mean.point == pytest.approx(0.1)
    # 4 of 8; the zero has two signs that are one
    assert found.p == pytest.approx(0.5) and found.least_p == 0.25
    nothing = paired({0: 0.5}, {1: 0.5})
    assert nothing.seeds == () and np.isnan(nothing.p) and np.isnan(nothing.mean.point)


def answers(right: str, n: int = 1) -> dict[str, tuple[int, int]]:
    """Right completions of each problem, a digit each."""
    return {f"p{i}": (int(digit), n) for i, digit in enumerate(right)}


# statsmodels 0.15: mcnemar([[50, gained], [lost, 30]], exact=True).pvalue
@pytest.mark.parametrize(
    ("gained", "lost", "p"),
    [
        (14, 8, 0.28627872467041016),
        (10, 3, 0.09228515625),
        (1, 0, 1.0),
        (20, 2, 0.00012111663818359375),
        (0, 0, 1.0),
        (4, 4, 1.0),
    ],
)
def test_mcnemar(gained: int, lost: int, p: float) -> None:
    x, y = answers("1" * gained + "0" * lost + "1" * 50), answers("0" * gained + "1" * lost + "1" * 50)
    there, back = mcnemar(x, y), mcnemar(y, x)
    assert (len(there.gained), len(there.lost), there.equal) == (gained, lost, 50)
    assert there.p == pytest.approx(p) and back.p == there.p and back.gained == there.lost
    assert there.difference == pytest.approx((gained - lost) / (gained + lost + 50))


@FEW
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=10))
def test_several_completions_are_all_changes_of_sign(pairs: list[tuple[int, int]]) -> None:
    x = {str(i): (a, 3) for i, (a, _) in enumerate(pairs)}
    y = {str(i): (b, 3) for i, (_, b) in enumerate(pairs)}
    assert mcnemar(x, y).p == pytest.approx(flipped(np.array([a - b for a, b in pairs], float)))


def test_held_out_problems_must_be_the_same() -> None:
    with pytest.raises(DataError, match="1 held-out problems were put to only one of the two, first 'p2'"):
        mcnemar(answers("101"), answers("10"))
    with pytest.raises(DataError, match="answered 1, 2 times"):
        mcnemar(answers("10"), answers("10", 2))
    with pytest.raises(DataError, match="not put to every run"):
        together([answers("10"), answers("101")])
    assert together([answers("10"), answers("11")]) == {"p0": (2, 2), "p1": (1, 2)}
    empty = mcnemar({}, {})
    assert empty.p == 1.0 and np.isnan(empty.difference)


P = [0.01, 0.04, 0.03, 0.005, 0.2, 0.04]


def test_corrections() -> None:
    # statsmodels 0.15: multipletests(P, method="holm" and "fdr_bh")[1]
    assert holm(np.array(P)) == pytest.approx([0.05, 0.12, 0.12, 0.03, 0.2, 0.12])
    assert benjamini_hochberg(np.array(P)) == pytest.approx([0.03, 0.048, 0.048, 0.03, 0.2, 0.048])
    # not tested: does not count
    assert holm(np.array([np.nan, 0.02])) == pytest.approx([np.nan, 0.02], nan_ok=True)
    assert len(holm(np.array([]))) == 0
    with pytest.raises(ValueError, match="outside 0..1"):
        holm(np.array([1.2]))


@FEW
@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_corrections_never_make_a_p_smaller_nor_change_the_order(p: list[float]) -> None:
    given_ = np.array(p)
    for adjusted in (holm(given_), benjamini_hochberg(given_)):
        assert (adjusted >= given_ - 1e-12).all() and (adjusted <= 1).all()
        assert (np.diff(adjusted[np.argsort(given_, kind="stable")]) >= 0).all()
    assert (benjamini_hochberg(given_) <= holm(given_) + 1e-12).all()  # a weaker promise costs less


def reaches(times: list[float], reached: list[int]) -> list[Reach]:
    return [Reach(t, bool(r)) for t, r in zip(times, reached, strict=True)]


SEVEN = ([20, 30, 30, 50, 70, 100, 100], [1, 1, 0, 1, 1, 0, 0])
SIX = ([10, 10, 40, 60, 60, 80], [1, 0, 1, 1, 0, 1])


# lifelines 0.30: k = KaplanMeierFitter().fit(times, reached)
#   restricted_mean_survival_time(k, t=limit), k.median_survival_time_
@pytest.mark.parametrize(
    ("case", "limit", "restricted", "half"),
    [
        (SEVEN, 100, 64.28571428571429, 70.0),
        (SEVEN, 60, 48.21428571428572, 70.0),  # what came behind the limit was not seen within it
        (SIX, 100, 55.83333333333333, 60.0),
        (([10, 20, 30], [1, 1, 1]), 100, 20.0, 20.0),  # nothing censored: the mean
        (([40, 40], [0, 0]), 40, 40.0, None),  # nobody got there: the whole limit
        (([40, float("inf")], [1, 0]), 100, 70.0, 40.0),  # a crash never gets there
    ],
)
def test_restricted_means(
    case: tuple[list[float], list[int]], limit: float, restricted: float, half: float | None
) -> None:
    found = arrival(reaches(*case), limit)
    assert found.restricted.point == pytest.approx(restricted) and found.median == half
    assert found.reached == sum(case[1]) and found.n == len(case[0])
    if found.n >= 3:
        assert found.restricted.low <= restricted <= found.restricted.high <= limit


@FEW
@given(st.lists(st.integers(1, 50), min_size=1, max_size=8))
def test_drawing_a_run_twice_is_having_it_twice(times: list[int]) -> None:
    at = np.sort(np.array(times, float))
    seen = at < 40
    twice = restricted_means(np.repeat(at, 2), np.repeat(seen, 2), np.ones((1, 2 * len(at))), 50.0)
    assert restricted_means(at, seen, np.full((1, len(at)), 2.0), 50.0) == pytest.approx(twice)


def test_sooner_and_what_nobody_knows() -> None:
    x, y = reaches([10, 20, 30], [1, 1, 1]), reaches([40, 50, 100], [1, 1, 0])
    found = sooner(x, y, 100)
    assert found.point == pytest.approx(190 / 3 - 20) and found.low > 0
    assert sooner([], y, 100).n == 0 and median([]) is None
    known = arrival([*x, None], 100)
    assert (known.n, known.unknown) == (3, 1)
    assert arrival([None], 100).unknown == 1 and np.isnan(arrival([], 100).restricted.point)
