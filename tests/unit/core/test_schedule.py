"""Schedules: values at and around their breakpoints, both directions, per cents, bounds, continuity where
they claim it."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from core.common.config_model import descriptions
from core.rewards.schedule import JUMPS, SCHEDULES, Schedule, in_steps, value_at

SCHEDULE: TypeAdapter[Any] = TypeAdapter(Schedule)
PAPER = {"type": "linear", "start": 0.0, "end": 1.0, "from_step": 50, "to_step": 150}
RAMP = {"start": 0.2, "end": 0.6, "from_step": 10, "to_step": 20}
BACK = {**RAMP, "start": 0.6, "end": 0.2}
STEP = {"type": "step", "start": 0.2, "end": 0.6, "at_step": 10}
WAVE = {"type": "cyclic", "low": 0.2, "high": 0.6, "period": 8}
POINTS = {"type": "piecewise", "points": [[10, 1.0], [20, 0.0], [30, 0.5]]}
WARM = {"type": "warmup", "steps": 4}


def logistic(x: float, k: float) -> float:
    """The sigmoid's law: stretched so that it begins at 0 and ends at 1."""
    low, high = 1 / (1 + math.exp(k / 2)), 1 / (1 + math.exp(-k / 2))
    return (1 / (1 + math.exp(-k * (x - 0.5))) - low) / (high - low)


CASES: list[tuple[dict[str, Any], float, float]] = [
    ({"type": "constant", "value": 0.3}, 7, 0.3),
    (PAPER, 0, 0.0),
    (PAPER, 50, 0.0),  # the ramp begins here
    (PAPER, 100, 0.5),
    (PAPER, 150, 1.0),
    (PAPER, 10_000, 1.0),
    ({**PAPER, "start": 1.0, "end": 0.0}, 75, 0.75),  # the other direction
    ({**RAMP, "type": "cosine"}, 9, 0.2),
    ({**RAMP, "type": "cosine"}, 12.5, 0.2 + 0.4 * (1 - math.sqrt(0.5)) / 2),
    ({**RAMP, "type": "cosine"}, 15, 0.4),
    ({**RAMP, "type": "cosine"}, 20, 0.6),
    ({**BACK, "type": "cosine"}, 12.5, 0.6 - 0.4 * (1 - math.sqrt(0.5)) / 2),
    ({**RAMP, "type": "sigmoid"}, 10, 0.2),  # at its ends exactly, not only nearly
    ({**RAMP, "type": "sigmoid"}, 13, 0.2 + 0.4 * logistic(0.3, 10)),
    ({**RAMP, "type": "sigmoid"}, 15, 0.4),
    ({**RAMP, "type": "sigmoid"}, 20, 0.6),
    ({**BACK, "type": "sigmoid", "steepness": 4}, 13, 0.6 - 0.4 * logistic(0.3, 4)),
    ({**RAMP, "type": "sigmoid", "steepness": 0.01}, 12.5, 0.3),  # nearly a straight line
    ({**RAMP, "type": "sigmoid", "steepness": 100}, 13, 0.2),  # nearly a jump
    ({**RAMP, "type": "exponential"}, 10, 0.2),
    (
        {**RAMP, "type": "exponential"},
        15,
        0.2 + 0.4 * (1 - math.exp(-2.5)) / (1 - math.exp(-5)),
    ),  # most of it early
    ({**RAMP, "type": "exponential"}, 20, 0.6),
    ({**BACK, "type": "exponential"}, 15, 0.6 - 0.4 * (1 - math.exp(-2.5)) / (1 - math.exp(-5))),
    (
        {**RAMP, "type": "exponential", "rate": -5},
        15,
        0.2 + 0.4 * (math.exp(2.5) - 1) / (math.exp(5) - 1),
    ),  # late
    ({**RAMP, "type": "exponential", "rate": 0}, 15, 0.4),  # a straight line
    ({**RAMP, "type": "exponential", "rate": 50}, 20, 0.6),
    (STEP, 10, 0.2),  # the last step at `start`
    (STEP, 10.001, 0.6),
    ({**STEP, "start": 0.6, "end": 0.2}, 11, 0.2),
    (WAVE, 0, 0.2),
    (WAVE, 2, 0.4),
    (WAVE, 4, 0.6),
    (WAVE, 8, 0.2),
    (WAVE, 804, 0.6),  # after a hundred periods
    ({**WAVE, "low": 0.6, "high": 0.2}, 4, 0.2),  # the other direction: it begins at `low` all the same
    (POINTS, 0, 1.0),  # flat before the first point
    (POINTS, 10, 1.0),
    (POINTS, 15, 0.5),
    (POINTS, 25, 0.25),
    (POINTS, 30, 0.5),
    (POINTS, 99, 0.5),  # flat after the last
    ({"type": "piecewise", "points": [[5, 0.7]]}, 1, 0.7),  # one point is a constant
    ({**WARM, "then": {"type": "constant", "value": 0.8}}, 0, 0.0),
    ({**WARM, "then": {"type": "constant", "value": 0.8}}, 1, 0.2),
    ({**WARM, "then": {"type": "constant", "value": 0.8}}, 4, 0.8),
    ({**WARM, "then": {"type": "constant", "value": 0.8}}, 99, 0.8),
    ({**WARM, "then": {**BACK, "type": "linear"}}, 2, 0.3),  # to the first value of what follows
    ({**WARM, "then": {**BACK, "type": "linear"}}, 14, 0.6),  # whose steps count from the end of the warm-up
    ({**WARM, "then": {**BACK, "type": "linear"}}, 19, 0.4),
    (
        {**WARM, "then": {**WARM, "then": {"type": "constant", "value": 1.0}}},
        2,
        0.0,
    ),  # a warm-up begins at 0, so the first
    ({**WARM, "then": {**WARM, "then": {"type": "constant", "value": 1.0}}}, 6, 0.5),  # of two only waits
    (
        {"type": "adaptive", "signal": "accuracy", "threshold": 0.5, "start": 0.3},
        99,
        0.3,
    ),  # before it saw anything
]


