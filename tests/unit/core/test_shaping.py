"""Statistics inside groups against plain loops; every shaping by hand; what shapings leave alone and what
they remember."""

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from core.common.config_model import descriptions
from core.common.groups import FloatArray, Groups
from core.rewards.components.step_scores import clip_steps, delta_steps
from core.rewards.shaping import SHAPINGS, Shaping

NAN = math.nan
SHAPING: TypeAdapter[Any] = TypeAdapter(Shaping)


def shape(
    values: dict[str, Any], raw: Any, labels: Any = None, state: dict[str, Any] | None = None
) -> FloatArray:
    raw = np.asarray(raw, dtype=float)
    groups = Groups.one(len(raw)) if labels is None else Groups.of(np.asarray(labels))
    found: FloatArray = SHAPING.validate_python(values).apply(raw, groups, {} if state is None else state)
    return found


LABELS = st.lists(st.integers(0, 3), min_size=1, max_size=12)  # in any order: groups need not lie together
# few values, so that ties are common
VALUE = st.one_of(st.integers(-20, 20).map(lambda v: v / 4), st.just(NAN))
STATISTICS: dict[str, Callable[[list[float]], float]] = {
    "sum": sum,
    "known": len,
    "mean": lambda v: sum(v) / len(v) if v else NAN,
    "std": lambda v: (
        math.sqrt(sum((x - sum(v) / len(v)) ** 2 for x in v) / (len(v) - 1)) if len(v) > 1 else 0.0
    ),
    "low": lambda v: min(v, default=NAN),
    "high": lambda v: max(v, default=NAN),
}


@given(LABELS, st.data())
def test_group_statistics_equal_a_loop(labels: list[int], data: st.DataObject) -> None:
    values = data.draw(st.lists(VALUE, min_size=len(labels), max_size=len(labels)))
    groups = Groups.of(np.array(labels))
    order = list(dict.fromkeys(labels))  # groups are counted in the order in which they first appear
    members = {g: [i for i, label in enumerate(labels) if label == g] for g in order}
    assert [rows.tolist() for rows in groups.members()] == [members[g] for g in order]
    assert groups.count == len(order) and [order[i] for i in groups.index] == labels
    inside = [[values[i] for i in members[g] if not math.isnan(values[i])] for g in order]
    for name, naive in STATISTICS.items():
        found = getattr(groups, name)(np.array(values))
        assert found.tolist() == pytest.approx([naive(v) for v in inside], nan_ok=True), name
    means = [STATISTICS["mean"](inside[order.index(g)]) for g in labels]
    assert groups.spread_out(groups.mean(np.array(values))).tolist() == pytest.approx(means, nan_ok=True)
    centred = [v - m for v, m in zip(values, means, strict=True)]
    assert groups.center(np.array(values)).tolist() == pytest.approx(centred, nan_ok=True)
    ranks = [
        NAN if math.isnan(v) else sum(o < v for o in others) + (sum(o == v for o in others) - 1) / 2
        for v, others in zip(values, (inside[order.index(g)] for g in labels), strict=True)
    ]
    assert groups.rank(np.array(values)).tolist() == pytest.approx(ranks, nan_ok=True)


def test_groups_of_nothing_and_of_the_batch() -> None:
    for empty in (Groups.of(np.zeros(0, dtype=np.int64)), Groups.one(0)):
        assert empty.count == 0 and empty.members() == []
        for name in (*STATISTICS, "center", "rank"):
            assert getattr(empty, name)(np.zeros(0)).tolist() == []
    assert Groups.one(3).mean(np.array([1.0, 2, NAN])).tolist() == [1.5]


def test_a_spread_far_from_nought_keeps_its_digits() -> None:
    """A one-pass variance of these is float dust."""
    assert Groups.one(2).std(np.array([1e9, 1e9 + 1])).tolist() == pytest.approx([math.sqrt(0.5)])


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


