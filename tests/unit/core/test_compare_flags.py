"""Flags: the step at which each goes up, worked out by hand; and that nothing goes up on runs in which
nothing is wrong."""

import numpy as np
import pytest

from core.compare.flags import TITLES, Flag, flags
from core.compare.preference import Rewarded, agreement, looked_at, prefers_wrong
from tests.support.evidence import run_of

UP = [0.3 + 0.01 * i for i in range(40)]  # a reward that rises by 0.1 between evaluations
DOWN = UP[::-1]
NOISE = [0.5 + 0.05 * (-1) ** i for i in range(40)]


def kinds(run: object) -> dict[str, Flag]:
    return {f.kind: f for f in flags(run)}  # type: ignore[arg-type]


def test_a_reward_that_rises_while_gold_falls() -> None:
    """Best at step 10, fallen at 20 and at 30: it went up at 20, and 10 beside 20 is what to look at."""
    found = kinds(run_of([0.42, 0.45, 0.18, 0.16, 0.17], reward__total=UP))
    flag = found["reward_up_gold_down"]
    assert (flag.step, flag.look) == (
        20,
        (10, 20),
    ) and "from 45.0 % at step 10 to 18.0 % at step 20" in flag.said
    assert found["below_start"].step == 20 and found["below_start"].look == (0, 20)
    assert found["gold_halved"].step == 20


@pytest.mark.parametrize(
    ("gold", "reward", "missing"),
    [
        ([0.42, 0.45, 0.18, 0.16, 0.17], DOWN, "reward_up_gold_down"),  # the reward knows that it got worse
        (
            [0.42, 0.45, 0.18, 0.16, 0.17],
            NOISE,
            "reward_up_gold_down",
        ),  # a reward that does not move has not risen
        ([0.42, 0.45, 0.18, 0.44, 0.45], UP, "reward_up_gold_down"),  # one bad evaluation is luck
        ([0.42, 0.45, 0.42, 0.41, 0.41], UP, "reward_up_gold_down"),  # within what 256 completions can tell
        ([0.1, 0.6, 0.4, 0.4, 0.4], UP, "below_start"),  # fell, but not below where it began
        ([0.1, 0.6, 0.4, 0.4, 0.4], UP, "gold_halved"),
        ([0.42], UP, "reward_up_gold_down"),
        ([], UP, "reward_up_gold_down"),
    ],
)
def test_what_is_no_flag(gold: list[float], reward: list[float], missing: str) -> None:
    assert missing not in kinds(run_of(gold, reward__total=reward))


def test_a_run_without_a_reward_still_says_that_gold_halved() -> None:
    run = run_of([0.42, 0.45, 0.18, 0.16, 0.17], reward__total=[])
    assert set(kinds(run)) == {"gold_halved"}


# A real training: the tiny model, 0.5 format + 0.5 conciseness (limit 30), learning rate 6e-4, 50 steps of 8
# x 8 completions, evaluated every 5 steps on 128 problems x 2, seed 0. At its end it answers one digit to
# everything.
COLLAPSED_GOLD = [
    0.359375, 0.324219, 0.210938, 0.128906, 0.046875, 0.027344, 0.007812, 0.019531, 0.023438, 0.023438, 0.023438,
]  # fmt: skip
COLLAPSED_REWARD = [
    0.664, 0.607, 0.659, 0.661, 0.672, 0.708, 0.749, 0.714, 0.76, 0.778, 0.828, 0.79, 0.817, 0.817, 0.847, 0.87,
    0.88, 0.867, 0.882, 0.901, 0.889, 0.914, 0.916, 0.917, 0.906, 0.886, 0.909, 0.927, 0.928, 0.91, 0.91, 0.918,
    0.933, 0.923, 0.917, 0.924, 0.933, 0.917, 0.917, 0.933, 0.933, 0.933, 0.926, 0.933, 0.916, 0.933, 0.933, 0.933,
    0.933, 0.925,
]  # fmt: skip
COLLAPSED_LENGTH = [
    18.2, 16.2, 17.4, 18.2, 17, 14.8, 14.7, 14.1, 12.1, 12.4, 9.8, 12.2, 9.5, 10.6, 8.7, 7.9, 6.8, 7.5, 6.2, 6, 6.2,
    5.1, 5.1, 5, 4.7, 4.5, 4.1, 4.4, 4.3, 4.5, 4.5, 4, 4, 4.1, 4, 4.1, 4, 4.1, 4.1, 4, 4, 4, 4, 4, 4.1, 4, 4, 4, 4,
    4,
]  # fmt: skip
COLLAPSED_RIGHT = [
    0.375, 0.2188, 0.3281, 0.2656, 0.2344, 0.2969, 0.3906, 0.2969, 0.4219, 0.2188, 0.1719, 0.25, 0.1719, 0.1875,
    0.0938, 0.1094, 0.1406, 0.0625, 0.125, 0.0469, 0.1094, 0.0312, 0.0625, 0, 0.0312, 0.0156, 0.0312, 0.0938,
    0.0156, 0, 0, 0, 0, 0, 0, 0, 0.0312, 0, 0, 0, 0, 0, 0.0938, 0.0312, 0, 0, 0, 0, 0.0156, 0.0469,
]  # fmt: skip


