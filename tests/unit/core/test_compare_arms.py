"""What may be compared, what is said beside it, and that crashed, stopped and unfinished runs are counted,
not dropped."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.compare.comparison import Comparison, compare
from core.compare.evidence import Evidence, horizon
from core.compare.stats.thresholds import absolute
from core.compare.warnings import remarks
from tests.support.evidence import CONFIG, changed, run_of

RISES = [0.1, 0.3, 0.5, 0.6, 0.6]
LAZY = [0.1, 0.2, 0.3, 0.4, 0.4]


def six(**more: Any) -> list[Evidence]:
    """Two arms of three seeds; the rising one is ahead in each."""
    rising = [run_of([x + 0.01 * seed for x in RISES], "b", seed, **more) for seed in range(3)]
    return [*rising, *(run_of([x + 0.01 * seed for x in LAZY], "a", seed, **more) for seed in range(3))]


def found(*extra: Evidence) -> Comparison:
    return compare([*six(), *extra], resamples=500)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.eval", {"name": "tiny-arithmetic", "size": 64}),
        ("data.eval", {"name": "gsm8k"}),
        ("data.answer_rule", "lenient"),
        ("data.instruction", "Answer with a number."),
        ("evaluation.num_samples", 4),
        ("evaluation.temperature", 0.0),
        ("grpo.max_completion_length", 80),
        ("model.path", "tiny-sparse"),
    ],
)
def test_another_yardstick_is_refused(path: str, value: object) -> None:
    """Gold accuracy on other problems, with other decoding, or from another start is another quantity."""
    made = found(run_of(RISES, "c", config=changed(path, value)))
    assert made.arms == () and made.pairs == ()
    refused = [r for r in made.remarks if r.refused]
    assert [r.about for r in refused] == [path] and "300" in refused[0].said


def test_contents_count_and_not_names() -> None:
    prints = [{"model": {"fingerprint": "m"}, "data": {"eval": x}} for x in ("e1", "e2")]
    same = [
        run_of(RISES, "a", s, environment=prints[0], config=changed("model.path", f"/copy/{s}"))
        for s in range(3)
    ]
    assert not any(r.refused for r in remarks(same, 40))
    other = replace(same[2], environment=prints[1])
    (said,) = [r for r in remarks([*same[:2], other], 40) if r.refused]
    assert said.about == "data.eval" and "e1" in said.said and "e2" in said.said


def test_seeds_of_an_arm_differ_in_nothing_else() -> None:
    """Their mean would be of no arm."""
    (beta,) = [r for r in found(run_of(RISES, "b", 3, config=changed("grpo.beta", 0.1))).remarks if r.refused]
    assert beta.about == "grpo.beta" and beta.runs == (200, 201, 202, 203)
    mix = {**CONFIG, "mix": {"terms": [{"component": "closeness"}]}}
    assert [r.refused for r in found(run_of(RISES, "b", 3, config=mix)).remarks] == [True]
    beside = {**CONFIG, "checkpoint": {"every": 99}}  # changes no number
    assert not any(r.refused for r in found(run_of(RISES, "b", 3, config=beside)).remarks)


def test_the_same_seed_twice_is_refused() -> None:
    (said,) = [r for r in found(run_of(RISES, "b", 2, run_id=999)).remarks if r.refused]
    assert said.about == "seeds" and said.runs == (202, 999) and "would count double" in said.said


MOVES = [0.1 * (i % 7) for i in range(40)]


@pytest.mark.parametrize(
    ("gold", "reward", "seeds", "said"),
    [
        (RISES, MOVES, (0, 1), True),
        (RISES[:3], MOVES[:20], (0, 1), True),  # it still trains: equal as far as it came
        (RISES, MOVES, (1, 2), True),
        (RISES, MOVES, (5,), False),  # no seed in common
        (RISES[:2], MOVES[:10], (0, 1), False),  # two evaluations can be equal by chance
        ([*RISES[:4], 0.61], MOVES, (0, 1), False),
        (RISES, [*MOVES[:39], 0.05], (0, 1), False),
        (RISES, [], (0, 1), False),  # the reward was not read
    ],
)
def test_arms_that_trained_the_same_thing_are_named(
    gold: list[float], reward: list[float], seeds: tuple[int, ...], said: bool
) -> None:
    one = [run_of(RISES, "a", s, reward__total=MOVES) for s in (0, 1)]
    status = "done" if len(gold) == len(RISES) else "running"
    two = [run_of(gold, "b", s, status, reward__total=reward) for s in seeds]
    remark = [r.said for r in remarks([*one, *two], 40) if r.about == "mix"]
    wanted = "a and b have equal curves in every common seed: they trained the same thing. Look for what cannot act."
    assert remark == ([wanted] if said else [])


def test_a_reward_that_never_moves_makes_no_arms_equal() -> None:
    assert not [r for r in remarks([run_of(RISES, arm) for arm in "ab"], 40) if r.about == "mix"]


def test_nothing_to_compare_is_said() -> None:
    assert [r.refused for r in compare([]).remarks] == [True]
    waiting = [run_of([], status="queued", seed=s) for s in range(3)]
    (said,) = compare(waiting).remarks
    assert said.refused and said.about == "outcome" and "No run has two evaluations" in said.said


def test_a_run_that_has_only_its_first_evaluation_holds_the_others_at_no_step() -> None:
    comparison = found(run_of([0.1], "c", status="running"))
    assert not [r for r in comparison.remarks if r.refused] and comparison.horizon == found().horizon
    (said,) = [r for r in comparison.remarks if r.about == "outcome"]
    assert said.runs == (300,) and "waiting (c seed 0): not evaluated twice yet" in said.said
    (c,) = [a for a in comparison.arms if a.name == "c"]
    assert not c.scores["gold/final"].values and c.outcomes["waiting"] == 1


@pytest.mark.parametrize(
    ("about", "words", "extra"),
    [
        ("budget", "Budgets differ: 20, 40 steps", run_of(RISES[:3], "c", max_steps=20)),
        ("budget", "16, 64 completions", run_of(RISES, "c", config=changed("grpo.num_generations", 16))),
        (
            "evaluation.every",
            "every 10, 20 steps",
            run_of(RISES[:3], "c", every=20, config=changed("evaluation.every", 20)),
        ),
        (
            "grpo.beta",
            "more than their mix: grpo.beta",
            run_of(RISES, "c", config=changed("grpo.beta", 0.04)),
        ),
        ("machine", "2 kinds of machine", run_of(RISES, "c", environment={"device": "cuda", "host": "far"})),
        ("seeds", "c has 1 seed: too few for an interval", run_of(RISES, "c")),
        (
            "seeds",
            "a, b have 3 seeds each: a 95 % interval of so few holds the truth in about 75 of 100",
            run_of(RISES, "c"),
        ),
        ("seeds", "do not have the same seeds", run_of(RISES, "c", 7)),
        ("outcome", "1 of 7 runs failed (c seed 0)", run_of(RISES[:2], "c", status="failed")),
        ("outcome", "1 of 7 runs stopped", run_of(RISES[:2], "c", status="stopped")),
        ("outcome", "1 of 7 runs training", run_of(RISES[:3], "c", status="running")),
        ("outcome", "1 of 7 runs waiting", run_of([], "c", status="queued")),
        ("outcome", "Ended before the first evaluation: c seed 0", run_of([], "c", status="failed")),
        (
            "missing",
            "2 steps of 1 run have",
            run_of(RISES, "c", policy__loss=[0.1] * 38 + [float("nan")] * 2),
        ),
    ],
)
def test_marks(about: str, words: str, extra: Evidence) -> None:
    """Each is said beside the numbers, with the runs that it is about."""
    runs = six(environment={"device": "cpu", "host": "here"}) if about == "machine" else six()
    made = compare([*runs, extra], resamples=500)
    assert made.arms and [r for r in made.remarks if r.about == about and words in r.said and r.runs]


def test_ten_whole_seeds_need_no_word() -> None:
    runs = [run_of(RISES, arm, seed, run_id=100 * ord(arm) + seed) for arm in "ab" for seed in range(10)]
    assert compare(runs, resamples=500).remarks == ()


def test_the_horizon_waits_for_runs_that_train_and_not_for_those_that_ended() -> None:
    whole = run_of(RISES)
    assert horizon([whole, run_of(RISES[:2], status="failed")]) == 40
    assert horizon([whole, run_of(RISES[:3], status="running")]) == 20
    assert horizon([whole, run_of([], status="queued")]) == 40
    assert horizon([whole, run_of(RISES[:2], max_steps=10)]) == 10
    assert horizon([]) == 0 and horizon([run_of([], status="failed")]) == 0


def test_crashed_and_stopped_runs_are_counted() -> None:
    crashed, stopped = (
        run_of([0.1, 0.3], "b", 3, status="failed"),
        run_of([0.1, 0.3], "b", 4, status="stopped"),
    )
    made = compare([*six(), crashed, stopped], [absolute(0.5)], resamples=500)
    arm = {a.name: a for a in made.arms}["b"]
    assert arm.outcomes == {"complete": 3, "failed": 1, "stopped": 1, "training": 0, "waiting": 0}
    final = arm.scores["gold/final"]
    assert (
        dict(final.values) == pytest.approx({0: 0.6, 1: 0.61, 2: 0.62, 3: 0.3, 4: 0.3})
        and final.undefined == 0
    )
    assert final.mean.point == pytest.approx(0.486) and final.worst == pytest.approx((0.6 + 0.61 + 0.62) / 5)
    times = arm.reaches["50 %", "steps"]
    assert [(times[s].time, times[s].reached) for s in (0, 3, 4)] == [(20, True), (40, False), (10, False)]  # type: ignore[union-attr]
    assert arm.arrivals["50 %", "steps"].n == 5 and arm.arrivals["50 %", "steps"].reached == 3
    # The stopped one leaves at 10 and the crashed one stays: of four at risk three arrive at 20, one has the
    # whole 40.
    assert arm.arrivals["50 %", "steps"].restricted.point == pytest.approx(20 + 20 / 4)


def test_a_score_that_some_runs_lack_says_how_many() -> None:
    runs = six()
    runs[0] = replace(
        runs[0],
        series={**runs[0].series, "eval/kl": run_of([0.0, 0.1, 0.1, 0.1, 0.1]).series["eval/accuracy"]},
    )
    arm = {a.name: a for a in compare(runs, resamples=500).arms}["b"]
    assert arm.scores["kl/spent"].undefined == 2 and dict(arm.scores["kl/spent"].values) == {0: 0.1}
    assert arm.scores["kl/area"].mean.point == pytest.approx((10 * 0.05 + 30 * 0.1) / 40)


def test_pairs_are_corrected_together_and_have_the_right_side() -> None:
    made = compare(
        six(), resamples=500, answers={r.run_id: {"p": (r.arm == "b", 1), "q": (1, 1)} for r in six()}
    )
    auc, risk, final = made.pairs
    assert (auc.first, auc.second, auc.score) == ("a", "b", "gold/auc")
    assert auc.improvement.point == 0.0 and auc.paired.mean.point == pytest.approx(0.2875 - 0.4375)
    assert risk.improvement.point == 0.5 and risk.paired.p == 1.0  # nothing fell in either
    assert auc.paired.p == final.paired.p == 0.25 and auc.p_holm == 0.75  # of three comparisons
    (held,) = made.held_out
    assert held.found.lost == ("p",) and held.found.difference == pytest.approx(-0.5) and held.p_holm == 1.0


def test_the_order_of_runs_changes_no_digit() -> None:
    runs = [*six(), run_of(RISES[:2], "b", 3, status="failed")]
    one, two = (
        compare(runs, [absolute(0.5)], resamples=300),
        compare(runs[::-1], [absolute(0.5)], resamples=300),
    )
    assert [a.name for a in one.arms] == ["a", "b"]
    for x, y in zip(one.arms, two.arms, strict=True):
        assert x.scores == pytest.approx(y.scores, nan_ok=True) or repr(x.scores) == repr(y.scores)
        assert repr(x.arrivals) == repr(y.arrivals) and (x.curve.low == y.curve.low).all()
    assert repr(one.pairs) == repr(two.pairs) and one.thresholds == two.thresholds


def test_another_arm_moves_no_arms_numbers() -> None:
    """What is said of an arm must not depend on who else is on the page, but for the common thresholds."""
    alone, beside = (
        {a.name: a for a in compare(runs, resamples=300).arms}["a"] for runs in (six()[3:], six())
    )
    assert repr(alone.scores) == repr(beside.scores)
    assert alone.curve.point == pytest.approx(np.array([0.11, 0.21, 0.31, 0.41, 0.41]))
