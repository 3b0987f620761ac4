"""What the tests of a file share: one browser, one dashboard."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

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
