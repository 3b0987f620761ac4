"""Schedules: values at and around their breakpoints, and continuity where they claim it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from core.schedule import SCHEDULES, Schedule, value_at

SCHEDULE: TypeAdapter[Any] = TypeAdapter(Schedule)
PAPER = {"type": "linear", "start": 0.0, "end": 1.0, "from_step": 50, "to_step": 150}
POINTS = {"type": "piecewise", "points": [[10, 1.0], [20, 0.0], [30, 0.5]]}


@pytest.mark.parametrize(
    ("values", "step", "expected"),
    [
        ({"type": "constant", "value": 0.3}, 7, 0.3),
        (PAPER, 0, 0.0),
        (PAPER, 50, 0.0),  # the ramp begins here
        (PAPER, 100, 0.5),
        (PAPER, 150, 1.0),
        (PAPER, 10_000, 1.0),
        ({**PAPER, "start": 1.0, "end": 0.0}, 75, 0.75),  # the other direction
        (POINTS, 0, 1.0),  # flat before the first point
        (POINTS, 10, 1.0),
        (POINTS, 15, 0.5),
        (POINTS, 25, 0.25),
        (POINTS, 99, 0.5),  # flat after the last
        ({"type": "piecewise", "points": [[5, 0.7]]}, 1, 0.7),  # one point is a constant
    ],
)
def test_value(values: dict[str, Any], step: float, expected: float) -> None:
    assert SCHEDULE.validate_python(values).value(step) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({**PAPER, "to_step": 50}, "to_step 50 must be above from_step 50"),
        ({"type": "piecewise", "points": [[5, 0], [5, 1]]}, "steps must rise"),
        ({"type": "piecewise", "points": []}, "at least 1 item"),
        ({"type": "sigmoid"}, "does not match any of the expected tags"),
        ({"type": "constant", "value": float("nan")}, "finite number"),
    ],
)
def test_bad_schedules_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SCHEDULE.validate_python(values)


@given(st.lists(st.tuples(st.integers(0, 1000), st.floats(-5, 5)), min_size=1, max_size=6, unique_by=lambda p: p[0]))
def test_piecewise_is_continuous_and_within_its_points(points: list[tuple[int, float]]) -> None:
    made = SCHEDULE.validate_python({"type": "piecewise", "points": sorted(points)})
    low, high = min(v for _, v in points), max(v for _, v in points)
    for step, value in points:
        assert made.value(step) == pytest.approx(value)
        assert made.value(step + 1e-7) == pytest.approx(made.value(step - 1e-7), abs=1e-5)
        assert low - 1e-9 <= made.value(step + 0.37) <= high + 1e-9


def test_a_weight_is_a_number_or_a_schedule() -> None:
    assert value_at(0.4, 7) == 0.4
    assert value_at(SCHEDULE.validate_python(PAPER), 100) == 0.5


def test_every_schedule_has_a_value_and_breakpoints() -> None:
    for name, kind in SCHEDULES.items():
        assert kind.__doc__ and kind.value is not None and "breakpoints" in dir(kind), name
