"""Comparing 8 arms x 10 seeds x 2,000 steps: `python -m benchmarks.compare [--honest | --page]`.

Prints the time of the bootstrap with 10,000 resamples against its limit, and that of the whole comparison
with the memory of its input. `--honest`: how often intervals of few seeds hold the truth, and how often
flags go up on runs in which nothing is wrong (a minute). `--page`: from a click on the Compare page's link
until such runs, in SQLite, are drawn in Chromium, with a server that has just started.
"""

import argparse
import os
import subprocess
import time
from collections import Counter
from pathlib import Path
from statistics import median

import numpy as np
from playwright.sync_api import Browser, Error, Page
from sqlalchemy import insert, select, update

from benchmarks.home import own_home
from core.common.settings import settings
from core.compare.comparison import PRIMARY, compare
from core.compare.evidence import GOLD, READ, REWARD, Evidence
from core.compare.flags import flags
from core.compare.stats.bootstrap import RESAMPLES, band, interval, iqm, mean
from core.compare.stats.pairs import improvement
from core.config.experiment import ExperimentConfig
from core.config.parsing import parse
from core.metrics.series import Series
from core.store import schema
from core.store.runs import lifecycle
from core.store.session import writing

LIMIT = 2.0  # seconds
ARMS, SEEDS, STEPS = 8, 10, 2000
EACH = (
    "signal/dead_groups",
    "policy/entropy",
    "policy/grad_norm",
    "policy/loss",
    "length/mean",
    "speed/step_seconds",
)
GRPO = {"prompts_per_step": 8, "num_generations": 8, "max_steps": STEPS}


def run(
    arm: int, seed: int, steps: int = STEPS, every: int = 10, height: float = 0.5, noise: float = 0.0
) -> Evidence:
    """A run that climbs to 0.3 + `height`, seen through 128 problems x 2 completions; its reward rises
    throughout."""
    rng = np.random.default_rng((arm, seed, 7))
    at, evaluated = np.arange(1, steps + 1), np.arange(0, steps + 1, every)
    truth = 0.3 + (height + noise * rng.normal()) * (1 - np.exp(-evaluated / (steps / 5)))
    gold = rng.binomial(256, np.clip(truth, 0, 1)) / 256
    series = {name: Series(at, 1 + 0.1 * rng.normal(size=steps)).packed() for name in EACH}
    series[REWARD] = Series(at, 0.3 + 0.5 * at / steps + 0.05 * rng.normal(size=steps)).packed()
    series[GOLD] = Series(evaluated, gold).packed()
    return Evidence(
        arm * SEEDS + seed, f"arm-{arm}", seed, "done", steps, steps, series, 128, 2, 1.0, {"grpo": GRPO}
    )


def bootstrap() -> bool:
    """Intervals of every step's mean for every arm, of each arm's scores and of every pair. Median of three."""
    rng = np.random.default_rng(0)
    curves = rng.random((ARMS, SEEDS, STEPS))
    finals = curves[:, :, -1]
    times: dict[str, list[float]] = {"curves": [], "mean and IQM of a score": [], "28 pairs": []}
    cpu = time.process_time()
    for _ in range(3):
        marks = [time.perf_counter()]
        for arm in curves:
            band(arm, RESAMPLES)
        marks.append(time.perf_counter())
        for arm in finals:
            interval(arm, mean, RESAMPLES)
            interval(arm, iqm, RESAMPLES)
        marks.append(time.perf_counter())
        for i in range(ARMS):
            for j in range(i):
                improvement(finals[i], finals[j], resamples=RESAMPLES)
        marks.append(time.perf_counter())
        for name, seconds in zip(times, np.diff(marks), strict=True):
            times[name].append(float(seconds))
    print(f"{ARMS} arms x {SEEDS} seeds x {STEPS:,} steps, {RESAMPLES:,} resamples, median of 3")
    for name, found in times.items():
        print(f"  {name:<24} {median(found):6.3f} s")
    total = sum(map(median, times.values()))
    print(f"  {'together':<24} {total:6.3f} s, limit {LIMIT:g} s: {'OK' if total < LIMIT else 'SLOW'}")
    print(
        f"  {'processor time':<24} {(time.process_time() - cpu) / 3:6.3f} s, mean of 3: what it takes on an idle machine"
    )
    return total < LIMIT


def whole() -> None:
    """The comparison that a page shows, with all scores, flags and three primary scores of all pairs."""
    runs = [run(arm, seed, noise=0.03) for arm in range(ARMS) for seed in range(SEEDS)]
    began = time.perf_counter()
    found = compare(runs)
    print(
        f"whole comparison: {time.perf_counter() - began:.2f} s, {len(found.arms)} arms, {len(found.pairs)} pairs x scores"
    )
    points = sum(len(s.steps) for r in runs for s in r.series.values())
    print(
        f"  its input: {points:,} points, {16 * points / 2**20:.0f} MiB; primary scores: {', '.join(PRIMARY)}"
    )


def coverage(times: int = 2000) -> None:
    """How often a 95 % interval of the mean holds the true mean of a normal distribution."""
    print(f"95 % intervals that hold the true mean of a normal, of {times:,}:")
    for n in (3, 4, 5, 10, 20):
        draws = np.random.default_rng(n).normal(size=(times, n))
        found = [interval(scores, resamples=2000) for scores in draws]
        print(f"  {n:>2} seeds {100 * np.mean([i.low <= 0 <= i.high for i in found]):5.1f} %")


