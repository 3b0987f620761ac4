"""Lists in a real browser: buttons by keyboard, cells that open runs, ticks that are in the URL, news since
the last visit.

One dashboard and one experiment for all; the last test changes it.
"""

import re
import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from app.data import visits
from core.store.runs import lifecycle, queries
from core.store.status import Status
from core.store.steps import records
from core.store.steps.records import StepRecord
from tests.conftest import wait_for
from tests.support.browser import Line, button, chromium, dashboard_over, go, settle
from tests.support.experiments import HOSTILE, experiment, train
from tests.support.samples import run_config

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on PATH: install Debian's `chromium`")


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard on an experiment of six runs: two done, one failed with hostile words, three waiting."""

    def fill() -> None:
        _, ids = experiment(HOSTILE[:60])
        train(ids[0], [0.1, 0.5], Status.DONE)
        train(ids[1], [0.1, 0.7], Status.DONE)
        train(ids[2], [0.1], Status.FAILED, kind="DataError", message=HOSTILE)

    yield from dashboard_over(tmp_path_factory.mktemp("lists"), fill)


def test_ticked_runs_are_in_the_url_and_overlaid(page: Page) -> None:
    page.goto("/runs?state=Done")
    expect(page.get_by_text("2 of 6 runs")).to_be_visible(timeout=60_000)
    settle(page)
    page.get_by_role("checkbox", name="Tick continuous, beta 0, seed 0").click()
    page.get_by_role(
        "checkbox", name="Tick hard, beta 0, seed 0"
    ).click()  # at once: the first tick is not lost
    expect(page).to_have_url(re.compile("runs=2-1$"))
    chart = page.get_by_role(
        "img",
        name=re.compile("^Gold accuracy by step: hard, beta 0, seed 0 50 %; continuous, beta 0, seed 0 70 %"),
    )
    expect(chart).to_be_visible()
    page.goto("/runs?runs=2-1")
    expect(chart).to_be_visible(timeout=60_000)
    lifecycle.create_run(run_config())  # a row comes in above: the ticks stay with their runs
    expect(page.get_by_text("7 runs")).to_be_visible(timeout=60_000)
    expect(page).to_have_url(re.compile("runs=2-1$"))
    expect(chart).to_be_visible()
    expect(page.get_by_role("checkbox", name="Tick continuous, beta 0, seed 0")).to_be_checked()
    newest = page.get_by_role("table", name="Runs").get_by_role("link").first
    with page.context.expect_page() as opened:
        newest.click(button="middle")
    assert opened.value.url.endswith("/run?run=7") and "/runs?" in page.url
    newest.click()
    expect(page).to_have_url(re.compile(r"/run\?run=7$"))


def names(page: Page) -> list[str]:
    return page.get_by_role("table", name="Runs").get_by_role("link").all_inner_texts()


def ticked(page: Page) -> list[str]:
    boxes = page.get_by_role("checkbox", name=re.compile("^Tick (?!all)")).all()
    return [
        str(b.get_attribute("aria-label")).removeprefix("Tick ").rpartition(", run ")[0]
        for b in boxes
        if b.is_checked()
    ]


def test_the_table_of_runs_is_walked_with_the_keyboard(page: Page) -> None:
    page.goto("/runs?state=Done&state=Failed")
    table = page.get_by_role("table", name="Runs")
    first = table.get_by_role("link").first
    first.focus(timeout=60_000)
    settle(page)
    page.keyboard.press("ArrowDown")
    expect(table.get_by_role("link", name="continuous, beta 0, seed 0")).to_be_focused()
    page.keyboard.press("Space")
    expect(page).to_have_url(re.compile("runs=2$"))
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+Space")
    expect(page).to_have_url(re.compile("runs=2-1$"))
    page.keyboard.press("Home")
    expect(first).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Space")
    # what is ticked is unticked, and the focus outlived every answer
    expect(page).to_have_url(re.compile("runs=2$"))
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/run\?run=1$"))
    expect(page.get_by_role("heading", name="hard")).to_be_visible()


def tick_unheard(page: Page, line: Line) -> Locator:
    """Run 2 ticked, and the tick sent, on a line on which no answer comes."""
    tick = page.get_by_role("checkbox", name="Tick continuous, beta 0, seed 0")
    expect(tick).not_to_be_checked(timeout=60_000)
    settle(page)
    line.held = True
    before = len(line.said)
    tick.click()
    line.until_said(b"tick", after=before)
    return tick


THEN: list[tuple[str, Callable[[Page], object], str]] = [
    (
        "a sort",
        lambda page: page.get_by_role("button", name="Id", exact=True).click(),
        r"&runs=2&order=id\.down",
    ),
    ("the pulse, as the list has changed", lambda page: lifecycle.create_run(run_config()), "&runs=2"),
    (
        "a widget bound to the address",
        lambda page: button(page, "Remove Failed").click(),
        r"\?state=Done&runs=2",
    ),
]


def test_what_is_said_before_a_tick_was_answered_takes_no_tick_away(page: Page) -> None:
    line = Line(page)
    for what, then, asked in THEN:
        go(page, "/runs?state=Done&state=Failed")  # where nothing is ticked
        tick = tick_unheard(page, line)
        before = len(line.said)
        then(page)
        line.until_said(b"", after=before)
        line.let_go()
        expect(page, what).to_have_url(re.compile(f"{asked}$"))
        settle(page)
        expect(page, what).to_have_url(re.compile(f"{asked}$"))
        expect(tick, what).to_be_checked()
        expect(page.get_by_role("link", name="Open continuous, beta 0, seed 0"), what).to_be_visible()
        page.get_by_role("checkbox", name="Tick hard, beta 0, seed 0").click()
        expect(page, what).to_have_url(re.compile("runs=2-1"))  # of both
        settle(page)


def test_a_tick_is_taken_back_before_its_answer_by_a_second_press_and_by_back(page: Page) -> None:
    line = Line(page)
    page.goto("/runs?state=Done")
    one = tick_unheard(page, line)
    line.until_answered(b"runs=2")
    before = len(line.said)
    one.click()
    line.let_go()  # the table comes with its tick, before the page has said that it was taken back
    line.until_said(b"tick", after=before)
    expect(page).to_have_url(re.compile("state=Done$"))
    settle(page)
    expect(one).not_to_be_checked()
    expect(page).to_have_url(re.compile("state=Done$"))

    two = page.get_by_role("checkbox", name="Tick hard, beta 0, seed 0")
    one.click()
    expect(page).to_have_url(re.compile("state=Done&runs=2$"))
    settle(page)
    two.click()
    expect(page).to_have_url(re.compile("runs=2-1$"))
    settle(page)
    line.held = True
    before = len(line.said)
    two.click()
    line.until_said(b"tick", after=before)
    page.go_back()
    expect(page).to_have_url(re.compile("state=Done&runs=2$"))
    line.until_said(b"", after=before + 1)
    line.let_go()
    expect(two).not_to_be_checked()
    settle(page)
    expect(one).to_be_checked()
    expect(page).to_have_url(re.compile("state=Done&runs=2$"))
    one.click()
    expect(page).to_have_url(re.compile("state=Done$"))


def test_back_from_a_run_brings_back_filters_columns_and_ticks_and_another_address_has_others(
    page: Page,
) -> None:
    view = "/runs?find=seed&columns=State&columns=Seed&runs=2-1"
    page.goto(view)
    name = page.get_by_role("link", name="hard, beta 0, seed 0", exact=True)
    for way in (name.click, page.go_forward):
        name.wait_for(timeout=60_000)
        settle(page)
        way()
        expect(page).to_have_url(re.compile(r"/run\?run=1$"))
        expect(page.get_by_role("heading", name="hard")).to_be_visible()
        page.go_back()
        expect(page.get_by_role("columnheader", name="Seed")).to_be_visible()
        settle(page)
        expect(page).to_have_url(re.compile(re.escape(view) + "$"))
        expect(page.get_by_label("Find")).to_have_value("seed")
        heads = page.get_by_role("table", name="Runs").get_by_role("columnheader")
        expect(heads).to_have_text(["Run", "Id", "State", "Seed"])
        assert ticked(page) == ["continuous, beta 0, seed 0", "hard, beta 0, seed 0"]

    # An address that changes changes the ticks.
    go(page, "/runs?runs=2-1")
    expect(page.get_by_label("Find")).to_have_value("")
    chart = page.get_by_role(
        "img", name=re.compile("^Gold accuracy by step: hard, beta 0, seed 0 50 %; continuous")
    )
    expect(chart).to_be_visible(timeout=60_000)
    settle(page)
    page.keyboard.press("Shift")  # an address without a press before it is no entry of the history
    go(page, "/runs?runs=3")
    alone = page.get_by_role("img", name=re.compile("^Gold accuracy by step: hybrid, beta 0, seed 0"))
    expect(alone).to_be_visible()
    settle(page)
    expect(page).to_have_url(re.compile(r"/runs\?runs=3$"))
    assert ticked(page) == ["hybrid, beta 0, seed 0"]
    page.go_back()
    expect(chart).to_be_visible()
    expect(page).to_have_url(re.compile(r"/runs\?runs=2-1$"))
    expect(page.get_by_role("checkbox", name="Tick hybrid, beta 0, seed 0")).not_to_be_checked()


def test_the_table_of_runs_sorts_and_is_saved(page: Page) -> None:
    page.goto("/runs?group=structure&state=Done&state=Failed")
    head = page.get_by_role("columnheader", name=re.compile("^Gold( [\u2191\u2193])?$")).get_by_role("button")
    head.wait_for(timeout=60_000)
    settle(page)
    given = names(page)
    group = page.get_by_text("structure: hybrid · 1 run")
    expect(group).to_be_visible()
    head.click()
    assert names(page) == ["continuous, beta 0, seed 0", "hard, beta 0, seed 0", "hybrid, beta 0, seed 0"]
    expect(group).to_have_count(0)  # another order has no groups
    assert (
        page.get_by_role("columnheader", name=re.compile("^Gold \u2193")).get_attribute("aria-sort")
        == "descending"
    )
    page.keyboard.press("Enter")
    assert names(page)[0] == "hybrid, beta 0, seed 0"
    page.wait_for_url("**order=gold.up*")
    page.reload()  # a link shows the order too
    head.wait_for()
    settle(page)
    wait_for("the order of the address", lambda: names(page)[:1] == ["hybrid, beta 0, seed 0"])
    head.focus()
    page.keyboard.press("Enter")
    assert names(page) == given
    page.wait_for_function("() => !location.search.includes('order=')")
    expect(group).to_be_visible()
    name, square = (
        page.get_by_role("link", name="hard, beta 0, seed 0", exact=True),
        page.locator(".run .square").nth(1),
    )
    expect(square).to_have_css("background-color", "rgb(47, 111, 228)")  # --hard
    expect(name).to_have_css("color", "rgb(20, 24, 31)")  # --ink: no grey of what is disabled
    page.set_viewport_size({"width": 390, "height": 900})
    page.wait_for_function("() => document.documentElement.clientWidth === 390")
    box = name.bounding_box()  # whole on a phone, in two lines
    assert box and box["width"] > 100 and box["height"] < 60, box
    with page.expect_download() as saved:
        button(page, "CSV").click()
    first, *_, last = saved.value.path().read_text().splitlines()
    assert first.startswith("run,Id,State,Progress (%),Gold (%),At start (%),") and last.startswith(
        '"hybrid, beta 0, seed 0",3,Failed,'
    )


def test_the_browser_remembers_when_it_was_here(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_text("Three next steps")).to_be_visible(timeout=60_000)
    wait_for("the cookie", lambda: [c for c in page.context.cookies() if c["name"] == visits.SEEN])
    (seen,) = [c for c in page.context.cookies() if c["name"] == visits.SEEN]
    assert abs(float(seen["value"]) - time.time()) < 60
    page.context.add_cookies([{"name": visits.SEEN, "value": f"{time.time() - 7200:.0f}", "url": page.url}])
    page.reload()
    expect(page.get_by_text("Since your last visit")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("2 h 0 min ago")).to_be_visible()
    assert (
        page.get_by_text("failed at step 0")
        .inner_text()
        .startswith("failed at step 0: DataError: <script>alert(1)</script> **bold**")
    )
    assert page.locator("strong", has_text="bold").count() == 0


def test_the_queue_is_worked_with_the_keyboard_and_a_cell_opens_its_run(page: Page) -> None:
    page.goto("/queue")
    up = button(page, "\u25b2: hybrid, beta 0.04, seed 0")
    up.wait_for(timeout=60_000)
    names = page.get_by_role("list", name="Runs that train or wait").get_by_role("link")
    expect(names.nth(2)).to_have_text("hybrid, beta 0.04, seed 0")
    up.press("Enter")
    expect(names.nth(0)).to_have_text("hybrid, beta 0.04, seed 0")
    button(page, "Stop: hybrid, beta 0.04, seed 0").press("Enter")
    wait_for("the run to stop", lambda: queries.run_detail(6).row.status == Status.STOPPED)
    expect(up).to_have_count(0)  # it left the list
    # The question below forgets itself after six seconds; what is asked here is whether a redraw takes it
    # away.
    page.evaluate(
        "(real => { window.setTimeout = (f, ms, ...more) => real(f, ms === 6000 ? 600000 : ms, ...more); })(setTimeout)"
    )
    running = lifecycle.create_run(run_config(name="mine", grpo={"max_steps": 100}))
    train(running, [0.1])
    stop = button(page, "Stop: mine, seed 0")
    stop.wait_for(timeout=60_000)
    stop.press("Enter")
    expect(stop).to_have_text("Stop it now?")  # what trains is asked about once more
    records.write_step(running, 1, StepRecord(17, {"reward/total": 0.5}))
    expect(page.get_by_text("17 of 100 · gold 10 %")).to_be_visible(timeout=60_000)
    expect(stop).to_have_text("Stop it now?")  # a step that comes in does not take the question away
    assert not queries.run_detail(running).row.stop_requested
    stop.press("Enter")
    wait_for("the stop", lambda: queries.run_detail(running).row.stop_requested)
    page.get_by_role(
        "link", name="continuous, beta 0, seed 0: Done, 10 of 100 steps, gold accuracy 70 %"
    ).press("Enter")
    expect(page.get_by_role("heading", name="continuous")).to_be_visible()
    assert page.url.endswith("/run?run=2")
