"""A page of samples out of a million: every filter with every sort, on SQLite and PostgreSQL, against the
limit of 100 ms.

    .venv/bin/python -m benchmarks.samples [--samples N] [--only sqlite|postgresql] [--slowest N]

The largest experiment has 9 runs of 1,000 steps (576,000 of the million samples); 191 smaller runs have
the rest. Each list is asked once to warm the database's cache, then three times; the median counts.
PostgreSQL is Debian's, in a cluster of its own; SHOWDOWN_BENCH_POSTGRES names another.
"""

import argparse
import os
import random
import time
from dataclasses import replace
from itertools import product
from statistics import median

from benchmarks.databases import postgresql
from benchmarks.home import own_home
from core.config.experiment import ExperimentConfig
from core.config.parsing import parse
from core.config.run import RunConfig
from core.store.bulk_insert import insert_rows
from core.store.runs import lifecycle
from core.store.samples import browse, lines, notes
from core.store.samples.browse import Selection, Sort
from core.store.schema import run, sample, score
from core.store.session import engine, writing

LIMIT = 100.0  # ms
ARMS, SEEDS, STEPS, PROMPTS, GROUP, PROBLEMS = 3, 3, 1000, 8, 8, 7473
TERMS = ("correctness", "closeness", "perplexity", "reasoning", "format", "length")
SMALL = 191
SHARDS = ("clips", "apples", "dollars", "pages", "hours", "marbles")
PAGE = 50
SELECTIONS = {
    "everything": {},
    "one step": {"first": 700, "last": 700},
    "right": {"correct": True},
    "wrong, cut": {"correct": False, "truncated": True},
    "dead groups": {"dead": True},
    "reward and gold disagree": {"disagree": True},
    "closeness 0.2-0.3": {"term": "closeness", "low": 0.2, "high": 0.3},
    "text, common": {"text": "marbles"},
    "text, rare": {"text": "#### 4711"},
    "text, absent": {"text": "no such words"},
    "one problem": {"problem": "gsm8k/train/42"},
    "a label": {"label": "odd"},
    "right, dead, closeness, text": {
        "correct": True,
        "dead": True,
        "term": "closeness",
        "low": 0.5,
        "text": "clips",
    },
}
SORTS = [
    Sort(by, down) for by in ("place", "total", "advantage", "surprise", "tokens") for down in (True, False)
]
SORTS += [Sort("score", down, "perplexity") for down in (True, False)] + [Sort("random", seed=3)]


def _text(rng: random.Random, number: int) -> str:
    lines = [
        f"{rng.choice(SHARDS)}: {rng.randrange(100)} + {rng.randrange(100)} = {rng.randrange(200)}."
        for _ in range(12)
    ]
    return "\n".join([*lines, f"#### {number}"])


def _step(
    run_id: int, step: int, first_id: int, groups: int, rng: random.Random
) -> tuple[list[tuple], list[tuple]]:  # type: ignore[type-arg]
    samples, scores = [], []
    for g in range(groups):
        problem, dead = rng.randrange(PROBLEMS), rng.random() < 0.2
        for i in range(GROUP):
            key, right, total = first_id + len(samples), rng.random() < 0.4, 0.5 if dead else rng.random()
            samples.append((
                key, run_id, step, "train", f"gsm8k/train/{problem}", g, i, f"A question about {problem}. " * 8,
                _text(rng, rng.randrange(10_000)), "7", "7", "marker", 10, 11, right, rng.randrange(20, 300),
                rng.random() < 0.05, 0.5, total, 0.0 if dead else total - 0.5, dead, rng.random() - 0.6,
            ))  # fmt: skip
            scores += [(key, t, k, rng.random(), 0.5, 0.2, 0.1) for k, t in enumerate(TERMS)]
    return samples, scores


