"""Charts that are gone on with from their new points say what they would say if they were made anew, and
keep less."""

import json
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.charts import base
from app.charts.overlay import overlay
from app.charts.run import single, weight_of
from app.charts.shown import View
from app.data import reads, run_charts
from app.live.chart_protocol import OVERLAP, Card, Had, Message, Said
from app.live.line_buffer import Grown, gone_on
from core.metrics.series import Series
from core.store.runs import queries
from core.store.steps import records
from tests.support.cards import card_of
from tests.support.grow import grow, growing

KEY = "reward/total"


def series(values: base.Floats, n: int, every: int = 1) -> Series:
    return Series(list(range(0, every * n, every)), values[:n].tolist())


def card(lines: Sequence[Series], weight: float, scale: float, before: Sequence[base.Trace] = ()) -> Card:
    """As app.charts.overlay makes it: each line, and behind it its average where there is one."""
    names = [f"run {k}" for k in range(len(lines))]
    values = {
        name: scale * np.asarray(line.values, dtype=float) for name, line in zip(names, lines, strict=True)
    }
    known = base.averages_of(before, values)
    averages = (
        base.smoothed_all(list(values.values()), weight, [known.get(name) for name in names])
        if weight
        else []
    )
    traces: list[base.Trace] = []
    for k, name in enumerate(names):
        x = lines[k].steps
        if weight:
            traces += base.raw_and(averages[k], name, x, values[name], "ink", weight)
        else:
            traces.append(base.line(name, x, values[name], "ink"))
    return base.card("A", traces, base.layout(1000), f"at {[len(line.steps) for line in lines]}")


@given(
    st.lists(st.lists(st.integers(0, 40), min_size=3, max_size=3), min_size=1, max_size=5),
    st.lists(st.integers(0, 1400), min_size=3, max_size=3),
    st.sampled_from([0.0, 0.8]),
    st.sampled_from([1.0, 100.0]),
    st.sampled_from([0.0, 0.0, 0.1, 0.9]),
    st.integers(0, 2**32 - 1),
)
def test_a_chart_that_was_gone_on_with_says_what_it_would_say_made_anew(
    more: list[list[int]], first: list[int], weight: float, scale: float, gaps: float, seed: int
) -> None:
    """Three lines that grow by themselves, some of them not, with gaps and numbers too large for float32."""
    rng = np.random.default_rng(seed)
    sizes = np.cumsum([first, *more], axis=0)
    values = rng.standard_cauchy((3, int(sizes.max()) + 1)) * 10.0 ** rng.integers(0, 9)
    values[rng.random(values.shape) < gaps] = np.nan
    anew: Message | None = None
    on: Said | None = None
    for at in sizes:
        lines = [series(v, int(n), every=k + 1) for k, (v, n) in enumerate(zip(values, at, strict=True))]
        made = card(lines, weight, scale, anew.card["traces"] if anew else ())
        anew = Message(made, str(at), "run", anew)
        grown = (
            gone_on(on, str(at), lines, {"alt": made["alt"]}, lambda made=made: made, scale, weight)
            if on
            else None
        )
        on = grown or anew
        assert on.lean == anew.lean and (on.epoch, on.frame, on.length) == (
            anew.epoch,
            anew.frame,
            anew.length,
        )
        assert (on.whole, on.tail, on.card) == (anew.whole, anew.tail, anew.card)


@pytest.mark.parametrize(
    ("before", "then", "weight", "goes_on", "why"),
    [
        (range(600), range(601), 0.8, True, "a step more"),
        (range(600), range(600), 0.8, True, "nothing new"),
        (range(600), range(632), 0.8, True, "as many as averages are gone on with"),
        (range(600), range(633), 0.8, False, "more: the average is made anew"),
        (range(600), range(640), 0.0, True, "more, and no average"),
        (range(500), range(501), 0.8, False, "wider buckets"),
        (range(600), range(599), 0.8, False, "steps were taken back"),
        (range(600), [*range(599), -1, -2], 0.8, False, "steps were taken back and made anew"),
        ([], range(1), 0.8, False, "the first point: there is no average yet"),
        ([], range(1), 0.0, True, "the first point"),
        (range(600), [*range(600), float("nan")], 0.8, False, "a gap, over which an average goes otherwise"),
        ([float("nan"), *range(600)], [float("nan"), *range(601)], 0.8, False, "a gap long ago"),
        (range(600), [*range(600), float("nan")], 0.0, True, "a gap, and no average"),
    ],
)
def test_what_does_not_simply_go_on_is_made_anew(
    before: Sequence[float], then: Sequence[float], weight: float, goes_on: bool, why: str
) -> None:
    one, two = (Series(range(len(v)), [float(x) for x in v]) for v in (before, then))
    message = Message(card([one], weight, 1.0), "1", "run")
    found = gone_on(message, "2", [two], {}, lambda: card([two], weight, 1.0), 1.0, weight)
    assert (found is not None) == goes_on, why


