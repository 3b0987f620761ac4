"""`make shots`: pictures of every page in every state, wide and narrow, light and dark, in shots/; some go to
docs/images/.

Three data directories: an empty one; one in the middle of work (runs that train, wait, failed and were
resumed, written by tests.support.grow, so that the states are there at once); and a real experiment,
trained by `showdown demo`. The last is that of SHOWDOWN_HOME where it is set; a fresh one takes about five
minutes on two cores.
"""

import os
import signal
import subprocess
import sys
import tempfile
import urllib.request

from PIL import Image

from core.store import workers
from core.store.runs import claims, queries
from core.store.status import Status
from core.store.steps import records
from migrations import upgrade
from tests.conftest import REPO, forget_settings, free_port, wait_for
from tests.support.browser import browser, drawn, settle, whole
from tests.support.grow import grow, growing

OUT = REPO / "shots"
EMPTY = {
    "home-empty": "/",
    "runs-empty": "/runs",
    "queue-empty": "/queue",
    "run-none": "/run?run=1",
    "samples-empty": "/samples",
    "compare-empty": "/compare",
    "workers-empty": "/workers",
}
BUSY = {
    "home-busy": "/",
    "runs-busy": "/runs?runs=1-2-3&metrics=eval%2Faccuracy&metrics=reward%2Ftotal",
    "queue-busy": "/queue",
    "run-running": "/run?run=1",
    "run-waiting": "/run?run=6",
    "run-failed": "/run?run=4",
    "log-failed": "/run?run=4&tab=Log",
    "metrics": "/run?run=1&tab=All+metrics&filter=%5E%28reward%7Csignal%29%2F",
    "workers-busy": "/workers",
    "compare-busy": "/compare",
}
FULL = {
    "home": "/",
    "runs": "/runs?runs=1-2-3",
    "design": "/design?panel=Versions",
    "design-templates": "/design?panel=Templates",
    "design-yaml": "/design?panel=YAML",
    "replay": "/run?run=3&tab=Replay",
    "queue": "/queue",
    "run": "/run?run=3",
    "samples": "/run?run=3&tab=Samples&step=60",
    "compare": "/compare",
    "samples-experiment": "/samples?show=worst",
    "config": "/run?run=3&tab=Config",
    "log": "/run?run=3&tab=Log",
    "workers": "/workers",
}
DOCS = {"run-1440-light": "run", "design-1440-light": "design", "samples-1440-light": "samples", "queue-1440-light": "queue",
        "runs-1440-light": "runs"}  # fmt: skip
DOCS_WIDTH, DOCS_COLOURS = 1080, 128


def take(base: str, pages: dict[str, str]) -> None:
    """Each page in each width and theme."""
    OUT.mkdir(exist_ok=True)
    with browser() as made:
        for name, path in pages.items():
            for width in (1440, 390):
                for scheme in ("light", "dark"):
                    context = made.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)  # type: ignore[arg-type]
                    page = context.new_page()
                    page.goto(base + path)
                    page.wait_for_selector("h1", timeout=60_000)
                    settle(page)
                    drawn(page)
                    whole(page)
                    drawn(page)  # what was further down
                    whole(page)
                    page.wait_for_timeout(1000)  # tables draw themselves on a canvas, and say nothing
                    page.screenshot(path=OUT / f"{name}-{width}-{scheme}.png")
                    context.close()
                    print(f"shots/{name}-{width}-{scheme}.png")


def in_the_middle() -> None:
    """Runs in every state a page knows, and a worker that is heard of."""
    ids = growing(["hard", "continuous", "hybrid"], [0, 1], 100)
    for k, (run_id, last) in enumerate(zip(ids, (74, 61, 100, 12), strict=False)):
        grow(run_id, 0, last, k)
    for run_id, step in ((ids[0], 20), (ids[0], 40), (ids[1], 40)):
        records.write_checkpoint(run_id, 1, step)
    claims.finish(ids[2], 1, Status.DONE)
    failed = (
        'Traceback (most recent call last):\n  File "train.py", line 7, in step\n'
        "ValueError: gold answer of problem 12 is empty"
    )
    claims.finish(
        ids[3],
        1,
        Status.FAILED,
        "DataError",
        "problem 12 has no gold answer; give it one, or leave it out",
        failed,
    )
    for run_id in ids[4:]:
        claims.release(run_id, 1, "its worker ended")
    workers.beat("box-1", "box-1", 4711, 2)


def for_docs() -> None:
    """The pictures that the docs show: narrower, and with fewer colours, a tenth of the size."""
    (REPO / "docs" / "images").mkdir(exist_ok=True)
    for taken, name in DOCS.items():
        with Image.open(OUT / f"{taken}.png") as picture:
            small = picture.convert("RGB").resize(
                (DOCS_WIDTH, round(picture.height * DOCS_WIDTH / picture.width)), Image.Resampling.LANCZOS
            )
            few = small.quantize(palette=_palette(small), dither=Image.Dither.NONE)
            few.save(REPO / "docs" / "images" / f"{name}.png", optimize=True)


def _palette(picture: Image.Image) -> Image.Image:
    """The commonest colours as they are, and as many that cover the rest. The usual median cut spends all
    on greys: an orange line of a few hundred pixels came out grey."""
    common = sorted(picture.getcolors(picture.width * picture.height) or [], reverse=True)[:DOCS_COLOURS]
    cover = (picture.quantize(DOCS_COLOURS, Image.Quantize.MAXCOVERAGE).getpalette() or [])[
        : 3 * DOCS_COLOURS
    ]
    made = Image.new("P", (1, 1))
    made.putpalette([*(part for _, colour in common for part in colour), *cover])  # type: ignore[misc, union-attr]
    return made


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def serve(command: str, pages: dict[str, str], finished: int) -> None:
    """Start Showdown, wait until so many runs have finished, take the pictures, stop it."""
    forget_settings()
    upgrade()
    process = subprocess.Popen([sys.executable, "-m", "cli", command], start_new_session=True)
    base = f"http://127.0.0.1:{os.environ['SHOWDOWN_PORT']}"
    try:
        wait_for("the runs", lambda: sum(r.status.finished for r in queries.run_list()) >= finished, 1800)
        wait_for("the dashboard", lambda: answers(f"{base}/_stcore/health"), 60)
        take(base, pages)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def main() -> None:
    os.environ["SHOWDOWN_PORT"] = str(free_port())
    with tempfile.TemporaryDirectory() as fresh:
        given = os.environ.get("SHOWDOWN_HOME")
        os.environ["SHOWDOWN_HOME"] = fresh
        serve("up", EMPTY, 0)
        with tempfile.TemporaryDirectory() as busy:
            os.environ["SHOWDOWN_HOME"] = busy
            forget_settings()
            upgrade()
            in_the_middle()
            serve("app", BUSY, 0)
        os.environ["SHOWDOWN_HOME"] = given or fresh
        serve("demo", FULL, 3)
    for_docs()


if __name__ == "__main__":
    main()