def build(samples: int) -> tuple[int, ...]:
    """Fill the database of the settings; the ids of the largest experiment's runs."""
    terms = [{"component": t, "side": "always", "weight": 0.2} for t in TERMS]
    config = {"grpo": {"max_steps": STEPS, "num_generations": GROUP, "prompts_per_step": PROMPTS}}
    whole = {"name": "large", "run": config, "seeds": list(range(SEEDS)), "arms": [
        {"name": f"arm-{a}", "mix": {"terms": terms}} for a in range(ARMS)
    ]}  # fmt: skip
    _, large = lifecycle.create_experiment(parse(ExperimentConfig, whole))
    small = [
        lifecycle.create_run(parse(RunConfig, {**config, "mix": {"terms": terms}})) for _ in range(SMALL)
    ]
    per_step = PROMPTS * GROUP
    steps = [(r, s) for r in large for s in range(1, min(STEPS, samples // per_step // len(large)) + 1)]
    rest = (samples - len(steps) * per_step) // per_step
    steps += [(small[k % SMALL], k // SMALL + 1) for k in range(max(rest, 0))]
    steps.sort(key=lambda at: at[1])  # runs train side by side
    names = ("id", "run_id", "step", "split", "problem_id", "group_index", "index_in_group", "prompt", "completion", "gold",
             "parsed", "parsed_by", "parsed_start", "parsed_end", "correct", "n_tokens", "truncated", "mean_nll", "total",
             "advantage", "dead", "surprise")  # fmt: skip
    rng, next_id = random.Random(0), 1
    for start in range(0, len(steps), 100):
        with writing() as c:
            for run_id, step in steps[start : start + 100]:
                rows, scores = _step(run_id, step, next_id, PROMPTS, rng)
                next_id += len(rows)
                insert_rows(c, sample, names, rows)
                insert_rows(
                    c,
                    score,
                    ("sample_id", "term", "position", "raw", "shaped", "weight", "contribution"),
                    scores,
                )
    with writing() as c:
        c.execute(run.update().values(step=STEPS, status="done"))
    for step in range(1, 51):
        notes.write(lines.Place(large[0], "train", step, 0, 0), "", ["odd"])
    return tuple(large)


def ask(chosen: Selection, sort: Sort) -> float:
    """ms for one page of a list, its count and its rows."""
    took = []
    for _ in range(4):
        began = time.perf_counter()
        found = browse.page(chosen, sort, 1, PAGE)
        lines.lines(found.ids)
        took.append(1e3 * (time.perf_counter() - began))
    return median(took[1:])


def measure(large: tuple[int, ...], slowest: int) -> bool:
    found = []
    for (name, values), sort in product(SELECTIONS.items(), SORTS):
        found.append((ask(replace(Selection(large), **values), sort), name, sort))
    for name in SELECTIONS:
        took = [(ms, s) for ms, n, s in found if n == name]
        ms, worst = max(took, key=lambda t: t[0])
        print(
            f"  {name:<30} {median(t for t, _ in took):7.1f} ms {ms:7.1f} ms  {ms / LIMIT:5.2f} x  slowest by {worst.by}"
        )
    print(f"  {len(found)} lists; slowest:")
    for ms, name, sort in sorted(found, key=lambda f: -f[0])[:slowest]:
        print(
            f"    {ms:7.1f} ms  {ms / LIMIT:5.2f} x  {'OK' if ms <= LIMIT else 'SLOW'}  {name} by {sort.by}, down={sort.down}"
        )
    return max(found)[0] <= LIMIT


def database(name: str, samples: int, slowest: int) -> bool:
    """Fill and measure the database of the settings."""
    began = time.perf_counter()
    large = build(samples)
    print(f"{name}: {samples:,} samples x {len(TERMS)} terms written in {time.perf_counter() - began:.0f} s")
    if name == "PostgreSQL":
        with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as c:
            c.exec_driver_sql("VACUUM ANALYZE")  # what autovacuum does within minutes
    return measure(large, slowest)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    parser.add_argument("--slowest", type=int, default=10, help="how many of the slowest lists to name")
    args = parser.parse_args()
    kept = True
    if args.only != "postgresql":
        with own_home():
            kept = database("SQLite", args.samples, args.slowest)
    if args.only != "sqlite":
        with postgresql() as url:
            if url is None:
                print(
                    "PostgreSQL: skipped, it is not here; install Debian's `postgresql`, or set SHOWDOWN_BENCH_POSTGRES"
                )
            else:
                with own_home(url):
                    kept &= database("PostgreSQL", args.samples, args.slowest)
    print(f"limit {LIMIT:.0f} ms: {'OK' if kept else 'SLOW'}; load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
