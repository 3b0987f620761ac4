"""What the recorder costs the training thread: 40 metrics and 64 samples x 6 terms a step, on SQLite and on
PostgreSQL.

    .venv/bin/python -m benchmarks.recorder [--quick] [--pause SECONDS]

Prints, against the limit of 2 ms at the median, the time from an array to the hand-over (what a step waits
for), the time until the row is stored, and the processor time of both threads together, which a training
shares with the writer. The pause between two steps stands for the step. Then 8 processes write to one
SQLite file at once, and what is missing is counted. PostgreSQL is Debian's, in a cluster of its own with
fsync on; SHOWDOWN_BENCH_POSTGRES names another.
"""

import argparse
import os
import time
from multiprocessing import get_context

import numpy as np

from benchmarks.databases import postgresql
from benchmarks.home import own_home
from core.common.settings import settings
from core.config.parsing import parse
from core.config.run import RunConfig
from core.rewards.batch import RolloutBatch, ScoredBatch
from core.store.runs import claims, lifecycle, queries
from core.store.session import forget_engines
from core.store.steps.records import StepRecord
from worker.state.background_writer import Outbox
from worker.training.recorder import sample_rows

LIMIT = 2.0  # ms
METRICS, SAMPLES, GROUP, TERMS, WRITERS = 40, 64, 8, 6, 8
CONFIG = {"mix": {"terms": [{"component": "correctness", "side": "hard", "weight": 1.0}]}}


def never() -> bool:
    return False


def rollout(step: int, rng: np.random.Generator) -> tuple[RolloutBatch, ScoredBatch]:
    """Random scores; texts as long as those of a word problem."""
    texts = [f"Natalia sold {i}+{step}={i + step} clips.\n" * 8 + f"#### {i}" for i in range(SAMPLES)]
    batch = RolloutBatch(
        prompts=["q" * 200] * SAMPLES,
        completions=texts,
        golds=["7"] * SAMPLES,
        problem_ids=[f"p{i // GROUP}" for i in range(SAMPLES)],
        group=np.arange(SAMPLES) // GROUP,
        n_tokens=np.full(SAMPLES, 60),
        truncated=np.zeros(SAMPLES, dtype=bool),
        mean_nll=rng.random(SAMPLES),
    )
    assert len(batch.correct) == SAMPLES  # parsed by now in a real step: the reward engine asked
    scores = rng.random((SAMPLES, TERMS))
    total = scores.sum(1)
    terms = tuple(f"term{k}" for k in range(TERMS))
    dead = np.zeros(SAMPLES // GROUP, dtype=bool)
    return batch, ScoredBatch(
        terms, step, 0.5, scores, scores, np.ones(TERMS), scores, total, total - total.mean(), dead
    )


def write(run_id: int, steps: int, pause: float) -> dict[str, np.ndarray]:
    """Write a run's steps as its training would. ms of each step; the first ones, which open connections,
    are left out."""
    folder = settings().run_folder(run_id)
    folder.mkdir(parents=True)
    rng, took = np.random.default_rng(run_id), []
    with Outbox(folder, run_id, 1) as outbox:
        for step in range(1, steps + 1):
            (batch, scored), metrics = (
                rollout(step, rng),
                {f"family/m{k}": float(rng.random()) for k in range(METRICS)},
            )
            began, cpu = time.perf_counter(), time.process_time()
            rows = sample_rows(batch, "train", scored, scored.advantage)
            outbox.write_step(StepRecord(step, metrics, rows), never)
            handed = time.perf_counter()
            outbox._steps.join()
            took.append((handed - began, time.perf_counter() - began, time.process_time() - cpu))
            time.sleep(pause)
    ms = 1e3 * np.array(took[min(5, steps // 4) :])
    return {"in the training thread": ms[:, 0], "until it is stored": ms[:, 1], "processor": ms[:, 2]}


def new_run(steps: int) -> int:
    run_id = lifecycle.create_run(parse(RunConfig, {**CONFIG, "grpo": {"max_steps": steps}}))
    assert claims.claim(run_id, "benchmark", 3600.0)
    return run_id


def missing(run_id: int, steps: int) -> int:
    """Points, samples and scores that a run lacks."""
    found = queries.series(run_id)
    points = METRICS * steps - sum(len(s.steps) for s in found.values())
    stored = [s for step in range(1, steps + 1) for s in queries.samples_at(run_id, step)]
    return points + (SAMPLES * steps - len(stored)) + sum(TERMS - len(s.scores) for s in stored)


def one(name: str, steps: int, pause: float) -> None:
    """One run alone on the database of the settings."""
    run_id = new_run(steps)
    for what, ms in write(run_id, steps, pause).items():
        p50, p99 = np.percentile(ms, [50, 99])
        verdict = f"   limit {LIMIT} ms: {'OK' if p50 < LIMIT else 'SLOW'}" if "thread" in what else ""
        print(f"  {name:<12} {what:<24} median {p50:6.2f} ms   p99 {p99:7.2f} ms{verdict}")
    assert missing(run_id, steps) == 0


def many(steps: int, pause: float) -> None:
    """Eight runs at once on one SQLite file, each in a process of its own."""
    forget_engines()  # a connection does not survive a fork
    ids = [new_run(steps) for _ in range(WRITERS)]
    forget_engines()
    began = time.perf_counter()
    with get_context("fork").Pool(WRITERS) as pool:
        took = pool.starmap(write, [(run_id, steps, pause) for run_id in ids], chunksize=1)
    seconds = time.perf_counter() - began
    ms = np.concatenate([t["in the training thread"] for t in took])
    stored = np.concatenate([t["until it is stored"] for t in took])
    lacking = sum(missing(run_id, steps) for run_id in ids)
    print(
        f"  {WRITERS} runs on one SQLite file, {steps} steps each, {WRITERS * steps / seconds:.0f} steps/s together:"
    )
    print(f"  in the training threads median {np.median(ms):.2f} ms, p99 {np.percentile(ms, 99):.2f} ms; "
          f"stored after median {np.median(stored):.1f} ms; missing: {lacking} {'OK' if not lacking else 'LOST'}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="fewer steps")
    parser.add_argument("--pause", type=float, default=0.05, help="seconds between two steps")
    args = parser.parse_args()
    steps = 60 if args.quick else 400
    print(
        f"{METRICS} metrics, {SAMPLES} samples x {TERMS} terms, {steps} steps; load average {os.getloadavg()[0]:.1f}"
    )
    with own_home():
        one("SQLite", steps, args.pause)
        many(steps // 2, args.pause)
    with postgresql() as url:
        if url is None:
            print(
                "  PostgreSQL: skipped, it is not here; install Debian's `postgresql`, or set SHOWDOWN_BENCH_POSTGRES"
            )
        else:
            with own_home(url):
                one("PostgreSQL", steps, args.pause)
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