# shaping, raw, shaped; one group
CASES: list[tuple[dict[str, Any], list[float], list[float]]] = [
    ({"type": "plain"}, [0.3, NAN, -7], [0.3, NAN, -7]),
    ({"type": "clip"}, [-1, 0.4, 2, NAN], [0, 0.4, 1, NAN]),
    ({"type": "clip", "low": -0.5, "high": 0.25}, [-1, 0.4, 0], [-0.5, 0.25, 0]),
    ({"type": "affine", "scale": -2, "shift": 1}, [0, 1, NAN], [1, -1, NAN]),
    ({"type": "centered_sigmoid"}, [0, 1, NAN], [0.5, sigmoid(1), NAN]),
    ({"type": "centered_sigmoid", "k": 4, "reference": 0.5}, [0.5, 1, 0], [0.5, sigmoid(2), sigmoid(-2)]),
    ({"type": "centered_sigmoid", "k": 1e6}, [-1, 1], [0, 1]),  # no overflow
    ({"type": "tanh"}, [0, 1, NAN], [0, math.tanh(1), NAN]),
    ({"type": "tanh", "k": 2, "reference": 1}, [1, 2], [0, math.tanh(2)]),
    (
        {"type": "zscore"},
        [1, 2, 3, NAN],
        [-math.sqrt(1.5), 0, math.sqrt(1.5), NAN],
    ),  # the variance is 2/3: divided by 3
    ({"type": "zscore"}, [1, 2], [-1, 1]),  # PAR's; divided by one less it would be 0.707
    ({"type": "zscore"}, [0] * 99 + [1], [-0.1 / math.sqrt(0.99)] * 99 + [5]),  # 9.95 without our bound
    ({"type": "zscore", "bound": 0.5}, [1, 2, 3], [-0.5, 0, 0.5]),
    ({"type": "zscore"}, [7], [0]),  # one value has no spread
    ({"type": "zscore"}, [0.1, 0.1, 0.1], [0, 0, 0]),  # float dust is no spread
    ({"type": "zscore"}, [NAN, NAN], [NAN, NAN]),
    ({"type": "min_max"}, [2, 4, 3, NAN], [0, 1, 0.5, NAN]),
    ({"type": "min_max"}, [4, 4, NAN], [0.5, 0.5, NAN]),  # all are equal
    ({"type": "min_max"}, [NAN, 9], [NAN, 0.5]),
    ({"type": "min_max"}, [0.1 + 0.2, 0.3], [0.5, 0.5]),  # rounding is no spread
    ({"type": "min_max"}, [0, 1e-7], [0, 1]),  # but little is
    ({"type": "min_max"}, [1e9 * (0.1 + 0.2), 1e9 * 0.3], [0.5, 0.5]),  # in large numbers rounding is large
    ({"type": "rank"}, [5, -1, 100, NAN], [0.5, 0, 1, NAN]),
    ({"type": "rank"}, [3, 1, 3, 3, 9], [0.5, 0, 0.5, 0.5, 1]),  # ties share their mean place
    ({"type": "rank"}, [4, 4], [0.5, 0.5]),
    ({"type": "rank"}, [NAN, 9], [NAN, 0.5]),  # alone: the middle
]


@pytest.mark.parametrize(("values", "raw", "expected"), CASES)
def test_shaped(values: dict[str, Any], raw: list[float], expected: list[float]) -> None:
    assert shape(values, raw).tolist() == pytest.approx(expected, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("name", ["min_max", "rank"])
def test_groups_are_shaped_apart(name: str) -> None:
    assert shape({"type": name}, [1, 10, 3, 30, 2], labels=[7, 5, 7, 5, 6]).tolist() == [0, 0, 1, 1, 0.5]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"type": "clip", "low": 1, "high": 1}, "low 1 must be below high 1"),
        ({"type": "tanh", "k": 0}, "greater than 0"),
        ({"type": "affine", "scale": float("inf")}, "finite number"),
        ({"type": "softmax"}, "does not match any of the expected tags"),
    ],
)
def test_bad_shapings_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SHAPING.validate_python(values)


RAW = st.lists(VALUE, min_size=8, max_size=8)
EIGHT = [0, 0, 1, 1, 0, 0, 1, 1]


@pytest.mark.parametrize("name", sorted(SHAPINGS))
@given(raw=RAW)
def test_what_does_not_apply_passes_through_and_nothing_else_becomes_it(name: str, raw: list[float]) -> None:
    assert np.isnan(shape({"type": name}, raw, EIGHT)).tolist() == np.isnan(raw).tolist()


@pytest.mark.parametrize("name", sorted(SHAPINGS))
@given(raw=RAW)
def test_a_sample_that_does_not_apply_changes_no_other(name: str, raw: list[float]) -> None:
    with_it = shape({"type": name}, [*raw, NAN, NAN], [*EIGHT, 0, 2])
    np.testing.assert_allclose(with_it[:8], shape({"type": name}, raw, EIGHT))


