"""A real headless Chromium for the tests and the screenshots, and the words in which they speak to a page."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Locator, Page, sync_playwright

FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
SETTLED = "document.querySelector('[data-testid=stStatusWidget]') === null"


def chromium() -> str | None:
    """Path of a Chromium on this machine."""
    return next((p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None)


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield made
        made.close()


@contextmanager
def page_and_dialogs() -> Iterator[tuple[Page, list[str]]]:
    """A page, and what it says in dialogs: a script in a text that is shown would open one. They are dismissed."""
    with browser() as made:
        page, dialogs = made.new_page(), list[str]()
        page.on("dialog", lambda d: (dialogs.append(d.message), d.dismiss()))
        yield page, dialogs


def button(page: Page, label: str) -> Locator:
    return page.get_by_role("button", name=label, exact=True)


def settle(page: Page) -> None:
    """Until the page's script has run."""
    page.wait_for_function(SETTLED)


def whole(page: Page) -> None:
    """Make the window as tall as the page, so that a screenshot shows all of it."""
    width = (page.viewport_size or {"width": 1440})["width"]
    tall = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(tall + 40, 6000)})
    page.wait_for_timeout(600)