@pytest.mark.parametrize(("values", "step", "expected"), CASES)
def test_value(values: dict[str, Any], step: float, expected: float) -> None:
    assert SCHEDULE.validate_python(values).value(step) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (PAPER, [50, 150]),
        (STEP, [10]),
        (POINTS, [10, 20, 30]),
        (WAVE, []),
        ({**WARM, "then": POINTS}, [4, 14, 24, 34]),
        ({**WARM, "then": {**WARM, "then": STEP}}, [4, 8, 18]),
    ],
)
def test_breakpoints(values: dict[str, Any], expected: list[float]) -> None:
    assert SCHEDULE.validate_python(values).breakpoints() == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (PAPER, (0, 1)),
        ({**BACK, "type": "sigmoid"}, (0.2, 0.6)),
        ({**RAMP, "type": "linear", "from_step": 0}, (0.2, 0.6)),  # a ramp from the very beginning
        (STEP, (0.2, 0.6)),  # the value after the jump is at no breakpoint
        ({**STEP, "start": 0.6, "end": 0.2, "at_step": 0}, (0.2, 0.6)),
        (WAVE, (0.2, 0.6)),
        (POINTS, (0, 1)),
        ({**WARM, "then": STEP}, (0, 0.6)),  # a warm-up begins at 0
        ({"type": "adaptive", "signal": "kl", "threshold": 1, "start": 0.9, "end": 0.1}, (0.1, 0.9)),
    ],
)
def test_bounds(values: dict[str, Any], expected: tuple[float, float]) -> None:
    assert SCHEDULE.validate_python(values).bounds() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({**PAPER, "to_step": 50}, "to_step 50 must be above from_step 50"),
        ({"type": "piecewise", "points": [[5, 0], [5, 1]]}, "steps must rise"),
        ({"type": "piecewise", "points": []}, "at least 1 item"),
        ({"type": "spline"}, "does not match any of the expected tags"),
        ({"type": "constant", "value": float("nan")}, "finite number"),
        (
            {**RAMP, "type": "sigmoid", "steepness": 1e-20},
            "greater than or equal to 0.01",
        ),  # its two ends would be one number
        ({**RAMP, "type": "exponential", "rate": 51}, "less than or equal to 50"),
        ({**WAVE, "period": 0}, "greater than 0"),
        (
            {**WARM, "then": {"type": "adaptive", "signal": "kl", "threshold": 1}},
            "does not match any of the expected tags",
        ),
        ({**STEP, "unit": "epoch"}, "'step' or 'percent'"),
        (
            {"type": "adaptive", "signal": "kl", "threshold": 1, "start": 0.5, "end": 0.5},
            "nothing would move",
        ),
    ],
)
def test_bad_schedules_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SCHEDULE.validate_python(values)


