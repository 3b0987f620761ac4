"""A real headless Chromium for the tests and the screenshots, and the words in which they speak to a page."""

import itertools
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, WebSocketRoute, expect, sync_playwright

from tests.conftest import forget_settings, free_port, home_of, wait_for

CALLS = itertools.count()
# Of two lists of features the last one counts: here are Playwright's, and the popups of the address bar,
# which nobody sees in a browser without a window, but for which each new page starts a process that loads a
# page: a second of a processor.
FEATURES = (
    "AimEnabled", "AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose", "HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades", "LensOverlay", "MediaRouter",
    "NetworkTimeServiceQuerying", "OptimizationHints", "PaintHolding", "PreconnectToSearch", "TcpPortRandomizationWin",
    "ThirdPartyStoragePartitioning", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup", "WebUIOmniboxPopup",
)  # fmt: skip
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    f"--disable-features={','.join(FEATURES)}",
]  # fmt: skip
# The script has not run for half a second: so long may a press take to be heard, and its sign shows no
# sooner. An observer sees also what begins and ends between two looks. To look at every frame, as Playwright
# would, costs an eighth of a processor.
SETTLED = """(call) => {
  const app = document.querySelector('[data-testid=stApp]');
  const begin = () => { window.showdownBusy = performance.now(); };
  if (window.showdownCall !== call || app?.dataset.testScriptState !== 'notRunning') begin();
  window.showdownCall = call;
  if (app && window.showdownApp !== app) {
    window.showdownApp = app;
    new MutationObserver(begin).observe(app, { attributeFilter: ['data-test-script-state'] });
  }
  return performance.now() - window.showdownBusy > 500;
}"""
# The chart titled so: what is drawn of its longest line, its range, and whether it is the node that was
# marked before.
CARD = """(title) => {
  for (const host of document.querySelectorAll('*')) {
    const card = host.shadowRoot?.querySelector('.card');
    if (card?.querySelector('h3')?.textContent !== title) continue;
    const plot = card.querySelector('.plot');
    if (!plot.data?.length) return null;
    const same = plot.dataset.seen === 'yes';
    plot.dataset.seen = 'yes';
    const longest = plot.data.reduce((a, b) => (b.x.length > a.x.length ? b : a));
    return { n: longest.x.length, last: longest.x.at(-1), y: longest.y.at(-1), range: [...plot.layout.xaxis.range], same,
      lines: plot.data.map((t) => [t.name, t.visible]), hovered: plot._hoverdata?.[0]?.x ?? null, type: plot.layout.yaxis.type,
      ink: getComputedStyle(plot.querySelector('.xtick text')).fill, follow: !card.querySelector('.follow').hidden };
  }
  return null;
}"""
expect.set_options(timeout=60_000)  # 5 s are too short where three browsers and a training share two cores


def chromium() -> str | None:
    """Path of a Chromium on this machine."""
    return next(
        (p for n in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(n))), None
    )


@contextmanager
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield made
        made.close()


def served(
    command: str, home: Path, monkeypatch: pytest.MonkeyPatch, ready: str, port: int | None = None
) -> Iterator[str]:
    """The dashboard's URL while `showdown COMMAND` runs."""
    port = port or free_port()
    monkeypatch.setenv("SHOWDOWN_PORT", str(port))
    forget_settings()
    log = home / "served.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", command], stdout=file, stderr=file, start_new_session=True
        )
    wait_for(f"showdown {command}", lambda: ready in log.read_text())
    yield f"http://127.0.0.1:{port}"
    process.terminate()
    status = process.wait(180)  # a worker that imports torch hears of it late
    # The server alone ends itself by the signal it was sent, once all is closed: that is uvicorn's way.
    assert status in (0, -signal.SIGTERM), (status, log.read_text())


def dashboard_over(home: Path, fill: Callable[[], object] = lambda: None) -> Iterator[str]:
    """The URL of a dashboard over a data directory of its own, for a whole file of tests; `fill` puts into
    it what is shown."""
    with home_of(home) as patch:
        fill()
        yield from served("app", home, patch, "URL: ")


def button(page: Page, label: str) -> Locator:
    return page.get_by_role("button", name=label, exact=True)


def settle(page: Page) -> None:
    """Until the page's script has run. A press may still be unheard on a slow machine: what must come of
    it is expected."""
    page.wait_for_function(SETTLED, arg=next(CALLS), polling=100)


def go(page: Page, address: str) -> None:
    """Load the page, or go on to another address as links do: to load it anew takes two seconds of a
    processor."""
    if page.url == "about:blank":
        page.goto(address)
        return
    page.evaluate(
        "to => { history.pushState({}, '', to); dispatchEvent(new PopStateEvent('popstate')); }", address
    )


class Line:
    """The line between a page and its server: what either says, and the server's words wait while `held`."""

    def __init__(self, page: Page) -> None:
        self.page, self.held = page, False
        self.said, self.answered, self._waiting = list[bytes](), list[bytes](), list[Callable[[], None]]()
        page.route_web_socket(re.compile("_stcore/stream"), self._open)

    def _open(self, line: WebSocketRoute) -> None:
        server = line.connect_to_server()

        def say(word: str | bytes) -> None:
            self.said.append(word if isinstance(word, bytes) else word.encode())
            server.send(word)

        def answer(word: str | bytes) -> None:
            self.answered.append(word if isinstance(word, bytes) else word.encode())
            if self.held:
                self._waiting.append(partial(line.send, word))
            else:
                line.send(word)

        line.on_message(say)
        server.on_message(answer)

    def until_said(self, word: bytes, after: int = 0) -> None:
        self._until(self.said, word, after)

    def until_answered(self, word: bytes) -> None:
        self._until(self.answered, word, 0)

    def _until(self, words: list[bytes], word: bytes, after: int) -> None:
        deadline = time.monotonic() + 60
        while not any(word in said for said in words[after:]):
            assert time.monotonic() < deadline, f"{word!r} was not said"
            self.page.wait_for_timeout(50)

    def let_go(self) -> None:
        self.held = False
        waiting, self._waiting = self._waiting, []
        for answer in waiting:
            answer()


def whole(page: Page) -> None:
    """Make the window as tall as the page, so that a screenshot shows all of it."""
    width = (page.viewport_size or {"width": 1440})["width"]
    tall = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(tall + 40, 6000)})
    page.wait_for_timeout(600)


def drawn(page: Page) -> None:
    """Until no element is a placeholder, and every chart in view is drawn, or says why it is not."""
    out = "(ui) => ui.visible === false || (ui.visible && (ui.shown || !ui.says.hidden))"
    loaded = "!document.querySelector('[data-testid=stSkeleton]')"
    page.wait_for_function(
        f"() => {loaded} && [...(window.showdownCharts ?? [])].every({out})", timeout=120_000
    )


def card(page: Page, title: str) -> dict[str, Any]:
    """What CARD says of a chart; of one that is not drawn, that it has no point."""
    found: dict[str, Any] | None = page.evaluate(CARD, title)
    return found or {"n": 0, "last": -1, "range": [0, 0]}


def zoom(page: Page, title: str) -> list[float]:
    """Zoom with the mouse, as a person does; returns the x range it made."""
    plot = page.get_by_role("img", name=re.compile(f"^{title}"))
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + 0.3 * box["width"], y)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.7 * box["width"], y, steps=6)
    page.mouse.up()
    wait_for("the zoom", lambda: card(page, title)["range"][0] > 1)
    found: list[float] = card(page, title)["range"]
    return found
