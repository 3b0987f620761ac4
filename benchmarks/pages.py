"""How long pages take with 200 runs, 4 million points and a million samples, on SQLite and (where it is
there) PostgreSQL.

`python -m benchmarks.pages [--quick] [--browser]`. For each page the time of its script with empty caches
(what the server does before the browser has something to draw; the first run of each, which imports
modules, is left out), and of each query alone. With --browser also a click on the page's link in Chromium
until the page stands still. The limit is 1 s.
"""

import argparse
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
from sqlalchemy import insert, literal, select, update

from core.common.settings import settings
from core.config import presets
from core.config.experiment import ExperimentConfig
from core.config.parsing import parse
from core.metrics import METRICS
from core.store import session, workers
from core.store.bulk_insert import insert_rows
from core.store.runs import claims, durations, lifecycle, queries
from core.store.schema import evaluation, metric, point, sample
from core.store.schema import run as run_table
from core.store.session import writing
from core.store.status import Status
from core.store.steps import many_runs, records
from core.store.steps.records import EvaluationRow, StepRecord
from migrations import upgrade

LIMIT, REPEATS = 1.0, 3
PAGES = {"home": "", "queue": "queue", "runs": "runs", "run": "run", "workers": "workers"}
TERMS = ("correctness", "closeness", "perplexity", "reasoning", "format")


@contextmanager
def databases() -> Iterator[list[str]]:
    """Names of the databases that can be measured; PostgreSQL runs meanwhile."""
    from tests.conftest import fresh_postgres, postgres_server

    names = [""]
    with tempfile.TemporaryDirectory() as folder:
        server = (
            postgres_server.__wrapped__(None) if list(Path("/usr/lib/postgresql").glob("*/bin")) else None
        )  # type: ignore[attr-defined]
        if server is not None:
            names.append(fresh_postgres(next(server)))
        os.environ["SHOWDOWN_HOME"] = folder
        yield names
        if server is not None:
            session.forget_engines()
            next(server, None)