@pytest.mark.parametrize(
    ("in_percent", "expected"),
    [  # of a training of 200 steps
        ({"type": "constant", "value": 0.3}, {"type": "constant", "value": 0.3}),
        ({**PAPER, "from_step": 25, "to_step": 75}, PAPER),
        ({**RAMP, "type": "cosine", "from_step": 5, "to_step": 10}, {**RAMP, "type": "cosine"}),
        ({**RAMP, "type": "sigmoid", "from_step": 5, "to_step": 10}, {**RAMP, "type": "sigmoid"}),
        ({**BACK, "type": "exponential", "from_step": 5, "to_step": 10}, {**BACK, "type": "exponential"}),
        ({**STEP, "at_step": 5}, STEP),
        ({**WAVE, "period": 4}, WAVE),
        ({"type": "piecewise", "points": [[5, 1], [10, 0], [15, 0.5]]}, POINTS),  # values are no steps
        ({**WARM, "steps": 2, "then": {**STEP, "at_step": 5}}, {**WARM, "then": STEP}),
        ({**WARM, "steps": 2, "then": {**WARM, "steps": 2, "then": {**WAVE, "period": 4}}},
         {**WARM, "then": {**WARM, "then": WAVE}}),
    ],
)  # fmt: skip
def test_per_cents_of_the_training(in_percent: dict[str, Any], expected: dict[str, Any]) -> None:
    given, made = (
        SCHEDULE.validate_python({**in_percent, "unit": "percent"}),
        SCHEDULE.validate_python(expected),
    )
    with pytest.raises(ValueError, match="in percent of the training"):
        value_at(given, 3)  # its curve is not known yet
    assert in_steps(given, 200) == made
    assert made.in_steps(200) is made  # steps are steps
    assert value_at(in_steps(given, 200), 13) == value_at(made, 13)


def test_a_number_and_an_adaptive_schedule_have_no_steps() -> None:
    adaptive = SCHEDULE.validate_python({"type": "adaptive", "signal": "kl", "threshold": 1, "start": 0.2})
    assert in_steps(0.4, 200) == 0.4 and in_steps(adaptive, 200) is adaptive
    assert value_at(0.4, 7) == 0.4 and value_at(adaptive, 7) == 0.2
    assert value_at(SCHEDULE.validate_python(PAPER), 100) == 0.5


NUMBER = st.floats(-5, 5)
STEPS = st.integers(1, 500)


@st.composite
def ramps(draw: st.DrawFn) -> dict[str, Any]:
    kind = draw(st.sampled_from(["linear", "cosine", "sigmoid", "exponential"]))
    first = draw(st.integers(0, 500))
    more = {"sigmoid": {"steepness": st.floats(0.01, 100)}, "exponential": {"rate": st.floats(-50, 50)}}.get(
        kind, {}
    )
    law = {name: draw(values) for name, values in more.items()}
    return {
        "type": kind,
        "start": draw(NUMBER),
        "end": draw(NUMBER),
        "from_step": first,
        "to_step": first + draw(STEPS),
        **law,
    }


@st.composite
def points(draw: st.DrawFn) -> dict[str, Any]:
    steps = sorted(draw(st.sets(st.integers(0, 1000), min_size=1, max_size=6)))
    return {"type": "piecewise", "points": [[s, draw(NUMBER)] for s in steps]}