def test_a_real_collapse_is_caught_and_dated() -> None:
    run = run_of(
        COLLAPSED_GOLD, every=5, max_steps=50, reward__total=COLLAPSED_REWARD, length__mean=COLLAPSED_LENGTH,
        reward__accuracy=COLLAPSED_RIGHT,
    )  # fmt: skip
    at = {f.kind: f.step for f in flags(run)}
    assert at == {
        "reward_up_gold_down": 10,
        "below_start": 10,
        "gold_halved": 15,
        "length_collapse": 22,
        "collapse": 38,
    }


def test_the_horizon_hides_what_came_later() -> None:
    run = run_of([0.42, 0.45, 0.18, 0.16, 0.17], reward__total=UP)
    assert flags(run, 20) == [] and flags(run, 30)


@pytest.mark.parametrize(
    ("name", "values", "kind", "step"),
    [
        # A mean of 10 steps falls below half of 16 when 9 of its 10 are 7: (16 + 63) / 10 = 7.9, in step 29.
        ("length__mean", [16.0] * 20 + [7.0] * 20, "length_collapse", 29),
        ("length__mean", [16.0] * 20 + [9.0] * 20, None, 0),
        (
            "length__mean",
            [16.0] * 20 + [40.0] * 20,
            "length_explosion",
            27,
        ),  # (48 + 280) / 10 = 32.8, over 32
        (
            "length__mean",
            [16.0] * 20 + [7.0] * 10 + [16.0] * 10,
            "length_collapse",
            29,
        ),  # so in 29, 30 and 31, then over
        ("length__mean", [16.0] * 20 + [7.0] * 8 + [16.0] * 12, None, 0),  # too short to be seen
        (
            "length__truncated",
            [0.1] * 20 + [0.9] * 20,
            "truncated",
            26,
        ),  # 4 old, 6 new: 0.58; 5 and 5 are 0.5
        ("length__truncated", [0.6] * 40, None, 0),  # it has always been so: a setting, not a change
        (
            "policy__entropy",
            [1.0] * 20 + [0.05] * 20,
            "entropy_collapse",
            30,
        ),  # 0.145 in step 29, 0.05 in step 30
        ("policy__entropy", [1.0] * 20 + [0.2] * 20, None, 0),  # what learning looks like
        ("policy__entropy", [1.0] * 20 + [3.0] * 20, "entropy_explosion", 26),  # (4 + 18) / 10 = 2.2
        ("reward__accuracy", [0.2] * 20 + [0.0] * 20, "collapse", 30),
        ("policy__entropy", [1.0] * 5, None, 0),  # too short to judge
    ],
)
def test_drifts(name: str, values: list[float], kind: str | None, step: int) -> None:
    found = kinds(run_of([0.4, 0.4, 0.4, 0.4, 0.4], **{name: values}))
    assert set(found) == ({kind} if kind else set())
    if kind:
        assert found[kind].step == step and found[kind].look[1] == step and f"step {step}" in found[kind].said