def test_two_that_go_on_from_the_same_message_do_not_mix() -> None:
    """Viewers at different steps ask in threads of their own: the second makes the chart anew."""
    lines = [Series(range(n), [float(k) for k in range(n)]) for n in (600, 601, 602, 603)]
    first = gone_on(
        Message(card([lines[0]], 0.8, 1.0), "600", "run"), "601", [lines[1]], {}, lambda: {}, weight=0.8
    )
    assert first is not None
    second = gone_on(first, "602", [lines[2]], {}, lambda: {}, weight=0.8)
    assert second is not None and gone_on(first, "603", [lines[3]], {}, lambda: {}, weight=0.8) is None
    assert gone_on(second, "603", [lines[3]], {}, lambda: {}, weight=0.8) is not None


def had(message: Said) -> Had:
    return Had(message.epoch, message.version, message.length, message.frame)


@pytest.mark.parametrize("view", [View(), View(smoothing=0.0), View(log=True)], ids=str)
def test_curves_of_runs_are_those_of_the_database_at_every_look(sqlite: Path, view: View) -> None:
    """Two runs at their own pace; one takes steps back within its attempt, and goes on."""
    reads.forget_all()  # runs of other tests have the same numbers
    ids = growing(["hard", "hybrid"], max_steps=900)
    for run_id, last in zip(ids, (620, 40), strict=True):
        grow(run_id, 0, last)
    went_on = []
    for k in range(1, 9):
        if k == 5:
            records.rewind(ids[0], 1, 600)
        if k < 5:
            grow(ids[0], 620 + k, 620 + k)
        else:  # thirty steps at a time: the run is further at once than it was
            for step in range(601 + 30 * (k - 5), 631 + 30 * (k - 5)):
                records.write_step(ids[0], 1, records.StepRecord(step=step, metrics={KEY: -5.0}))
        if k % 2:
            grow(ids[1], 41 + k // 2, 41 + k // 2)
        reads.forget_runs()
        found = run_charts.overlay(tuple(ids), (KEY, "eval/accuracy"), KEY, view, 200)
        went_on.append(isinstance(found, Grown))
        stored = {run_id: queries.series(run_id)[KEY] for run_id in ids}
        fresh = overlay(queries.rows(ids), stored, KEY, 200, view=view)
        assert found.card["alt"] == fresh["alt"]
        for one, other in zip(found.card["traces"], fresh["traces"], strict=True):
            assert (one["name"], one["x"].tolist()) == (other["name"], other["x"].tolist())
            np.testing.assert_allclose(one["y"], other["y"], rtol=1e-12)
        (size,) = struct.unpack_from("<I", found.lean)
        assert json.loads(found.lean[4 : 4 + size])["card"]["alt"] == fresh["alt"]
    # On a log axis below zero nothing can stand, which the card says: it is made anew.
    assert went_on == ([False] * 8 if view.log else [False, True, True, True, False, True, True, True]), (
        went_on
    )


def test_a_chart_of_runs_is_gone_on_with_and_keeps_no_points(sqlite: Path) -> None:
    reads.forget_all()
    ids = growing(["hard", "hybrid"], max_steps=9000)
    for run_id in ids:
        grow(run_id, 0, 3000)

    def now() -> Said:
        reads.forget_runs()
        return run_charts.overlay(tuple(ids), (KEY,), KEY, View(), 200)

    first, *_ = messages = [now()]
    for step in range(3001, 3031):
        for run_id in ids:
            grow(run_id, step, step)
        messages.append(message := now())
        assert isinstance(message, Grown)
        for before in messages[-1 - OVERLAP : -1]:  # who missed so many steps still goes on
            assert message.since(had(before)) == message.lean
    assert isinstance(first, Message) and first.points == 4 * 3000 and message.points < 4 * 540
    assert len(message.card["traces"][0]["y"]) == 3030, "who asks for all of it gets all of it"


@pytest.mark.parametrize("key", [KEY, "signal/dead_groups", "eval/accuracy", "weight/closeness"])
@pytest.mark.parametrize("view", [View(), View(log=True), View(over="tokens")], ids=str)
def test_a_chart_of_one_metric_says_what_it_would_say_made_anew(sqlite: Path, key: str, view: View) -> None:
    reads.forget_all()
    (run_id,) = growing(max_steps=2000)
    grow(run_id, 0, 1201)
    messages, known = [], 1201
    for step in (1201, 1202, 1203, 1210):
        grow(run_id, known + 1, step)  # none at first
        known = step
        reads.forget_runs()
        messages.append(run_charts.single(run_id, view, key))
    fresh = Message(single(run_charts.shown(reads.run_detail(run_id), view), key))
    found = card_of(messages[-1].whole)
    assert [isinstance(m, Grown) for m in messages] == [False, *[view == View()] * 3]
    for k, v in card_of(fresh.whole).items():
        if k != "traces":
            assert found[k] == v, k
    for one, other in zip(found["traces"], fresh.card["traces"], strict=True):
        np.testing.assert_allclose(one["y"][-1], other["y"][-1], rtol=1e-6)
    lean = card_of(messages[-1].lean)
    assert (lean["now"], lean["alt"]) == (fresh.card["now"], fresh.card["alt"])


def test_only_what_is_measured_at_each_step_has_an_average() -> None:
    assert [weight_of(k, View()) for k in (KEY, "eval/accuracy", "weight/closeness", "blend/hard")] == [
        0.8,
        0.0,
        0.0,
        0.0,
    ]
