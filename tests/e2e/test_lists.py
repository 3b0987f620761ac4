"""Lists in a real browser: buttons by keyboard, cells that open runs, ticks that are in the URL, news since the last visit.

One dashboard and one experiment for all; the last test changes it.
"""

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from app import visits
from core.store import queries, records, runs
from core.store.records import StepRecord
from core.store.states import Status
from tests.app.test_lists import HOSTILE, experiment, train
from tests.conftest import wait_for
from tests.e2e.browser import button, chromium, dashboard_over, settle
from tests.samples import run_config

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
    box = page.get_by_test_id("stDataFrame").bounding_box()
    assert box
    for row in (0, 1):
        page.mouse.click(box["x"] + 16, box["y"] + 36 + 36 * row + 18)
        expect(page).to_have_url(re.compile("runs=2$" if row == 0 else "runs=2-1$"))
    chart = page.get_by_role(
        "img", name=re.compile("^Gold accuracy by step: hard, beta 0, seed 0 50 %; continuous, beta 0, seed 0 70 %")
    )
    expect(chart).to_be_visible()
    page.goto("/runs?runs=2-1")
    expect(chart).to_be_visible(timeout=60_000)
    runs.create_run(run_config())  # a row comes in above: the ticks stay with their runs
    expect(page.get_by_text("7 runs")).to_be_visible(timeout=20_000)
    expect(page).to_have_url(re.compile("runs=2-1$"))
    expect(chart).to_be_visible()
    expect(page.get_by_test_id("stDataFrame")).to_have_count(1)  # the table before is gone
    box = page.get_by_test_id("stDataFrame").bounding_box()
    assert box
    page.mouse.click(box["x"] + 100, box["y"] + 36 + 18)
    expect(page).to_have_url(re.compile(r"/run\?run=7$"))


def test_the_browser_remembers_when_it_was_here(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_text("Three next steps")).to_be_visible(timeout=60_000)
    wait_for("the cookie", lambda: [c for c in page.context.cookies() if c["name"] == visits.SEEN], 20)
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
    assert names.all_inner_texts()[2] == "hybrid, beta 0.04, seed 0"
    up.press("Enter")
    wait_for("the run to be first", lambda: names.all_inner_texts()[0] == "hybrid, beta 0.04, seed 0", 20)
    button(page, "Stop: hybrid, beta 0.04, seed 0").press("Enter")
    wait_for("the run to stop", lambda: queries.run_detail(6).row.status == Status.STOPPED, 20)
    expect(up).to_have_count(0)  # it left the list
    running = runs.create_run(run_config(name="mine", grpo={"max_steps": 100}))
    train(running, [0.1])
    stop = button(page, "Stop: mine, seed 0")
    stop.wait_for(timeout=20_000)
    stop.press("Enter")
    expect(stop).to_have_text("Stop it now?")  # what trains is asked about once more
    records.write_step(running, 1, StepRecord(17, {"reward/total": 0.5}))
    expect(page.get_by_text("17 of 100 · gold 10 %")).to_be_visible(timeout=20_000)
    expect(stop).to_have_text("Stop it now?")  # a step that comes in does not take the question away
    assert not queries.run_detail(running).row.stop_requested
    stop.press("Enter")
    wait_for("the stop", lambda: queries.run_detail(running).row.stop_requested, 20)
    page.get_by_role("link", name="continuous, beta 0, seed 0: Done, 10 of 100 steps, gold accuracy 70 %").press("Enter")
    expect(page.get_by_role("heading", name="continuous")).to_be_visible()
    assert page.url.endswith("/run?run=2")
