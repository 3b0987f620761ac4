"""Side by side with trackio on the same numbers: `python -m benchmarks.peer --python PATH [--runs 10]
[--steps 2000]`.

PATH is the Python of an environment with trackio in it (`python -m venv T && T/bin/pip install trackio`):
it wants other packages than ours. Six metrics of each run, then a step a second, one dashboard after the
other in the same browser. Prints for both the time until the charts are drawn, the processor time of
server and browser per second, and whether a zoom is still there after ten more steps (the picture inside
the zoom stays the same).
"""

import argparse
import io
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page

from benchmarks.dashboard import Server, growing_runs, keep_growing, processor_of, repeatedly
from benchmarks.home import own_home
from benchmarks.live import KEYS, OVERLAY, browsers, descendants
from tests.support.browser import browser
from tests.support.grow import metrics

SAME = 0.01  # share of pixels that may differ in a picture that stayed
# Fills trackio's store with the numbers on its standard input, line by line, as its own logging does.
FILL = """
import json, sys
from trackio.sqlite_storage import SQLiteStorage
for line in sys.stdin:
    run, steps, rows = json.loads(line)
    SQLiteStorage.bulk_log(project="peer", run=run, metrics_list=rows, steps=steps)
    print("stored", flush=True)
"""


@dataclass
class Took:
    """What one dashboard took; processor seconds a second."""

    opened: float
    server: float
    browser: float
    zoom: bool


@contextmanager
def trackio(python: str, runs: int, steps: int) -> Iterator[tuple[str, list[int]]]:
    """Its dashboard's address and processes, over runs that grow by a step a second."""
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | {"TRACKIO_DIR": folder, "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        fill = subprocess.Popen([python, "-c", FILL], env=env, text=True, **pipes)  # type: ignore[call-overload]

        def store(run: int, first: int, last: int) -> None:
            rows = [{n: metrics(s, run)[n] for n in KEYS} for s in range(first, last + 1)]
            print(json.dumps([f"run {run}", list(range(first, last + 1)), rows]), file=fill.stdin, flush=True)
            fill.stdout.readline()

        for k in range(runs):
            store(k, 1, steps)
        log = Path(folder) / "show.log"
        command = [str(Path(python).parent / "trackio"), "show", "--project", "peer"]
        with log.open("w") as file:
            show = subprocess.Popen(command, env=env, stdout=file, stderr=file)
        while not (found := re.search(r"http://[\d.:]+/\?project=peer", log.read_text())):
            assert show.poll() is None, log.read_text()
            time.sleep(0.1)

        def write(step: int) -> None:
            for k in range(runs):
                store(k, step, step)

        with repeatedly(write, steps + 1):
            yield found.group(), [show.pid, *descendants(show.pid)]
        for process in (show, fill):
            process.terminate()
            process.wait()


def picture(page: Page, box: str) -> np.ndarray:
    """The inner part of the first chart, without axes, [h, w, 3]."""
    whole = np.asarray(Image.open(io.BytesIO(page.locator(box).first.screenshot())).convert("RGB"), dtype=int)
    h, w = whole.shape[:2]
    return whole[h // 4 : h // 2, w // 4 : 3 * w // 4]


def measure(page: Page, url: str, box: str, drawn: str, pids: Callable[[], list[int]], seconds: int) -> Took:
    begin = time.monotonic()
    page.goto(url)
    page.wait_for_function(drawn, timeout=120_000)
    opened = time.monotonic() - begin
    page.wait_for_timeout(5000)
    server, mine = processor_of(pids()), processor_of(browsers())
    time.sleep(seconds)
    spent = (processor_of(pids()) - server) / seconds, (processor_of(browsers()) - mine) / seconds
    area = page.locator(box).first.bounding_box()
    assert area
    x, y, w = area["x"], area["y"] + area["height"] / 3, area["width"]
    page.mouse.move(x + 0.3 * w, y)
    page.mouse.down()
    page.mouse.move(x + 0.6 * w, y, steps=8)
    page.mouse.up()
    page.mouse.move(5, 5)
    page.wait_for_timeout(3000)
    before = picture(page, box)
    page.wait_for_timeout(10_000)
    after = picture(page, box)
    same = before.shape == after.shape and bool((np.abs(before - after).max(axis=2) > 32).mean() < SAME)
    return Took(opened, *spent, same)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", required=True)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seconds", type=int, default=30)
    args = parser.parse_args()
    took = {}
    with browser() as made:
        page = made.new_page(viewport={"width": 1440, "height": 2000})
        with own_home() as home:
            ids = growing_runs(args.runs, args.steps, 2 * args.steps)
            with Server(home) as server, keep_growing(ids, args.steps + 1):
                drawn = "() => [...(window.showdownCharts ?? [])].filter((ui) => ui.shown).length >= 6"
                took["showdown"] = measure(
                    page, server.url + OVERLAY, ".plot", drawn, lambda: server.pids, args.seconds
                )
        with trackio(args.python, args.runs, args.steps) as (url, pids):
            drawn = "document.querySelectorAll('.vega-embed canvas').length >= 6"
            took["trackio"] = measure(page, url, ".vega-embed canvas", drawn, lambda: pids, args.seconds)
    for name, t in took.items():
        print(f"{name:9} opened in {t.opened:.1f} s, server {t.server:.0%} of a core, browser {t.browser:.0%}, "
              f"zoom kept: {'yes' if t.zoom else 'no'}")  # fmt: skip
    a, b = took["showdown"], took["trackio"]
    print(f"ratio to trackio: open {a.opened / b.opened:.2f}, server {a.server / max(b.server, 1e-3):.2f}, "
          f"browser {a.browser / max(b.browser, 1e-3):.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
