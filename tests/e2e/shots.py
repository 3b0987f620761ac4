"""`make shots`: pictures of every page, empty and full, wide and narrow, light and dark, in shots/.

Uses the data directory of SHOWDOWN_HOME where it is set (and trains the demo there if it is new), else a fresh one;
a fresh one takes about five minutes on two cores, because the pictures show a real experiment.
"""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from core.store import queries
from tests.conftest import REPO, forget_settings, free_port, wait_for
from tests.e2e.browser import browser, settle, whole

OUT = REPO / "shots"
EMPTY = {"home-empty": "/", "runs-empty": "/runs", "queue-empty": "/queue", "run-none": "/run?run=1"}
FULL = {
    "home": "/",
    "runs": "/runs?runs=1-2-3",
    "design": "/design",
    "queue": "/queue",
    "run": "/run?run=3",
    "samples": "/run?run=3&tab=Samples&step=60",
    "samples-experiment": "/samples?show=worst",
    "config": "/run?run=3&tab=Config",
    "log": "/run?run=3&tab=Log",
    "workers": "/workers",
}


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
                    page.wait_for_timeout(2500)  # charts draw after the page has settled
                    whole(page)
                    page.screenshot(path=OUT / f"{name}-{width}-{scheme}.png")
                    context.close()
                    print(f"shots/{name}-{width}-{scheme}.png")


def serve(command: str, pages: dict[str, str], finished: int) -> None:
    """Start Showdown, wait until so many runs have finished, take the pictures, stop it."""
    process = subprocess.Popen([sys.executable, "-m", "cli", command], start_new_session=True)
    base = f"http://127.0.0.1:{os.environ['SHOWDOWN_PORT']}"
    try:
        database = Path(os.environ["SHOWDOWN_HOME"]) / "showdown.db"
        wait_for("the database", database.is_file, 60)
        wait_for("the runs", lambda: sum(r.status.finished for r in queries.run_list()) >= finished, 1800)
        take(base, pages)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def main() -> None:
    os.environ["SHOWDOWN_PORT"] = str(free_port())
    with tempfile.TemporaryDirectory() as fresh:
        given = os.environ.get("SHOWDOWN_HOME")
        os.environ["SHOWDOWN_HOME"] = fresh
        forget_settings()
        serve("up", EMPTY, 0)
        os.environ["SHOWDOWN_HOME"] = given or fresh
        forget_settings()
        serve("demo", FULL, 3)


if __name__ == "__main__":
    main()