def build(n_runs: int, steps: int, per_step: int) -> None:
    """Experiments of 3 arms x 2 betas x 5 seeds until there are so many runs; some train, some wait."""
    demo = presets.demo().model_dump(mode="json", by_alias=True)
    changed = {"seeds": list(range(5)), "sweep": {"grpo.beta": [0.0, 0.04]}}
    demo["run"]["grpo"]["max_steps"] = steps
    ids: list[int] = []
    while len(ids) < n_runs:
        made = parse(ExperimentConfig, {**demo, **changed, "name": f"Experiment {len(ids)}"})
        ids += lifecycle.create_experiment(made)[1]
    names = [
        *METRICS,
        *(f"{family}/{term}" for family in ("score", "contribution", "weight") for term in TERMS),
    ]
    rng, first = np.random.default_rng(0), ids[0]
    for run_id in ids[: n_runs - 20]:
        claim = claims.claim(run_id, "box-1", 1e6)
        assert claim is not None and claims.mark_running(run_id, 1)
        records.write_step(
            run_id, 1, StepRecord(1, dict.fromkeys(names, 0.5), (), EvaluationRow(128, 2, 1.0, 0.5, 2.0))
        )
        records.write_environment(run_id, 1, {"host": "box", "device": "cpu"})
        if run_id % 20:
            claims.finish(run_id, 1, Status.DONE, log_tail="a line\n" * 1000)
    with writing() as c:
        metric_ids = list(c.execute(select(metric.c.id)).scalars())
        values = rng.random((len(metric_ids), steps)).tolist()
        rows = [
            (first, m, s, values[k][s - 1]) for k, m in enumerate(metric_ids) for s in range(2, steps + 1)
        ]
        insert_rows(c, point, ("run_id", "metric_id", "step", "value"), rows)
        accuracy = [(first, s, 128, 2, 1.0, s / steps, 2.0) for s in range(10, steps + 1, 10)]
        columns = ("run_id", "step", "problems", "num_samples", "temperature", "accuracy", "seconds")
        insert_rows(c, evaluation, columns, accuracy)
        columns = ("run_id", "step", "split", "problem_id", "group_index", "index_in_group", "prompt", "completion", "gold",
                   "correct", "n_tokens", "truncated", "mean_nll", "total", "advantage")  # fmt: skip
        texts = ("q" * 150, "c" * 60, "7", True, 20, False, 0.5, 1.0, 0.0)
        samples = [
            (first, s, "train", f"p{i // 8}", i // 8, i % 8, *texts)
            for s in range(1, steps + 1)
            for i in range(per_step)
        ]
        insert_rows(c, sample, columns, samples)
        c.execute(update(run_table).where(run_table.c.attempt > 0).values(step=steps))
    for run_id in ids[1 : n_runs - 20]:
        with writing() as c:
            for table, after in ((point, 1), (evaluation, 1), (sample, 0)):
                names_ = [x.name for x in table.c if x.name not in ("run_id", "id")]
                copied = select(literal(run_id), *(table.c[n] for n in names_)).where(
                    table.c.run_id == first, table.c.step > after
                )
                c.execute(insert(table).from_select(["run_id", *names_], copied))
        if run_id % 50 == 0:
            print(f"  built {run_id} runs", file=sys.stderr, flush=True)
    with writing() as c:
        c.exec_driver_sql("analyze")


def timed(work: Callable[[], object]) -> float:
    """Median seconds of a few repeats, after one that does not count."""
    work()
    took = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return median(took)


def say(name: str, seconds: float) -> None:
    verdict = "OK" if seconds <= LIMIT else "SLOW"
    print(f"  {name:<44} {1000 * seconds:8.0f} ms  {seconds / LIMIT:5.2f} x the limit  {verdict}", flush=True)


def scripts(run_id: int) -> None:
    """Each page's script, with empty caches."""
    import streamlit as st
    from streamlit.testing.v1 import AppTest

    def opened(name: str) -> None:
        st.cache_data.clear()
        workers.beat("box-1", "box", 42, 2)
        at = AppTest.from_file(str(Path(__file__).parent.parent / "app" / "main.py"), default_timeout=120)
        at.query_params["run"] = str(run_id)
        at.query_params["runs"] = "-".join(map(str, range(run_id, run_id + 6)))
        at.switch_page(f"views/{name}/page.py").run() if name != "home" else at.run()
        assert not at.exception, at.exception

    for name in PAGES:
        say(f"page {name}: script, cold caches", timed(lambda name=name: opened(name)))  # type: ignore[misc]


def reads(run_id: int) -> None:
    """Each query alone."""
    rows = queries.run_list(limit=600)
    ids = [r.id for r in rows]
    made: dict[str, Callable[[], object]] = {
        "run_list": lambda: queries.run_list(limit=600),
        "unfinished": queries.unfinished,
        "gold of all runs": lambda: many_runs.gold(ids),
        "configs of all runs": lambda: many_runs.configs(ids),
        "newest value of a metric, all runs": lambda: many_runs.newest_of(ids, "reward/total"),
        "past runs of a model": lambda: durations.past_runs("tiny-sparse"),
        "one metric of a run": lambda: queries.series(run_id, ["reward/total"]),
        "run_detail": lambda: queries.run_detail(run_id),
        "all metrics of a run": lambda: queries.series(run_id),
        "samples of a step": lambda: queries.samples_at(run_id, 100),
        "machines": lambda: workers.machines(0.0),
    }
    for name, work in made.items():
        say(f"query {name}", timed(work))


def clicks() -> None:
    """From a click on a page's link until it stands still, in Chromium on a dashboard of its own."""
    import subprocess

    from cli.server.up import app_command
    from tests.conftest import free_port, wait_for
    from tests.support.browser import browser, settle

    port = os.environ["SHOWDOWN_PORT"] = str(free_port())
    settings.cache_clear()
    with tempfile.TemporaryFile() as log, subprocess.Popen(app_command(), stdout=log, stderr=log) as server:
        with browser() as made:
            page = made.new_page(viewport={"width": 1440, "height": 1000})
            base = f"http://127.0.0.1:{port}"
            wait_for("the dashboard", lambda: _answers(page, base), 60)
            took: dict[str, list[float]] = {}
            for _ in range(1 + REPEATS):  # the first imports modules
                for name in ("Queue", "Runs", "Workers", "Home"):
                    title = "Showdown" if name == "Home" else name
                    began = time.perf_counter()
                    page.get_by_role("link", name=name, exact=True).first.click()
                    page.wait_for_function(
                        "(title) => document.querySelector('h1')?.textContent === title", arg=title
                    )
                    settle(page)
                    took.setdefault(name, []).append(time.perf_counter() - began)
            for name, seconds in took.items():
                say(f"click {name}, until it stands still", median(seconds[1:]))
        server.terminate()


def _answers(page: object, base: str) -> bool:
    from playwright.sync_api import Error, Page

    assert isinstance(page, Page)
    try:
        page.goto(base)
        page.wait_for_selector("h1", timeout=20_000)
    except Error:
        return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a tenth of the steps")
    parser.add_argument("--browser", action="store_true", help="also click through the pages in Chromium")
    args = parser.parse_args()
    steps = 45 if args.quick else 506
    with databases() as names:
        for url in names:
            os.environ["SHOWDOWN_DATABASE_URL"] = url
            settings.cache_clear()
            session.forget_engines()
            upgrade()
            per_step = math.ceil(1_000_000 / 180 / 450)
            began = time.perf_counter()
            build(200, steps, per_step)
            with session.reading() as c:
                counts = [
                    c.exec_driver_sql(f"select count(*) from {t}").scalar_one()
                    for t in ("run", "point", "sample")
                ]
            kind = "PostgreSQL" if url else "SQLite"
            took = time.perf_counter() - began
            print(
                f"{kind}: {counts[0]:,} runs, {counts[1]:,} points, {counts[2]:,} samples, built in {took:.0f} s"
            )
            reads(100)
            scripts(100)
            if args.browser:
                clicks()


if __name__ == "__main__":
    main()
