"""Replays a million samples with 8 terms: `python -m benchmarks.replay [--samples N]`. One run prints the
rate of the arithmetic against the limit of a million samples a second, the rate of reading them from
SQLite, and the memory used.
"""

import argparse
import resource
import time
from statistics import median

import numpy as np

from core.analysis.replay import compare, run
from core.analysis.sample_table import SampleTable
from core.config.parsing import parse
from core.config.run import RunConfig
from core.rewards.mix import Mix

LIMIT = 1_000_000  # samples a second
PER_STEP, GROUP, TERMS = 64, 8, 8
SIDES = ("hard", "continuous")
MIXES = {
    "sum, group scaling": {},
    "sum, batch scaling": {"advantage": {"type": "batch"}},
    "normalize then sum": {"advantage": {"type": "normalize_then_sum"}},
    "mixed advantages": {"advantage": {"type": "mixed"}},
    "gate": {"rule": {"type": "gate", "order": ["t0"]}},
    "stratified": {"rule": {"type": "stratified", "verifier": "t0"}},
}


def mix(**more: object) -> Mix:
    """Eight terms on both sides with a moving blend."""
    terms = [
        {
            "component": "correctness" if k == 0 else "closeness",
            "name": f"t{k}",
            "side": SIDES[k % 2],
            "weight": 0.5,
        }
        for k in range(TERMS)
    ]
    blend = {"type": "linear", "start": 0.0, "end": 1.0, "from_step": 100, "to_step": 10_000}
    return parse(Mix, {"blend": blend, "terms": terms, **more})


def table(n: int) -> SampleTable:
    """Random scores of n samples, in steps of 64 and groups of 8."""
    rng = np.random.default_rng(0)
    where = np.arange(n)
    correct = rng.random(n) < 0.4
    raw = {f"t{k}": correct.astype(float) if k == 0 else rng.random(n).round(2) for k in range(TERMS)}
    return SampleTable(
        where, where // PER_STEP + 1, where // GROUP, correct, rng.random(n), np.full(n, 20), raw
    )


def arithmetic(n: int) -> None:
    """The rate of each kind of mix on one table."""
    print(f"{n:,} samples x {TERMS} terms, arithmetic alone, median of 3")
    for name, more in MIXES.items():
        made, times = mix(**more), []
        for _ in range(3):
            samples = table(n)  # a fresh one: what a table keeps between calls is part of the work
            began = time.perf_counter()
            outcome = run(samples, made)
            times.append(time.perf_counter() - began)
        seconds = median(times)
        rate = n / seconds
        verdict = "OK" if rate >= LIMIT else "SLOW"
        print(
            f"  {name:<22} {seconds:6.2f} s  {rate:>12,.0f} samples/s  {rate / LIMIT:5.2f} x the limit  {verdict}"
        )
    began = time.perf_counter()
    compare(samples, outcome, outcome)
    print(f"  {'what changes':<22} {time.perf_counter() - began:6.2f} s")


def reading(n: int) -> None:
    """The rate of reading stored samples back; n of them are written first."""
    from sqlalchemy import insert

    from core.analysis import sources
    from core.store.runs import lifecycle
    from core.store.schema import run as run_table
    from core.store.schema import sample, score
    from core.store.session import writing

    made = mix()
    steps = n // PER_STEP
    config = parse(RunConfig, {"mix": made, "grpo": {"max_steps": steps}})
    run_id = lifecycle.create_run(config)
    rng = np.random.default_rng(0)
    common = {"run_id": run_id, "split": "train", "problem_id": "p", "prompt": "q" * 150, "completion": "c" * 60, "gold": "7",
              "correct": True, "n_tokens": 20, "truncated": False, "mean_nll": 0.5, "total": 1.0, "advantage": 0.0}  # fmt: skip
    for first in range(0, steps, 200):
        rows = [
            {
                **common,
                "id": 1 + s * PER_STEP + i,
                "step": s + 1,
                "group_index": i // GROUP,
                "index_in_group": i % GROUP,
            }
            for s in range(first, min(steps, first + 200))
            for i in range(PER_STEP)
        ]
        raw = rng.random((len(rows), TERMS))
        with writing() as c:
            c.execute(insert(sample), rows)
            c.execute(
                insert(score),
                [
                    {
                        "sample_id": r["id"],
                        "term": f"t{k}",
                        "position": k,
                        "raw": x,
                        "shaped": x,
                        "weight": 0.5,
                        "contribution": x / 2,
                    }
                    for r, line in zip(rows, raw.tolist(), strict=True)
                    for k, x in enumerate(line)
                ],
            )
    with writing() as c:
        c.execute(run_table.update().values(step=steps))
    began = time.perf_counter()
    found = sources.of_run(run_id, made)
    seconds = time.perf_counter() - began
    print(
        f"read {len(found):,} samples from SQLite in {seconds:.1f} s: {len(found) / seconds:,.0f} samples/s"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--read", type=int, default=0, help="also write and read back so many from SQLite")
    args = parser.parse_args()
    arithmetic(args.samples)
    if args.read:
        from benchmarks.home import own_home  # here: the arithmetic alone needs no database in its memory

        with own_home():
            reading(args.read)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:,.0f} MiB")


if __name__ == "__main__":
    main()
