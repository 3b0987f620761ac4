"""The Compare page in a real browser: a link restores the view, a number opens its curves, phones scroll
only down."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import wait_for
from tests.support.browser import button, card, chromium, dashboard_over, go, settle
from tests.support.compared import learned, write

pytestmark = pytest.mark.skipif(chromium() is None, reason="no Chromium on PATH: install Debian's `chromium`")
HOSTILE = "<img src=x onerror=alert(1)>**bold**"


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The dashboard on two arms of three seeds, and a swept experiment with words of strangers."""

    def fill() -> None:
        learned({"hybrid": 0.7, "hard": 0.4}, (0, 1, 2), 40)
        learned({"hard": 0.4}, (0,), 20, name=HOSTILE, sweep={"model.path": [HOSTILE, "tiny-sparse"]})

    yield from dashboard_over(tmp_path_factory.mktemp("compare"), fill)


def test_a_link_restores_the_view_and_a_number_opens_its_curves(page: Page) -> None:
    page.goto("/compare?experiment=1&score=gold/final&base=hard&reach=30&table=times")
    expect(page.get_by_text("hybrid leads hard with")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("heading", name="Steps to 30 %")).to_be_visible()
    expect(page.get_by_role("heading", name="Difference to hard, seed by seed")).to_be_visible()
    wait_for("the curves", lambda: card(page, "Gold accuracy")["n"] >= 5)
    expect(page.get_by_text("a run that never got there counts with the whole limit")).to_be_visible()
    settle(page)
    button_of = page.get_by_role("button", name=re.compile("^hard, KL spent: .* Open its curves$"))
    button_of.press("Enter")
    expect(page).to_have_url(re.compile(r"show=hard%7Ekl%2Fspent|show=hard~kl/spent|show=hard~kl%2Fspent"))
    expect(page.get_by_role("heading", name="KL to start")).to_be_visible(timeout=60_000)
    expect(button_of).to_have_attribute("aria-pressed", "true")
    page.goto(page.url)  # what was opened is in the link
    expect(page.get_by_role("heading", name="KL to start")).to_be_visible(timeout=60_000)
    settle(page)
    button(page, "arrow_back Gold accuracy of all arms").or_(
        button(page, "Gold accuracy of all arms")
    ).click()
    expect(page.get_by_role("heading", name="Gold accuracy", exact=True)).to_be_visible(timeout=60_000)
    with page.expect_download() as saved:
        page.get_by_role("button", name=re.compile("CSV$")).first.click()
    assert saved.value.suggested_filename == "compare-times.csv"


def test_words_of_strangers_run_nowhere_and_a_narrow_screen_scrolls_only_down(page: Page) -> None:
    """Two values of a setting are two arms, which may be named anything; the base models differ, so
    nothing is averaged."""
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/compare?experiment=2")
    expect(page.get_by_text("Nothing is averaged")).to_be_visible(timeout=60_000)
    settle(page)
    expect(page.get_by_role("heading", name=re.compile("Which structure learns best"))).to_be_visible()
    assert page.locator("img[src=x]").count() == 0 and page.locator("strong", has_text="bold").count() == 0
    go(page, "/compare?experiment=1")
    expect(page.get_by_text("hybrid leads hard with")).to_be_visible(timeout=60_000)
    settle(page)
    wide = page.evaluate(
        "(() => { const m = document.querySelector('[data-testid=stMain]'); return m.scrollWidth - m.clientWidth; })()"
    )
    assert wide <= 0
    table = page.get_by_role("region", name="Arms")
    assert table.evaluate("(t) => t.scrollWidth > t.clientWidth")  # the table scrolls inside its card


def test_a_new_evaluation_is_seen_without_a_reload(page: Page) -> None:
    from core.config.experiment import ExperimentConfig
    from core.store.runs import claims, lifecycle
    from tests.support.compared import made

    config: ExperimentConfig = made(["hard", "hybrid"], [0], 100, name="live")
    experiment_id, ids = lifecycle.create_experiment(config)
    for run_id in ids:
        assert claims.claim(run_id, "w", 3600.0) and claims.mark_running(run_id, 1)
        write(run_id, 0.5, 0, 20)
    page.goto(f"/compare?experiment={experiment_id}")
    expect(page.get_by_text("compared up to step 20")).to_be_visible(timeout=60_000)
    for run_id in ids:
        write(run_id, 0.5, 0, 30, first=21)
    expect(page.get_by_text("Gold accuracy up to step 30")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("compared up to step 30")).to_be_visible()  # the head too
