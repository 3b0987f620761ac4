"""Settings that differ: each is named once."""

from typing import Any

import pytest

from core.common.config_diff import differing

LINEAR = {"type": "linear", "start": 0.0}


@pytest.mark.parametrize(
    ("one", "other", "wanted"),
    [
        ({"blend": None}, {"blend": LINEAR}, {"blend.type": (None, "linear"), "blend.start": (None, 0.0)}),
        (
            {"weight": 1.0},
            {"weight": {"type": "linear"}},
            {"weight": (1.0, None), "weight.type": (None, "linear")},
        ),
        ({"blend": None}, {"blend": None, "blender": 1}, {"blender": (None, 1)}),
        ({"beta": None}, {"beta": 0.1}, {"beta": (None, 0.1)}),
        ({"beta": 0.1}, {"beta": 0.1}, {}),
    ],
)
def test_what_differs_is_named_once(
    one: dict[str, Any], other: dict[str, Any], wanted: dict[str, Any]
) -> None:
    found = differing({"a": {"mix": one}, "b": {"mix": other}})
    assert {path: tuple(values.values()) for path, values in found.items()} == {
        f"mix.{p}": v for p, v in wanted.items()
    }
