"""Scores of one run against numbers worked out by hand; each case says what it is about."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.compare.catalogue import SCORES
from core.compare.comparison import compare
from core.compare.stats.binomial import effective, wilson
from core.compare.stats.curves import at, ema, first_hold, mean_height
from core.compare.stats.scores import measured, missing, scores
from core.compare.stats.stability import BEFORE, dispersion, drawdown, spikes, upper_tail
from core.compare.stats.thresholds import Reach, absolute, collapse_step, half_life, relative, spent, steps_to
from tests.support.evidence import changed, run_of

NAN = float("nan")


@pytest.mark.parametrize(
    ("steps", "values", "first", "last", "after", "expected"),
    [
        ([0, 10], [0.0, 1.0], 0, 10, None, 0.5),  # a triangle
        ([0, 10, 40], [0.2, 0.6, 0.6], 0, 40, None, 0.55),  # (10 * 0.4 + 30 * 0.6) / 40
        ([0, 10], [0.0, 1.0], 0, 20, None, 0.75),  # ended early: goes on as it was, (10 * 0.5 + 10 * 1) / 20
        ([0, 10], [0.0, 1.0], 0, 20, 0.0, 0.25),  # the worst case: nothing after, 10 * 0.5 / 20
        ([0, 10], [0.0, 1.0], 0, 5, None, 0.25),  # up to a step between evaluations: half way up is 0.5
        ([0, 10], [0.0, 1.0], 5, 10, None, 0.75),  # a part of the curve
        ([0, 10], [0.0, 1.0], 12, 20, 0.0, 0.0),  # a part wholly behind the end
        ([5, 10], [0.0, 1.0], 0, 10, None, NAN),  # the start was not evaluated: not defined, not guessed
        ([0], [0.3], 0, 0, None, NAN),  # no width
        ([], [], 0, 10, None, NAN),
    ],
)
def test_area(
    steps: list[float], values: list[float], first: float, last: float, after: float | None, expected: float
) -> None:
    found = mean_height(np.array(steps, float), np.array(values), first, last, after)
    assert found == pytest.approx(expected, nan_ok=True)


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30), st.integers(1, 50))
def test_an_area_lies_between_the_extremes_and_is_numpys(values: list[float], every: int) -> None:
    steps = np.arange(len(values)) * float(every)
    found = mean_height(steps, np.array(values), 0, steps[-1])
    assert min(values) - 1e-9 <= found <= max(values) + 1e-9
    assert found == pytest.approx(np.trapezoid(values, steps) / steps[-1])


def test_a_curve_between_its_points_and_smoothed() -> None:
    assert at(np.array([0.0, 10.0]), np.array([0.0, 1.0]), np.array([5.0, 99.0])).tolist() == [0.5, 1.0]
    assert ema(np.array([1.0, 0.0, 0.0]), 0.5).tolist() == [1.0, 0.5, 0.25]
    assert ema(np.array([1.0, 0.0]), 0.0).tolist() == [1.0, 0.0]
    with pytest.raises(ValueError, match="smoothing 1 must lie"):
        ema(np.array([1.0]), 1.0)
    holds = np.array([True, False, True, True])
    assert [first_hold(holds, n) for n in (1, 2, 3, 5)] == [0, 2, None, None]


@pytest.mark.parametrize(
    ("values", "falls", "tail"),
    [
        ([0.1, 0.5, 0.3, 0.6, 0.2], [0, 0, 0.2, 0, 0.4], 0.4),  # few points: the tail is the worst one
        ([0.1, 0.2, 0.3], [0, 0, 0], 0.0),  # never falls
        ([0.5, 0.4, 0.3], [0, 0.1, 0.2], 0.2),  # the start counts as a best
        ([0.5], [0], 0.0),
        ([], [], NAN),
    ],
)
def test_drawdown(values: list[float], falls: list[float], tail: float) -> None:
    found = drawdown(np.array(values))
    assert found == pytest.approx(np.array(falls, float))
    assert upper_tail(found) == pytest.approx(tail, nan_ok=True)


def test_the_tail_of_many_values_is_the_mean_of_the_worst_twentieth() -> None:
    # 0..99: the 95 % quantile is 94.05, so 95..99 remain; the lower tail would be 2.
    assert upper_tail(np.arange(100.0)) == pytest.approx(97.0)


def test_dispersion() -> None:
    # Differences 0.1, 0.3, -0.1, 0.1: in order -0.1, 0.1, 0.1, 0.3; quartiles 0.05 and 0.15.
    assert dispersion(np.array([0.0, 0.1, 0.4, 0.3, 0.4])) == pytest.approx(0.1)
    assert dispersion(np.linspace(0, 1, 50)) == pytest.approx(0.0)  # a steady climb has no jitter
    assert np.isnan(dispersion(np.array([0.0, 0.1, 0.2])))  # two differences have no quartiles worth the name
    # Two windows of 3 of the differences 0, 0, 1, 1: quartile ranges of (0, 0, 1) and (0, 1, 1) are 0.5 each.
    assert dispersion(np.array([0.0, 0.0, 0.0, 1.0, 2.0]), around=3) == pytest.approx(0.5)


def test_spikes() -> None:
    steps = np.arange(1.0, 42.0)
    calm = np.tile([1.0, 3.0], 21)[:41]  # median 2, all deviations 1: MAD 1, scale 1.4826
    assert spikes(steps, calm).at == () and spikes(steps, calm).judged == 21
    jumped = calm.copy()
    jumped[30] = 2 + 5.1 * 1.4826  # just over five deviations; one more makes no spike of it
    found = spikes(steps, jumped)
    assert (
        found.at == (31,)
        and found.worst == pytest.approx(5.1)
        and found.per_hundred == pytest.approx(100 / 21)
    )
    jumped[30] = 2 + 4.9 * 1.4826
    assert spikes(steps, jumped).at == ()
    # MAD 0: the mean deviation, 1/4 * 1.2533, is the scale
    mostly = np.where(np.arange(41) % 4 == 0, 1.0, 0.0)
    mostly[30] = 1.6
    assert spikes(steps, mostly).at == (31,) and spikes(steps, mostly).worst == pytest.approx(
        1.6 / (0.25 * 1.2533)
    )
    constant = np.zeros(41)
    constant[30] = 9.0  # before it nothing moved: no scale, not judged; the windows with it in them are
    assert spikes(steps, constant).at == () and spikes(steps, constant).judged == 10
    assert np.isnan(spikes(steps[:BEFORE], calm[:BEFORE]).per_hundred)  # too short to judge


# statsmodels 0.15: proportion_confint(count, n, method="wilson")
@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [
        (0, 10, 0.0, 0.27753279986288926),
        (5, 10, 0.23659309051256394, 0.7634069094874361),
        (110, 128, 0.7886475076210383, 0.9091603050573774),
        (256, 256, 0.9852161435741285, 1.0),
    ],
)
def test_wilson(right: int, n: int, low: float, high: float) -> None:
    assert wilson(right / n, n) == pytest.approx((low, high))


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_holds_its_point(counts: tuple[int, int]) -> None:
    right, n = counts
    low, high = wilson(right / n, n)
    assert 0 <= low <= right / n <= high <= 1


@pytest.mark.parametrize(
    ("right", "n", "worth"),
    [
        ([2, 0, 2, 0], [2, 2, 2, 2], 4.0),  # all or nothing: the second completion says nothing new
        ([1, 1, 1, 1], [2, 2, 2, 2], 4.0),  # no spread at all: no estimate, the careful one
        ([2, 1, 1, 0], [2, 2, 2, 2], 6.0),  # p 0.5, variance of shares 1/6, of their mean 1/24: 0.25 * 24
        ([1, 0, 1], [1, 1, 1], 3.0),  # one each: never fewer than problems
        ([], [], 0.0),
    ],
)
def test_completions_of_a_problem_are_worth_less(right: list[int], n: list[int], worth: float) -> None:
    assert effective(right, n) == pytest.approx(worth)


@pytest.mark.parametrize(
    ("gold", "status", "threshold", "expected"),
    [
        ([0.1, 0.5, 0.6, 0.7, 0.7], "done", 0.5, Reach(10, True)),
        ([0.1, 0.5, 0.4, 0.5, 0.6], "done", 0.5, Reach(30, True)),  # the first time was luck: it did not hold
        ([0.1, 0.2, 0.3, 0.4, 0.5], "done", 0.5, Reach(40, False)),  # once, at the end: not confirmed
        ([0.1, 0.2, 0.3, 0.4, 0.4], "done", 0.5, Reach(40, False)),
        ([0.1, 0.2], "failed", 0.5, Reach(40, False)),  # a crash never gets there
        ([0.1, 0.2], "stopped", 0.5, Reach(10, False)),  # nobody knows what it would have done
        ([0.1, 0.6, 0.6], "failed", 0.5, Reach(10, True)),  # what it reached, it reached
        ([0.5, 0.5, 0.5, 0.5, 0.5], "done", 0.5, Reach(0, True)),  # exactly at it, from the start
        ([], "failed", 0.5, Reach(40, False)),  # a crash before the first evaluation neither
    ],
)
def test_steps_to_a_threshold(gold: list[float], status: str, threshold: float, expected: Reach) -> None:
    assert steps_to(run_of(gold, status=status), threshold, 40) == expected


def test_thresholds_are_common_to_all_arms() -> None:
    arms = [[run_of([0.1, 0.2, 0.4]), run_of([0.1, 0.4, 0.6], seed=1)], [run_of([0.1, 0.2, 0.2], "lazy")]]
    # Start 0.1; the best arm's mean is 0.5 at its highest, although one seed was at 0.6.
    assert [t.value for t in relative(arms, 20)] == pytest.approx([0.3, 0.46])
    assert relative([[run_of([0.5, 0.4, 0.3])]], 20) == []  # nobody rose: no way to go a part of
    assert relative([[run_of([])]], 20) == []
    assert absolute(0.6).name == "60 %"
    with pytest.raises(ValueError, match="threshold 60 is no gold accuracy"):
        absolute(60)


def test_tokens_and_seconds() -> None:
    run = run_of(
        [0.1, 0.5, 0.5], length__mean=[10.0] * 20, speed__step_seconds=[2.0] * 9 + [NAN] + [2.0] * 10
    )
    assert spent(run, 10, "tokens") == 10 * 10 * 16  # 4 prompts x 4 completions
    assert spent(run, 9, "seconds") == 18.0
    assert spent(run, 0, "seconds") == 0.0  # there from the start: nothing was spent
    assert np.isnan(spent(run, 10, "seconds"))  # a hole: the sum would be too small
    assert np.isnan(spent(run_of([0.1]), 10, "tokens"))  # never recorded
    lengths = [10.0, NAN, NAN, 20.0, NAN, NAN, 30.0]  # three steps on a rollout: its tokens count once
    run = run_of([0.1, 0.5], config=changed("grpo.num_iterations", 3), length__mean=lengths)
    assert [spent(run, step, "tokens") for step in (1, 3, 4, 7)] == [160, 160, 480, 960]


def test_half_life_and_collapse() -> None:
    falling = [1.0] * 10 + [0.4] * 10
    # Means of 5: at step 14 (4 of 5 low) 0.52, at step 15 0.4: at most half of 1.0.
    assert half_life(run_of([0.1], policy__entropy=falling), 40) == Reach(15, True)
    assert half_life(run_of([0.1], policy__entropy=[1.0] * 20), 40) == Reach(20, False)
    assert half_life(run_of([0.1], policy__entropy=[1.0] * 9), 40) is None
    # Means of 10: in step 29 one 0.2 is left, 0.02; in step 30 nothing.
    right = [0.2] * 20 + [0.0] * 20
    assert collapse_step(run_of([0.1], reward__accuracy=right), 40) == Reach(30, True)
    # a weak start
    assert collapse_step(run_of([0.1], reward__accuracy=[0.0] * 20 + [0.5] * 20), 40) == Reach(40, False)
    assert collapse_step(run_of([0.1]), 40) is None


def test_scores_of_a_run_by_hand() -> None:
    run = run_of([0.2, 0.4, 0.6, 0.5, 0.6], signal__dead_groups=[0.0] * 20 + [0.5] * 20)
    found = scores(run, 40)
    expected = {"gold/auc": 0.475, "gold/gain": 0.34375, "gold/final": 0.6, "gold/best": 0.6, "gold/fall": 0.0,
                "risk/max_drawdown": 0.1, "signal/dead_groups": 0.25, "health/missing": 0.0,
                "gold/late": (0.52 + 0.6) / 2}  # fmt: skip
    assert {key: found[key] for key in expected} == pytest.approx(expected)
    assert np.isnan(found["kl/spent"]) and np.isnan(found["spikes/kl"])  # not recorded: not a zero


def test_a_run_that_ended_early_is_counted() -> None:
    run = run_of([0.2, 0.6], status="failed")
    assert scores(run, 40)["gold/auc"] == pytest.approx((10 * 0.4 + 30 * 0.6) / 40)
    worst = scores(run, 40, lost=0.0)
    assert worst["gold/auc"] == pytest.approx(10 * 0.4 / 40) and worst["gold/final"] == 0.0
    assert worst["risk/max_drawdown"] == pytest.approx(0.6)
    done = run_of([0.2, 0.6, 0.6, 0.6, 0.6])
    # nothing is lost of a whole run
    assert scores(done, 40) == pytest.approx(scores(done, 40, lost=0.0), nan_ok=True)


def test_steps_without_a_number_are_counted() -> None:
    assert missing(run_of([0.1] * 5, policy__loss=[0.1] * 20 + [NAN] * 3 + [0.1] * 17), 40) == 3
    assert missing(run_of([0.1] * 5, policy__loss=[0.1] * 20), 30) == 10
    rewards = [0.5 if step % 2 else NAN for step in range(1, 41)]  # num_iterations 2: of every other step
    assert (
        missing(run_of([0.1] * 5, config=changed("grpo.num_iterations", 2), reward__total=rewards), 40) == 0
    )
    assert (
        missing(run_of([0.1] * 5, config=changed("grpo.num_iterations", 2), reward__total=[NAN] * 40), 40)
        == 20
    )


def test_an_evaluation_knows_its_error() -> None:
    run = run_of([0.1, 0.5, 0.4])
    last, best = measured(run, 40, best=False), measured(run, 40, best=True)
    assert last and best and (last.step, best.step) == (20, 10)
    # without the problems: one completion each, never too narrow
    assert (best.low, best.high) == wilson(0.5, 128)
    known = measured(run, 40, False, {str(i): (i % 3, 2) for i in range(126)})
    assert known and 126 <= known.worth <= 252
    assert measured(run_of([]), 40, best=True) is None


def test_every_score_is_in_the_catalogue_and_made() -> None:
    found = compare([run_of([0.1, 0.3, 0.5, 0.6, 0.6], arm, seed) for arm in "ab" for seed in range(3)])
    made = set(found.arms[0].scores) | {key for key, _ in found.arms[0].arrivals if "/" in key}
    told = {key for key, score in SCORES.items() if score.of == "run" and not key.startswith("reach/")}
    assert made == told
    for score in SCORES.values():
        assert score.formula.endswith(".") and score.title and score.unit and score.source
