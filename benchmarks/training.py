"""Runs that train, seen in a browser: `python -m benchmarks.training [--runs 8] [--minutes 4] [--elsewhere]`.

Real trainings of the tiny model, each in a process of its own as a worker starts them, and their curves on
the Runs page in Chromium. Prints the time from a step's commit, as another process sees it, to its point
on the screen, against its limit. `--elsewhere`: the trainings give way to the server and the browser, as
those of other machines do.
"""

import argparse
import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import numpy as np
from playwright.sync_api import Page

from benchmarks.dashboard import Server
from benchmarks.home import own_home
from benchmarks.live import KEYS, LIMITS, STAMP, descendants, said, stamped
from core.config import presets
from core.config.experiment import ExperimentConfig
from core.config.local_checks import settled
from core.config.parsing import parse
from core.store.runs import claims, lifecycle, queries
from tests.support.browser import browser
from worker.supervise import supervisor

LOOK = 0.02  # seconds between two looks at the database


def launched(count: int) -> list[int]:
    """So many seeds of the demo's last arm, long enough not to end meanwhile."""
    made = settled(presets.demo()).model_dump(mode="json")
    made["run"]["grpo"]["max_steps"] = 2000
    _, ids = lifecycle.create_experiment(
        parse(ExperimentConfig, made | {"arms": made["arms"][-1:], "seeds": list(range(count))}), "bench"
    )
    return ids


def train(run_id: int) -> None:
    claim = claims.claim(run_id, f"benchmark {run_id}", 600.0)
    assert claim is not None
    supervisor.train_claimed(claim)


def give_way(others: Sequence[int]) -> None:
    """The lowest priority for the trainings, by process and by session: each is one of its own."""
    for pid in set(descendants(os.getpid())) - set(others):
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, pid, 19)
            Path(f"/proc/{pid}/autogroup").write_text("19")


def watch(ids: Sequence[int], wrote: dict[str, float], ended: threading.Event) -> None:
    """When each step was first seen to be in the database."""
    known = dict.fromkeys(ids, 0)
    while not ended.wait(LOOK):
        now = time.time()
        for row in queries.rows(ids):
            if row.step > known[row.id]:
                wrote[f"{row.name}~{row.step}"], known[row.id] = now, row.step


def seen(page: Page, url: str, ids: Sequence[int], seconds: float) -> dict[str, float]:
    """Name and step -> when it was drawn."""
    query = "&".join(f"metrics={quote(key, safe='')}" for key in KEYS)
    page.goto(f"{url}/runs?runs={'-'.join(map(str, ids))}&{query}")
    page.wait_for_function("() => [...(window.showdownCharts ?? [])].some((ui) => ui.shown)", timeout=120_000)
    page.evaluate(STAMP)
    time.sleep(seconds)
    return stamped(page)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--minutes", type=float, default=4.0)
    parser.add_argument("--elsewhere", action="store_true")
    args = parser.parse_args()
    with own_home() as home, browser() as made:
        others = descendants(os.getpid())  # the browser
        ids, wrote, ended = launched(args.runs), dict[str, float](), threading.Event()
        threads = [threading.Thread(target=train, args=(run_id,)) for run_id in ids]
        threads.append(threading.Thread(target=watch, args=(ids, wrote, ended)))
        for thread in threads:
            thread.start()
        try:
            with Server(Path(home)) as server:
                while min(row.step for row in queries.rows(ids)) < 2:  # all of them train
                    time.sleep(1)
                if args.elsewhere:
                    give_way([*others, *server.pids])
                begin = time.time()
                page = made.new_page(viewport={"width": 1440, "height": 2000})
                drawn = seen(page, server.url, ids, 60 * args.minutes)
        finally:
            ended.set()
            for run_id in ids:
                lifecycle.request_stop(run_id)
            for thread in threads:
                thread.join()
    late = np.array([at - wrote[key] for key, at in drawn.items() if wrote.get(key, 0) > begin + 10])
    print(
        f"{args.runs} runs train, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores: {len(late)} steps seen"
    )
    said("step written to point drawn, 95 % under", float(np.percentile(late, 95)), "s", LIMITS["latency"])
    print(f"  median {np.median(late):.2f} s, longest {late.max():.2f} s")


if __name__ == "__main__":
    main()
