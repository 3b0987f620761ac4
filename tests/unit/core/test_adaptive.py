"""Adaptive schedules: when they switch, how fast they move, and that a kept state goes on as if never
interrupted."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.config.parsing import parse
from core.rewards.adaptive import Adaptive, AdaptiveState, Signals
from core.rewards.batch import RolloutBatch, ScoredBatch
from core.rewards.engine import RewardEngine, signals_of
from core.rewards.mix import Mix
from tests.support.samples import CONTINUOUS, HARD, HYBRID, batch

# By default the value moves 0.1 a step and the signal is not averaged.
PLAIN = {"signal": "accuracy", "threshold": 0.5, "rate": 0.1, "hysteresis": 0.2, "memory": 0.0}


def states(values: dict[str, Any], seen: list[float | None]) -> list[AdaptiveState]:
    """The states after each step of a run whose watched signal was this."""
    made = Adaptive.model_validate({**PLAIN, **values})
    name = "accuracy" if made.signal == "plateau" else made.signal
    state, found = made.begin(), []
    for value in seen:
        state = made.advance(state, Signals(**{name: value}))
        found.append(state)
    return found


@pytest.mark.parametrize(
    ("values", "seen", "on"),
    [
        ({}, [0.4, 0.5, 0.51], [False, False, True]),  # at the threshold it is still off
        ({}, [0.6, 0.4, 0.31, 0.3], [True, True, True, False]),  # off only 0.2 below it
        ({}, [0.6, 0.2, 0.4, 0.6], [True, False, False, True]),  # and on again above it
        ({"hysteresis": 0}, [0.6, 0.5, 0.6], [True, False, True]),
        ({"memory": 0.5}, [0.0, 0.9, 0.9], [False, False, True]),  # means 0, 0.45, 0.675
        ({"memory": 0.5}, [0.9, 0.0, 0.0], [True, True, False]),  # means 0.9, 0.45, 0.225
        ({"signal": "spread"}, [0.6], [True]),
        ({"signal": "dead_groups"}, [0.6], [True]),
        ({"signal": "kl", "threshold": 3.0}, [2.9, 3.1], [False, True]),
        # below: the spread falls under the threshold, and comes back by more than the hysteresis
        (
            {"signal": "spread", "threshold": 0.3, "when": "below", "hysteresis": 0.1},
            [0.5, 0.2, 0.35, 0.45],
            [False, True, True, False],
        ),
        # plateau: three steps without a rise of 0.2 above the best
        ({"signal": "plateau", "threshold": 3}, [0.1, 0.2, 0.2, 0.2], [False, False, False, True]),
        (
            {"signal": "plateau", "threshold": 3},
            [0.1, 0.2, 0.2, 0.5, 0.5, 0.5],
            [False] * 6,
        ),  # it rose in time
        (
            {"signal": "plateau", "threshold": 3},
            [0.5, 0.1, 0.1, 0.1],
            [False, False, False, True],
        ),  # falling is no rise
        (
            {"signal": "plateau", "threshold": 1},
            [0.1, 0.1, 0.9],
            [False, True, False],
        ),  # a rise switches it off
    ],
)
def test_when_it_switches(values: dict[str, Any], seen: list[float | None], on: list[bool]) -> None:
    assert [s.on for s in states(values, seen)] == on


@pytest.mark.parametrize(
    ("values", "seen", "expected"),
    [
        ({}, [0.6, 0.6, 0.6], [0.1, 0.2, 0.3]),  # at most `rate` a step
        ({"rate": 0.4}, [0.6] * 4, [0.4, 0.8, 1.0, 1.0]),  # and not past its end
        ({"start": 0.9, "end": 0.2, "rate": 0.3}, [0.6] * 4, [0.6, 0.3, 0.2, 0.2]),  # the other direction
        ({}, [0.4, 0.4], [0.0, 0.0]),  # below the threshold it stands
        ({}, [0.6, 0.6, 0.1, 0.1], [0.1, 0.2, 0.2, 0.2]),  # switched off, it stays where it is
        ({"returns": True}, [0.6, 0.6, 0.1, 0.1, 0.1], [0.1, 0.2, 0.1, 0.0, 0.0]),  # or goes back
        ({"returns": True}, [0.6, 0.4, 0.4], [0.1, 0.2, 0.3]),  # between the thresholds it goes on
        ({}, [None, 0.6, None, 0.6], [0.0, 0.1, 0.1, 0.2]),  # a step that was not measured counts for nothing
    ],
)
def test_how_it_moves(values: dict[str, Any], seen: list[float | None], expected: list[float]) -> None:
    assert [s.value for s in states(values, seen)] == pytest.approx(expected)


@pytest.mark.parametrize("signal", ["accuracy", "spread", "dead_groups", "plateau", "kl"])
def test_an_unmeasured_signal_leaves_the_state(signal: str) -> None:
    made = Adaptive.model_validate({**PLAIN, "signal": signal})
    state = AdaptiveState(0.3, mean=0.6, best=0.7, still=2, on=True)
    watched = "accuracy" if signal == "plateau" else signal
    others = {"accuracy": 0.9, "spread": 0.9, "dead_groups": 0.9, "kl": 0.9} | {watched: None}
    assert made.advance(state, Signals(**others)) is state
    assert made.advance(state, Signals(**{watched: float("nan")})) is state


SIGNAL = st.sampled_from(["accuracy", "spread", "dead_groups", "plateau", "kl"])
SEEN = st.lists(st.one_of(st.none(), st.floats(0, 1)), max_size=30)


@given(
    signal=SIGNAL, seen=SEEN, start=st.floats(-2, 2), end=st.floats(-2, 2), rate=st.floats(1e-3, 3), returns=st.booleans(),
    memory=st.floats(0, 0.99), hysteresis=st.floats(0, 0.5), threshold=st.floats(0, 3), cut=st.integers(0, 30),
)  # fmt: skip
def test_it_keeps_its_bounds_and_its_rate_and_a_kept_state_goes_on(
    seen: list[float | None], cut: int, **values: Any
) -> None:
    if values["start"] == values["end"]:
        values["end"] += 1.0
    made = Adaptive.model_validate(values)
    low, high = made.bounds()
    before = made.begin().value
    assert before == made.value(7) == values["start"]
    found = states(values, seen)
    for state in found:
        assert low - 1e-12 <= state.value <= high + 1e-12
        assert abs(state.value - before) <= made.rate + 1e-12
        before = state.value
    if cut < len(found):
        kept = AdaptiveState(**json.loads(json.dumps(found[cut].to_json())))
        name = "accuracy" if made.signal == "plateau" else made.signal
        for value, expected in zip(seen[cut + 1 :], found[cut + 1 :], strict=True):
            kept = made.advance(kept, Signals(**{name: value}))
            assert kept == expected


MIX = {
    "blend": {
        "type": "adaptive",
        "signal": "accuracy",
        "threshold": 0.4,
        "rate": 0.13,
        "memory": 0.7,
        "returns": True,
    },
    "terms": [
        *HARD,
        {**CONTINUOUS[0], "shaping": {"type": "zscore"}},
        {
            **CONTINUOUS[1],
            "weight": {"type": "adaptive", "signal": "plateau", "threshold": 2, "start": 0.2, "end": 0.9},
        },
        {
            "component": "format",
            "side": "always",
            "weight": {"type": "cyclic", "low": 0, "high": 1, "period": 5},
        },
    ],
}


def run_of(batches: list[RolloutBatch], cut: int | None = None) -> tuple[RewardEngine, list[ScoredBatch]]:
    """A run over these batches; after `cut` of them it ends, and another engine goes on from what was kept."""
    engine, scored = RewardEngine(parse(Mix, MIX)), []
    for step, samples in enumerate(batches):
        if step == cut:
            kept = json.dumps(engine.state())
            engine = RewardEngine(parse(Mix, MIX))
            engine.restore(json.loads(kept))
        scored.append(engine.score(samples, step + 1))
        engine.observe(signals_of(samples, scored[-1]))
    return engine, scored


TEXTS = st.lists(st.sampled_from(["#### 72", "#### 70", "#### 60", "so 72", "none"]), min_size=8, max_size=8)


@settings(max_examples=25)
@given(st.lists(TEXTS, min_size=10, max_size=10), st.integers(0, 10))
def test_a_restored_run_is_the_run_never_interrupted(texts: list[list[str]], cut: int) -> None:
    batches = [batch(t, group_size=4, mean_nll=np.arange(8) / 7) for t in texts]
    engine, whole = run_of(batches)
    restored, again = run_of(batches, cut)
    for one, other in zip(whole, again, strict=True):  # to the last bit
        assert one.blend == other.blend
        np.testing.assert_array_equal(one.shaped, other.shaped)
        np.testing.assert_array_equal(one.total, other.total)
        np.testing.assert_array_equal(one.advantage, other.advantage)
    assert engine.state() == restored.state() and engine.adapted == restored.adapted


def test_the_blend_follows_the_run() -> None:
    right, wrong = batch(["#### 72"] * 4), batch(["none"] * 4)
    _, scored = run_of([wrong, right, right, right, wrong, wrong, wrong, wrong])
    # means of accuracy 0, .3, .51, .657, .46, .322, .225: on after the third, off after the sixth
    assert [s.blend for s in scored] == pytest.approx([0, 0, 0, 0.13, 0.26, 0.39, 0.26, 0.13])
    engine = RewardEngine(parse(Mix, MIX))
    assert engine.observe(Signals(accuracy=0.9)) == ["blend"]  # the names of those that switched
    assert engine.observe(Signals(accuracy=0.9)) == []


def test_signals_of_a_step() -> None:
    samples = batch(["#### 72", "#### 72", "#### 72", "none", "none", "none", "none", "none"], group_size=4)
    scored = RewardEngine(parse(Mix, {"terms": HARD})).score(samples, 1)
    # stds 0.5 and 0
    assert signals_of(samples, scored) == Signals(accuracy=0.375, spread=0.25, dead_groups=0.5)


def test_an_evaluation_is_seen_once_however_often_a_run_goes_on_from_it() -> None:
    """Stopped during the evaluation of step 10, made up after the resume, killed, resumed again: KL was
    seen once."""
    blend = {"type": "adaptive", "signal": "kl", "threshold": 0.5, "rate": 0.25, "memory": 0.0}
    made = RewardEngine(parse(Mix, {**HYBRID, "blend": blend}))
    made.observe_evaluation(0.9, 10)
    assert made.adapted["blend"] == 0.25
    made.observe_evaluation(0.9, 10)
    assert made.adapted["blend"] == 0.25
    again = RewardEngine(made.mix)
    again.restore(json.loads(json.dumps(made.state())))
    again.observe_evaluation(0.9, 10)
    assert again.adapted["blend"] == 0.25
    before = RewardEngine(made.mix)  # the checkpoint was written before the evaluation: it is seen now
    before.observe_evaluation(0.9, 10)
    assert before.state() == again.state()