@pytest.mark.parametrize("name", sorted(set(SHAPINGS) - {"affine"}))
@given(raw=RAW)
def test_no_shaping_turns_an_order_round(name: str, raw: list[float]) -> None:
    found, values = shape({"type": name}, raw), np.array(raw)
    order = np.argsort(values)[: int((~np.isnan(values)).sum())]
    assert (np.diff(found[order]) >= -1e-12).all()


@given(RAW, st.floats(0.5, 20), st.floats(-50, 50))
def test_rank_sees_only_the_order_and_min_max_no_unit(raw: list[float], scale: float, shift: float) -> None:
    values = np.array(raw)
    rank, moved = shape({"type": "rank"}, values, EIGHT), scale * values + shift
    for monotone in (moved, values**3, np.exp(values), np.arctan(values)):
        np.testing.assert_allclose(shape({"type": "rank"}, monotone, EIGHT), rank)
    stretched = shape({"type": "min_max"}, values, EIGHT)
    np.testing.assert_allclose(shape({"type": "min_max"}, moved, EIGHT), stretched, atol=1e-9)


@given(st.lists(RAW, min_size=2, max_size=4))
def test_the_running_zscore_of_batches_is_that_of_all_samples_at_once(batches: list[list[float]]) -> None:
    state: dict[str, Any] = {}
    for raw in batches:
        found = shape({"type": "zscore", "bound": 100.0}, raw, state=state)
    whole: dict[str, Any] = {}
    at_once = shape({"type": "zscore", "bound": 100.0}, np.concatenate(batches), state=whole)
    assert state == pytest.approx(whole)
    np.testing.assert_allclose(found, at_once[-8:], atol=1e-6)


@given(RAW, RAW, RAW)
def test_the_running_zscore_goes_on_from_json_to_the_last_bit(
    first: list[float], second: list[float], third: list[float]
) -> None:
    state: dict[str, Any] = {}
    shape({"type": "zscore"}, first, state=state)
    kept = json.loads(json.dumps(state))
    for raw in (second, third):
        found = shape({"type": "zscore"}, raw, state=kept)
        np.testing.assert_array_equal(found, shape({"type": "zscore"}, raw, state=state))


def test_only_the_zscore_remembers() -> None:
    for name in SHAPINGS:
        state: dict[str, Any] = {}
        shape({"type": name}, [1.0, 2.0], state=state)
        assert bool(state) == SHAPING.validate_python({"type": name}).stateful == (name == "zscore")


@pytest.mark.parametrize(
    ("steps", "clipped", "delta"),
    [
        ([0.9, 0.2, 0.5, 0.7], [0, -0.3, 0, 0], [0.7, -0.3, 0.5, 0]),  # clip at 0.5
        ([0.9, 0.2], [0, -0.3], [0.9, 0]),
        ([0.2], [-0.3], [0]),  # the last step earns nothing
        ([], [], []),
    ],
)
def test_clip_and_delta(steps: list[float], clipped: list[float], delta: list[float]) -> None:
    assert clip_steps(np.array(steps), 0.5).tolist() == pytest.approx(clipped)
    assert delta_steps(np.array(steps)).tolist() == pytest.approx(delta)


@given(st.lists(st.floats(0, 1, width=16), min_size=2, max_size=12), st.floats(0, 1))
def test_the_return_from_a_step_telescopes_to_its_own_reward(steps: list[float], eta: float) -> None:
    for rewards in (np.array(steps), clip_steps(np.array(steps), eta)):
        returns = delta_steps(rewards)[::-1].cumsum()[::-1]
        assert returns[:-1].tolist() == pytest.approx(rewards[:-1].tolist(), abs=1e-9)


@given(st.lists(st.floats(0, 1, width=16), min_size=2, max_size=8), st.integers(1, 20))
def test_repeating_a_step_gains_nothing(steps: list[float], times: int) -> None:
    repeated = [steps[0]] * times + steps
    assert delta_steps(np.array(repeated)).sum() == pytest.approx(
        delta_steps(np.array(steps)).sum(), abs=1e-9
    )
    more, once = clip_steps(np.array(repeated), 0.3).sum(), clip_steps(np.array(steps), 0.3).sum()
    # and costs, when it is poor; NumPy adds eight and more numbers in another order
    assert more <= once + 1e-12


def test_every_shaping_is_in_the_table() -> None:
    assert {values["type"] for values, *_ in CASES} == set(SHAPINGS)
    for name, kind in SHAPINGS.items():
        assert kind.__doc__ and descriptions(kind).keys() >= kind.model_fields.keys() - {"type"}, name