def honest(seed: int, steps: int, every: int, gain: float) -> object:
    """A run whose accuracy never falls and whose reward always rises, seen through 256 completions."""
    rng = np.random.default_rng(seed)
    at = np.arange(0, steps + 1, every)
    gold = rng.binomial(256, 0.3 + gain * (1 - np.exp(-at / (steps / 5)))) / 256
    reward = np.linspace(0.3, 0.8, steps) + 0.05 * rng.normal(size=steps)
    return run_of(gold.tolist(), every=every, max_steps=steps, reward__total=reward.tolist())


def test_a_flag_stays_up_while_a_run_goes_on() -> None:
    # 3.3 standard errors: enough at the third look, too little at the fortieth
    gold = [0.42, 0.45, *[0.31] * 40]
    for seen in range(4, len(gold) + 1):
        reward = np.linspace(0.3, 0.8, 10 * len(gold))[: 10 * seen].tolist()
        found = kinds(run_of(gold[:seen], max_steps=10 * len(gold), reward__total=reward))
        assert found["reward_up_gold_down"].step == 20


def test_honest_runs_are_left_alone() -> None:
    """By luck a flag goes up in about 1 of 100 runs; with 200 evaluations as with 10."""
    assert sum(bool(flags(honest(s, 100, 10, 0.5))) for s in range(200)) <= 4  # type: ignore[arg-type]
    assert sum(bool(flags(honest(s, 1000, 5, 0.2))) for s in range(100)) <= 3  # type: ignore[arg-type]


def rewarded(share_right_ahead: float, steps: int = 30) -> Rewarded:
    """Groups of 2 right and 2 wrong, 4 a step; in that share of the groups the right ones are rewarded more."""
    rng = np.random.default_rng(0)
    n = steps * 4
    ahead = rng.random(n) < share_right_ahead
    totals = np.where(ahead[:, None], [0.9, 0.8, 0.2, 0.1], [0.1, 0.2, 0.8, 0.9]).ravel()
    right = np.tile([True, True, False, False], n)
    return Rewarded(
        np.repeat(np.arange(1, steps + 1), 16), np.tile(np.repeat(np.arange(4), 4), steps), right, totals
    )


def test_agreement_by_hand() -> None:
    steps, share, z = agreement(rewarded(1.0, 20))
    assert steps.tolist() == [10, 20] and share.tolist() == [1.0, 1.0]
    # 40 groups, each 2 of its 4 pairs above the half: 80 over the root of 40 * 4.
    assert z == pytest.approx(80 / (40 * 4) ** 0.5)
    tied = rewarded(1.0, 20)
    _, share, z = agreement(Rewarded(tied.step, tied.group, tied.correct, np.zeros(len(tied.total))))
    # a reward equal for all says nothing, surely
    assert share.tolist() == [0.5, 0.5] and z.tolist() == [0.0, 0.0]
    late = agreement(
        Rewarded(np.array([1, 1]), np.array([0, 1]), np.array([True, False]), np.array([0.1, 0.9]))
    )
    # right and wrong in different groups: nothing to compare
    assert np.isnan(late[1]).all() and np.isnan(late[2]).all()


def test_a_reward_that_prefers_wrong() -> None:
    assert prefers_wrong(rewarded(1.0)) is None and prefers_wrong(rewarded(0.5)) is None
    flag = prefers_wrong(rewarded(0.2))
    assert flag and flag.step == 10 and flag.kind in TITLES
    nothing = np.zeros(0)
    assert (
        prefers_wrong(Rewarded(nothing.astype(int), nothing.astype(int), nothing.astype(bool), nothing))
        is None
    )
    unknown = rewarded(0.2)
    assert (
        prefers_wrong(
            Rewarded(unknown.step, unknown.group, unknown.correct, np.full(len(unknown.total), np.nan))
        )
        is None
    )


def test_the_steps_whose_samples_are_read_stay_while_a_run_goes_on() -> None:
    """Or a flag could go away again. Few of a long run, all of a short one, and always the same ones."""
    assert (
        looked_at(0) == [] and looked_at(37) == list(range(1, 31)) and looked_at(100) == list(range(1, 101))
    )
    for last in range(1, 3000, 7):
        assert looked_at(last) == [s for s in looked_at(5000) if s in set(looked_at(last))], last
        assert max(looked_at(last), default=0) <= last
    assert len(looked_at(2000)) < 200
