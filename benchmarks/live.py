"""One viewer in a real browser: `python -m benchmarks.live [--runs 10] [--steps 2000] [--seconds 60] [--page
PATH]`.

Runs grow by a step a second under a dashboard of its own. Prints, each with its limit: the server's
processor time per tick (with the viewer, less without), the browser's share of a core, and the time from a
step's commit to its point on the screen; then, for viewers without a browser on the same page, one and ten
of them, the bytes of a tick and the server's time per tick and viewer.
"""

import argparse
import asyncio
import json
import os
import threading
import time
from pathlib import Path
from urllib.parse import quote

import numpy as np
from playwright.sync_api import Page, sync_playwright

from benchmarks.dashboard import Server, growing_runs, keep_growing, processor_of
from benchmarks.home import own_home
from benchmarks.viewer import Seen, look
from core.metrics import count
from tests.support.browser import FLAGS, chromium

LIMITS = {"server": 10.0, "browser": 0.5, "payload": 100.0, "latency": 2.0}
KEYS = (
    "reward/total",
    "signal/dead_groups",
    "signal/group_spread",
    "policy/entropy",
    "policy/grad_norm",
    "length/mean",
)
OVERLAY = "/runs?runs=1-2-3-4-5-6-7-8-9-10&" + "&".join(f"metrics={quote(key, safe='')}" for key in KEYS)
# Remembers when each step of each run was first drawn, by the clock of this machine.
STAMP = """() => { window.drawnAt = {}; setInterval(() => {
  for (const ui of window.showdownCharts ?? []) {
    if (!ui.visible || !ui.bound || ui.received.card.axis !== 'step') continue;
    for (const { name, x } of ui.plot.data ?? []) {
      if (x?.length) window.drawnAt[`${name}~${Math.round(x.at(-1))}`] ??= Date.now() / 1000;
    }
  } }, 20); }"""


def descendants(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        for children in Path(f"/proc/{one}/task").glob("*/children"):
            found += [int(child) for child in children.read_text().split()]
    return found[1:]


def browsers() -> list[int]:
    """The browser's processes among this process's descendants; not the driver, not the server."""
    names = {pid: Path(f"/proc/{pid}/comm") for pid in descendants(os.getpid())}
    return [pid for pid, name in names.items() if name.exists() and "chrom" in name.read_text()]


def said(what: str, value: float, unit: str, limit: float) -> None:
    print(f"{what}: {value:.3g} {unit}, limit {limit:g}: ratio {value / limit:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--page", default=OVERLAY)
    args = parser.parse_args()
    with own_home() as home:
        # so that they have not reached their end when all is measured
        first = args.steps - 4 * args.seconds - 60
        ids = growing_runs(args.runs, first, args.steps)
        wrote: dict[int, float] = {}
        with Server(home) as server, keep_growing(ids, first + 1, wrote=wrote):
            idle = min(used(server, 10) for _ in range(3))  # what a start does afterwards is nobody's tick
            in_browser(server, args.page, args.seconds, idle, wrote)
            for viewers in (1, 10):
                simulated(server, args.page, args.seconds, idle, viewers)


def stamped(page: Page) -> dict[str, float]:
    """`name of a line~step` -> when that step of it was first drawn."""
    found: dict[str, float] = json.loads(page.evaluate("JSON.stringify(window.drawnAt)"))
    return found


def used(server: Server, seconds: float) -> float:
    """Processor seconds a second."""
    before = server.processor()
    time.sleep(seconds)
    return (server.processor() - before) / seconds


def in_browser(server: Server, page: str, seconds: int, idle: float, wrote: dict[int, float]) -> None:
    with sync_playwright() as playwright:
        chrome = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        opened = chrome.new_page(viewport={"width": 1440, "height": 2000})
        begin = time.monotonic()
        opened.goto(server.url + page)
        opened.wait_for_function(
            "() => [...(window.showdownCharts ?? [])].some((ui) => ui.shown)", timeout=60_000
        )
        print(f"open until the first chart is drawn: {time.monotonic() - begin:.1f} s (cold)")
        time.sleep(5)
        before, mine, steps = server.processor(), processor_of(browsers()), len(wrote)
        time.sleep(seconds)
        ticks = len(wrote) - steps
        share = (processor_of(browsers()) - mine) / seconds
        said(
            "server",
            1000 * ((server.processor() - before) - idle * seconds) / ticks,
            "ms of processor per tick",
            LIMITS["server"],
        )
        said("browser", share, "of a core", LIMITS["browser"])
        # only now: to look fifty times a second costs the browser more than a chart does
        opened.evaluate(STAMP)
        steps = len(wrote)
        time.sleep(seconds / 2)
        ticks = len(wrote) - steps
        drawn: dict[int, float] = {}
        # of a step that line which came first: only the first run's commit is known
        for key, at in stamped(opened).items():
            step = int(key.rpartition("~")[2])
            drawn[step] = min(at, drawn.get(step, at))
        late = np.array([drawn[s] - wrote[s] for s in sorted(drawn) if s in wrote][1:])
        said(
            "step written to point drawn, 95 % under", float(np.percentile(late, 95)), "s", LIMITS["latency"]
        )
        print(
            f"  {len(late)} of {ticks} steps seen one by one, median {np.median(late):.2f} s, longest {late.max():.2f} s"
        )
        chrome.close()


def simulated(server: Server, page: str, seconds: int, idle: float, viewers: int) -> None:
    seen = Seen()
    path, _, query = page.strip("/").partition("?")
    looking = threading.Thread(
        target=lambda: asyncio.run(look(server.url, path, query, viewers, seconds, seen))
    )
    looking.start()
    time.sleep(12)  # they come within ten seconds
    sent, ticks, before = seen.bytes, len(seen.answers), server.processor()
    time.sleep(seconds - 16)
    ticks = len(seen.answers) - ticks
    spent = (server.processor() - before) - idle * (seconds - 16)
    looking.join()
    assert not seen.errors, seen.errors[0]
    print(f"{count(viewers, 'viewer')} without a browser, {ticks} ticks:")
    said("payload", (seen.bytes - sent) / max(ticks, 1) / 1000, "kB per tick and viewer", LIMITS["payload"])
    said("server", 1000 * spent / max(ticks, 1), "ms of processor per tick and viewer", LIMITS["server"])


if __name__ == "__main__":
    main()