WAVES = st.builds(
    lambda low, high, period: {"type": "cyclic", "low": low, "high": high, "period": period},
    NUMBER,
    NUMBER,
    STEPS,
)
JUMPING = st.builds(
    lambda a, b, at: {"type": "step", "start": a, "end": b, "at_step": at}, NUMBER, NUMBER, STEPS
)
CONSTANT = st.builds(lambda value: {"type": "constant", "value": value}, NUMBER)
SMOOTH = st.one_of(CONSTANT, ramps(), points(), WAVES)


def warmed(kinds: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        kinds, st.builds(lambda steps, then: {"type": "warmup", "steps": steps, "then": then}, STEPS, kinds)
    )


@given(
    warmed(st.one_of(SMOOTH, JUMPING)),
    st.lists(st.floats(0, 2000), min_size=1, max_size=20),
    st.sampled_from([1, 0.01]),
)
def test_no_value_leaves_the_bounds(values: dict[str, Any], steps: list[float], near: float) -> None:
    made = SCHEDULE.validate_python(values)
    low, high = made.bounds()
    for step in (*steps, *(b + near for b in made.breakpoints())):
        assert low - 1e-9 <= made.value(step) <= high + 1e-9


@given(warmed(SMOOTH), st.lists(st.floats(0, 2000), min_size=1, max_size=20))
def test_all_but_the_jumps_are_continuous(values: dict[str, Any], steps: list[float]) -> None:
    made = SCHEDULE.validate_python(values)
    for step in (*steps, *made.breakpoints()):
        # The steepest is a sigmoid or exponential of one step: 10 x 50 a step.
        assert abs(made.value(step + 1e-6) - made.value(step)) < 1e-3


@given(warmed(st.one_of(SMOOTH, JUMPING)), st.integers(1, 1000), st.floats(0, 3000))
def test_a_curve_in_per_cents_is_the_same_curve(values: dict[str, Any], max_steps: int, step: float) -> None:
    given = SCHEDULE.validate_python({**values, "unit": "percent"})
    factor = max_steps / 100
    in_them = given.in_steps(max_steps)
    assert in_them.bounds() == pytest.approx(given.bounds())
    if (
        values["type"] != "step" and values.get("then", {}).get("type") != "step"
    ):  # rounding may put a step across a jump
        assert in_them.value(step * factor) == pytest.approx(given.value(step), abs=1e-6)


def test_every_schedule_is_in_the_table() -> None:
    assert {values["type"] for values, *_ in CASES} == set(SCHEDULES) and set(SCHEDULES) >= JUMPS
    for name, kind in SCHEDULES.items():
        assert kind.__doc__ and descriptions(kind).keys() >= kind.model_fields.keys() - {"type"}, name


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"type": "warmup", "steps": 5, "then": {"type": "linear", "unit": "percent", "start": 0, "end": 1, "from_step": 0,
          "to_step": 50}}, "give the unit once"),
        ({"type": "linear", "start": 0, "end": 1, "from_step": 0, "to_step": float("inf")}, "finite"),
        ({"type": "cyclic", "low": 0, "high": 1, "period": float("inf")}, "finite"),
    ],
)  # fmt: skip
def test_steps_that_mean_nothing_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SCHEDULES[values["type"]].model_validate(values)


def test_a_warm_up_in_percent_becomes_steps_with_what_follows() -> None:
    then = {"type": "linear", "unit": "percent", "start": 1.0, "end": 0.0, "from_step": 0, "to_step": 50}
    made = SCHEDULES["warmup"].model_validate(
        {"type": "warmup", "unit": "percent", "steps": 10, "then": then}
    )
    in_200 = in_steps(made, 200)
    assert [value_at(in_200, s) for s in (0, 10, 20, 70, 120, 200)] == [0.0, 0.5, 1.0, 0.5, 0.0, 0.0]
    assert TypeAdapter(Schedule).validate_python(in_200.model_dump(by_alias=True)) == in_200