def false_flags(times: int = 1000) -> None:
    """Flags on runs whose gold accuracy never falls and whose reward always rises, which is the hardest
    honest case."""
    for steps, every, height in ((100, 10, 0.5), (2000, 10, 0.5), (2000, 10, 0.2), (1000, 50, 0.0)):
        seen: Counter[str] = Counter()
        for seed in range(times):
            seen.update(f.kind for f in flags(run(99, seed, steps, every, height)))
        said = ", ".join(f"{kind} {count}" for kind, count in sorted(seen.items())) or "none"
        print(f"  {steps} steps, evaluated every {every}, gain {height:g}: flags in {times:,} runs: {said}")


def stored() -> None:
    """The same runs in the database of this process."""
    mixes = [{"component": "correctness", "side": "hard"}, {"component": "closeness", "side": "continuous"}]
    arms = [
        {"name": f"arm-{i}", "mix": {"terms": mixes, "blend": {"type": "constant", "value": i / (ARMS - 1)}}}
        for i in range(ARMS)
    ]
    made = {
        "name": "eighty",
        "arms": arms,
        "seeds": list(range(SEEDS)),
        "run": {"model": {"path": "tiny"}, "grpo": GRPO},
    }
    lifecycle.create_experiment(parse(ExperimentConfig, made), "bench")
    with writing() as c:
        c.execute(insert(schema.metric), [{"name": name} for name in READ])
        ids = {row.name: row.id for row in c.execute(select(schema.metric.c.name, schema.metric.c.id))}
        rows = c.execute(select(schema.run.c.id, schema.run.c.arm, schema.run.c.seed)).all()
    for row in rows:
        found = run(int(row.arm.rpartition("-")[2]), row.seed, noise=0.03)
        gold = found.series[GOLD]
        steps, rng = np.arange(1, STEPS + 1), np.random.default_rng(row.id)
        series = {name: Series(steps, rng.random(STEPS)) for name in READ} | dict(found.series)
        series["eval/kl"] = Series(gold.steps, [s / 1e4 for s in gold.steps])
        points = [
            {"run_id": row.id, "metric_id": ids[name], "step": int(s), "value": float(v)}
            for name, line in series.items() for s, v in zip(line.steps, line.values, strict=True)
        ]  # fmt: skip
        evaluated = [
            {
                "run_id": row.id,
                "step": int(s),
                "problems": 128,
                "num_samples": 2,
                "temperature": 1.0,
                "accuracy": v,
                "seconds": 1.0,
            }
            for s, v in zip(gold.steps, gold.values, strict=True)
        ]
        with writing() as c:
            c.execute(insert(schema.point), points)
            c.execute(insert(schema.evaluation), evaluated)
            c.execute(
                update(schema.run)
                .where(schema.run.c.id == row.id)
                .values(status="done", step=STEPS, attempt=1)
            )


def page() -> bool:
    """Three servers, each new: until the answer, the first chart, and all that each step left is there."""
    from cli.server.up import app_command
    from tests.conftest import free_port
    from tests.support.browser import browser

    times: dict[str, list[float]] = {"answer and table": [], "curves drawn": [], "all of it": []}
    worked: dict[str, list[float]] = {}
    with own_home(), browser() as made:
        stored()
        for _ in range(3):
            port = os.environ["SHOWDOWN_PORT"] = str(free_port())
            settings.cache_clear()
            server = subprocess.Popen(app_command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                _watch(made, f"http://127.0.0.1:{port}", server.pid, times, worked)
            finally:
                server.terminate()
                server.wait()
    print(
        "the Compare page of 80 runs, from the click on its link, with a server that has just started; median of 3"
    )
    for name, found in times.items():
        print(f"  {name:<24} {median(found):6.2f} s, of the server's processor {median(worked[name]):5.2f} s")
    return median(times["curves drawn"]) < LIMIT


def _watch(
    made: Browser, base: str, pid: int, times: dict[str, list[float]], worked: dict[str, list[float]]
) -> None:
    from tests.conftest import wait_for

    seen = made.new_page(viewport={"width": 1440, "height": 3200})
    wait_for("the dashboard", lambda: _opens(seen, f"{base}/workers"), 60)
    # loaded when a page has been open for a moment
    seen.wait_for_function("() => window.Plotly", timeout=20_000)
    began, before = time.perf_counter(), _processor(pid)
    seen.get_by_role("link", name="Compare", exact=True).first.click()
    looked = (
        seen.get_by_role("region", name="Arms"),
        seen.locator(".main-svg").first,
        seen.get_by_role("img", name="Dead groups by step"),
    )
    for name, there in zip(times, looked, strict=True):
        there.wait_for(timeout=60_000)
        times[name].append(time.perf_counter() - began)
        worked.setdefault(name, []).append(_processor(pid) - before)
    seen.close()


def _processor(pid: int) -> float:
    """Seconds of processor that a process has used: what it takes when nobody else wants the machine."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _opens(seen: Page, url: str) -> bool:
    try:
        seen.goto(url)
        seen.wait_for_selector("h1", timeout=20_000)
    except Error:
        return False
    return True


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--page", action="store_true", help="only the Compare page of such runs, in Chromium")
    parser.add_argument(
        "--honest", action="store_true", help="also measure intervals and flags where the truth is known"
    )
    args = parser.parse_args()
    if args.page:
        raise SystemExit(not page())
    kept = bootstrap()
    whole()
    if args.honest:
        coverage()
        false_flags()
    raise SystemExit(not kept)


if __name__ == "__main__":
    main()
