"""What the tests of a file share: one browser, one dashboard. Of a test that fails the report says what
its pages showed."""

import json
from collections.abc import Generator, Iterator

import pytest
from playwright.sync_api import Browser, Error, Page

from tests.support.browser import browser, dashboard_over


@pytest.fixture(scope="module")
def chrome() -> Iterator[Browser]:
    with browser() as made:
        yield made


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One dashboard for all tests of a file, over a data directory of its own."""
    home = tmp_path_factory.mktemp("dashboard")
    yield from dashboard_over(home)
    log = (home / "served.log").read_text()
    assert "Traceback" not in log, log


@pytest.fixture
def page(dashboard: str, chrome: Browser) -> Iterator[Page]:
    """A wide window in which no script of a stranger may run and no script of ours may fail."""
    context = chrome.new_context(viewport={"width": 1440, "height": 1000}, base_url=dashboard)
    page, faults = context.new_page(), list[str]()
    page.on("dialog", lambda d: (faults.append(f"a script ran: {d.message}"), d.dismiss()))
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    assert faults == []


@pytest.fixture(autouse=True)
def no_page_stays(request: pytest.FixtureRequest) -> Iterator[None]:
    """Pages that a test has opened are closed: each goes on asking the dashboard what is new, a twentieth
    of a processor."""
    yield
    chrome = request.node.funcargs.get("chrome")
    for context in chrome.contexts if isinstance(chrome, Browser) else []:
        context.close()


# What a page shows and waits for: without it nobody can say afterwards what a wait has missed.
SHOWN = """() => ({
  address: location.href,
  script: document.querySelector('[data-testid=stApp]')?.dataset.testScriptState,
  tabs: [...document.querySelectorAll('[role=tab][aria-selected=true]')].map((tab) => tab.textContent),
  scrolled: document.querySelector('[data-testid=stMain]')?.scrollTop,
  charts: [...(window.showdownCharts ?? [])].map((ui) => ({ title: ui.title.textContent,
    top: ui.card.getBoundingClientRect().top, attached: ui.card.isConnected, live: ui.live, behind: ui.behind,
    visible: ui.visible, late: ui.late, lost: ui.lost,
    received: ui.received?.version, shown: ui.shown, says: ui.says.textContent })),
  text: document.body.innerText.slice(0, 3000),
})"""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    chrome = item.funcargs.get("chrome")
    if call.when == "call" and report.failed and isinstance(chrome, Browser):
        for page in [page for context in chrome.contexts for page in context.pages]:
            try:
                shown = json.dumps(page.evaluate(SHOWN), indent=1)
            except Error as error:
                shown = f"the page does not answer: {error}"
            report.sections.append((f"page {page.url}", shown))
    return report
