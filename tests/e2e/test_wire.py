"""Charts as bytes: the browser makes of them what was sent, whole or by tails, and notices what is lost."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Page

from app.charts import base
from app.charts.overlay import overlay
from app.charts.shown import View
from app.data.shared_cache import Memo
from app.elements import HERE
from app.live import chart_protocol
from app.live.series_cache import SeriesStore
from core.store.runs import claims, queries
from core.store.steps import records
from tests.support.browser import browser, chromium
from tests.support.grow import grow, growing

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on PATH: install Debian's `chromium`")
# Feeds messages to elements/wire.js one by one, and says what it made of the last, and of each whether it was
# lost.
FEED = """(messages) => {
  let now, lost = [], fresh = [];
  for (const m of messages) {
    const got = receive(now, Uint8Array.from(atob(m), (c) => c.charCodeAt(0)));
    now = got.now; lost.push(!!got.lost); fresh.push(!!got.fresh);
  }
  return { lost, fresh, traces: now?.card.traces.map((t) => ({ ...t, x: [...t.x], y: [...t.y] })), title: now?.card.title };
}"""


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as made:
        opened = made.new_page()
        opened.add_script_tag(content=(HERE / "wire.js").read_text())
        yield opened


def feed(page: Page, *messages: bytes) -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(FEED, [base64.b64encode(m).decode() for m in messages])
    return found


def line(n: int, seed: int = 0, **more: Any) -> chart_protocol.Card:
    values = np.random.default_rng(seed).random(5000)
    trace = base.line("a", np.arange(n), values[:n], "ink", **more)
    return base.card("A <b>title</b>", [trace], base.layout(n), "alt", 180)


def drawn(found: dict[str, Any], n: int = 0) -> tuple[list[float], list[float]]:
    return found["traces"][n]["x"], found["traces"][n]["y"]


@pytest.mark.parametrize(
    "lengths",
    [(3, 3), (0, 5), (20, 21, 22), (400, 416), (900, 901, 916), (3000, 3016)],
    ids=[
        "nothing new",
        "from nothing",
        "step by step",
        "a gap that fits",
        "thinned",
        "thinned, a gap that fits",
    ],
)
def test_tails_make_the_same_line_as_the_whole(page: Page, lengths: tuple[int, ...]) -> None:
    messages = [chart_protocol.Message(line(n), f"v{n}", "run") for n in lengths]
    joined = feed(page, messages[0].whole, *(m.tail for m in messages[1:]))
    whole = feed(page, messages[-1].whole)
    lean = feed(page, messages[0].whole, *(m.lean for m in messages[1:]))
    assert lean == joined
    assert not any(joined["lost"]) and drawn(joined) == drawn(whole)
    assert len(drawn(whole)[0]) <= 500 and whole["title"] == "A <b>title</b>"


@pytest.mark.parametrize(
    ("have", "then", "why"),
    [
        (line(20), (line(400), "run"), "a gap longer than a tail"),
        (line(400), (line(410, seed=1), "run"), "another line under the same name"),
        (line(400), (line(410), "other run"), "another history"),
        (line(495), (line(505), "run"), "wider buckets"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_a_tail_that_does_not_fit_is_noticed(
    page: Page, have: chart_protocol.Card, then: tuple[chart_protocol.Card, str], why: str
) -> None:
    first, next_ = chart_protocol.Message(have, "1", "run"), chart_protocol.Message(then[0], "2", then[1])
    found = feed(page, first.whole, next_.tail)
    assert found["lost"] == [False, True], why
    assert drawn(found) == drawn(feed(page, first.whole)), "what is there stays until the whole comes"
    assert drawn(feed(page, first.whole, next_.tail, next_.whole)) == drawn(feed(page, next_.whole))


def test_both_halves_of_a_stack_keep_the_same_points(page: Page) -> None:
    """A label of one step says each term once, by the half that holds its value."""
    steps, values = np.arange(1200), np.random.default_rng(0).normal(0.3, 1.0, (2, 1200))
    traces = [t for k, name in enumerate("ab") for t in base.signed_area(name, steps, values[k], "c1")]
    card = base.card("Contributions", traces, base.layout(1200), "alt")
    found = feed(page, chart_protocol.Message(card, "1", "run").whole)
    xs = [drawn(found, n)[0] for n in range(4)]
    assert len(xs[0]) < 1000 and all(x == xs[0] for x in xs)


def test_a_dip_of_one_layer_in_a_stack_whose_sum_never_changes_is_drawn(page: Page) -> None:
    steps, hard = np.arange(1200), np.ones(1200)
    hard[777] = 0.0
    traces = [base.area("hard", steps, hard, "c1"), base.area("continuous", steps, 1 - hard, "c2")]
    found = feed(
        page, chart_protocol.Message(base.card("Blend", traces, base.layout(1200), "alt"), "1", "run").whole
    )
    assert 777 in drawn(found)[0] and min(drawn(found)[1]) == 0.0


def test_a_browser_is_sent_what_it_lacks_and_nothing_else() -> None:
    """What it says that it has decides; a browser that has something else altogether starts anew."""
    older, newer = (chart_protocol.Message({**line(n), "layout": {}}, str(n), "run") for n in (100, 101))
    other = chart_protocol.Message({**line(101), "title": "B"}, "101", "run")

    def has(m: chart_protocol.Message) -> chart_protocol.Had:
        return chart_protocol.Had(m.epoch, m.version, m.length, m.frame)

    cases: list[tuple[chart_protocol.Message, chart_protocol.Had | None, bytes, str]] = [
        (newer, None, newer.whole, "nothing yet"),
        (newer, has(newer), b"", "this one already"),
        (newer, has(older), newer.lean, "the one before"),
        (other, has(older), other.tail, "the one before, under another title"),
        (newer, has(chart_protocol.Message(line(60), "0", "run")), newer.whole, "too far back for a tail"),
        (newer, has(chart_protocol.Message(line(100), "1", "attempt 2")), newer.whole, "another history"),
        (newer, chart_protocol.Had("", "101", 0, ""), newer.whole, "nonsense"),
    ]
    for message, had, wanted, why in cases:
        assert message.since(had) == wanted, why


def test_gaps_large_numbers_and_moving_lines_survive(page: Page) -> None:
    y = np.array([1.0, np.nan, 3.0])
    tokens = np.array([0, 2**24 + 1, 2**31 + 1], dtype=float)
    planned = base.line("planned", [3, 4], [0.5, 0.6], "ink") | {"moving": True}
    card = base.card("A", [base.line("a", tokens, y, "ink"), planned], base.layout(3), "alt")
    found = feed(page, chart_protocol.Message(card, "1").whole)
    assert drawn(found)[0] == tokens.tolist()  # float32 would round them
    assert drawn(found)[1][1] is None or drawn(found)[1][1] != drawn(found)[1][1]
    later = replace_trace(card, 1, base.line("planned", [7], [0.7], "ink") | {"moving": True})
    moved = feed(
        page, chart_protocol.Message(card, "1", "e").whole, chart_protocol.Message(later, "2", "e").tail
    )
    assert drawn(moved, 1) == ([7], [pytest.approx(0.7)]) and moved["lost"] == [False, False]


def replace_trace(card: chart_protocol.Card, at: int, trace: base.Trace) -> chart_protocol.Card:
    traces = list(card["traces"])
    traces[at] = trace
    return {**card, "traces": traces}


def test_layers_of_a_stack_keep_the_same_points(page: Page) -> None:
    rng = np.random.default_rng(0)
    layers = [base.area(f"t{k}", np.arange(3000), rng.random(3000), "c1") for k in range(3)]
    found = feed(page, chart_protocol.Message(base.card("A", layers, base.layout(3000), "alt"), "1").whole)
    xs = [drawn(found, k)[0] for k in range(3)]
    assert xs[0] == xs[1] == xs[2] and 250 <= len(xs[0]) <= 500


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=6),
    st.integers(0, 1500),
    st.integers(0, 2**32 - 1),
    st.floats(0, 0.5),
)
def test_a_message_that_goes_on_from_another_says_the_same(
    more: list[int], first: int, seed: int, gaps: float
) -> None:
    """Lines, an average, layers of a stack and a moving line, with gaps and large numbers, while they grow
    and now and then while they do not."""
    rng = np.random.default_rng(seed)
    size = first + sum(more)
    values = rng.standard_cauchy((3, size)) * 10.0 ** rng.integers(0, 9)
    values[rng.random((3, size)) < gaps] = np.nan
    before: chart_protocol.Message | None = None
    for n in first + np.cumsum([0, *more]):
        x, (a, b, c) = np.arange(n), values[:, :n]
        lines = [base.line("a", x, a, "ink"), *(base.area(k, x, v, "c1") for k, v in (("b", b), ("c", c)))]
        moving = base.line("planned", x[::-1], a[::-1], "ink") | {"moving": True}
        card = base.card("A", [*lines, moving, base.line("late", x[9:], c[9:], "ink")], {}, f"at {n}")
        new, on = (
            chart_protocol.Message(card, f"{n}", "run"),
            chart_protocol.Message(card, f"{n}", "run", before),
        )
        assert (on.whole, on.tail, on.lean, on.frame) == (new.whole, new.tail, new.lean, new.frame)
        before = on


def test_a_message_does_not_go_on_from_another_history(page: Page) -> None:
    for before in (
        chart_protocol.Message(line(600, 1), "1", "other"),
        chart_protocol.Message(line(640), "1", "run"),
    ):
        message = chart_protocol.Message(line(620), "2", "run", before)
        assert message.whole == chart_protocol.Message(line(620), "2", "run").whole, before.epoch


def packed(found: dict[str, Any]) -> dict[str, Any]:
    return {name: line.packed() for name, line in found.items()}


def test_series_are_read_on_and_a_new_attempt_is_read_anew(
    sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run_id,) = growing(max_steps=100)
    grow(run_id, 0, 10)
    read: list[int] = []
    real = queries.series_since

    def counted(since: Mapping[int, int], names: Any = None) -> Any:
        read.extend(since.values())
        return real(since, names)

    monkeypatch.setattr(queries, "series_since", counted)
    store = SeriesStore()
    first = store.get({run_id: (1, 10, "running")})[run_id]
    assert store.get({run_id: (1, 10, "running")})[run_id] is first  # nobody reads twice
    grow(run_id, 11, 14)
    second = store.get({run_id: (1, 14, "running")})[run_id]
    assert (
        read == [0, 10]
        and second == packed(queries.series(run_id))
        and len(first["reward/total"].steps) == 10
    )
    assert store.get({run_id: (1, 12, "running")})[run_id] is second  # a slower viewer does not turn it back
    assert store.get({run_id: (2, 12, "running")})[run_id] == packed(queries.series(run_id)) and read[-1] == 0
    only = store.get({run_id: (1, 14, "running")}, ("eval/accuracy",))[run_id]
    assert list(only) == ["eval/accuracy"] and list(only["eval/accuracy"].steps) == [0, 10]
    small = SeriesStore(most_points=1)
    # what is too much is given, and not kept next to others
    assert small.get({run_id: (1, 14, "running")})[run_id] == second


def test_a_run_that_takes_steps_back_within_its_attempt_is_read_anew(sqlite: Path) -> None:
    """Tried again with smaller batches: the same attempt, running all the time. Lines, averages and drawn
    points follow."""
    (run_id,) = growing(max_steps=200)
    grow(run_id, 0, 60)
    store, view = SeriesStore(), View(smoothing=0.8)

    def drawn_of(step: int, before: Sequence[base.Trace]) -> chart_protocol.Card:
        (row,) = queries.rows([run_id])
        lines = {run_id: store.get({run_id: (1, step, "running")})[run_id]["reward/total"]}
        return overlay([row], lines, "reward/total", view=view, before=before)

    first = drawn_of(60, ())
    records.rewind(run_id, 1, 20)
    for step in range(21, 36):
        records.write_step(run_id, 1, records.StepRecord(step=step, metrics={"reward/total": -5.0}))
    assert len(drawn_of(35, first["traces"])["traces"][0]["x"]) == 35
    for step in range(36, 81):
        records.write_step(run_id, 1, records.StepRecord(step=step, metrics={"reward/total": -5.0}))
    on, anew = drawn_of(80, first["traces"]), drawn_of(80, ())
    assert set(on["traces"][0]["y"][20:]) == {-5.0} and (on["traces"][1]["y"] == anew["traces"][1]["y"]).all()
    before = chart_protocol.Message(first, "60", "run")
    assert (
        chart_protocol.Message(on, "80", "run", before).whole == chart_protocol.Message(on, "80", "run").whole
    )


def test_points_that_a_resumed_run_took_back_are_not_shown(sqlite: Path) -> None:
    """A viewer looks while the second attempt is starting: the lost steps are still there then, under its
    number."""
    (run_id,) = growing(max_steps=100)
    grow(run_id, 0, 60)
    store = SeriesStore()
    store.get({run_id: (1, 60, "running")})[run_id]
    assert claims.release(run_id, 1, "its worker ended") and claims.claim(run_id, "w2", 3600.0)
    assert len(store.get({run_id: (2, 60, "starting")})[run_id]["reward/total"].steps) == 60
    records.rewind(run_id, 2, 40)
    claims.mark_running(run_id, 2)
    for step in range(41, 63):  # nobody looks until the new attempt is further than the old one was
        records.write_step(run_id, 2, records.StepRecord(step=step, metrics={"reward/total": -5.0}))
    found = store.get({run_id: (2, 62, "running")})[run_id]["reward/total"]
    assert list(found.steps) == list(range(1, 63)) and set(found.values[40:]) == {-5.0}


def test_a_memo_keeps_the_newest_of_each_and_no_more_than_it_may() -> None:
    made: list[str] = []

    def make(name: str) -> str:
        made.append(name)
        return name

    memo = Memo(10, lambda value: len(str(value)))
    for version, name in ((1, "aaaa"), (1, "aaaa"), (2, "bbbb"), (1, "cccc")):
        assert memo.get("key", version, lambda name=name: make(name)) == name
    assert made == ["aaaa", "bbbb", "cccc"]  # the same version once; another takes its place
    memo.get("other", 1, lambda: make("dddd"))
    memo.get("third", 1, lambda: make("eeee"))  # twelve bytes: the oldest is let go
    memo.get("key", 1, lambda: make("again"))
    memo.get("third", 1, lambda: make("never"))
    assert made[3:] == ["dddd", "eeee", "again"]


@pytest.mark.parametrize(
    ("fails", "times"), [(False, 1), (True, 2)], ids=["made once for all", "a failure is not shared"]
)
def test_who_asks_for_what_is_being_made_waits_for_it(fails: bool, times: int) -> None:
    memo, begun, go_on, made = Memo(100, lambda _: 1), Event(), Event(), list[int]()

    def make() -> str:
        made.append(len(made))
        begun.set()
        assert go_on.wait(20)
        if fails and made == [0]:
            raise ValueError("the database is away")
        return "value"

    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(memo.get, "key", 1, make)
        assert begun.wait(20)
        others = [threads.submit(memo.get, "key", 1, make) for _ in range(2)]
        assert memo.get("other", 1, lambda: "meanwhile") == "meanwhile"  # nobody else waits
        go_on.set()
        assert [t.result(20) for t in others] == ["value", "value"] and len(made) == times
        assert (first.exception(20) is not None) == fails
