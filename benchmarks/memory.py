"""Does a long training grow? `python -m benchmarks.memory [--steps N]`: the resident memory of a real child
over 2,000 steps.

The tiny model with small batches of short completions, every sample stored, a checkpoint every 250 steps.
Prints the memory along the way and, after the first quarter, its slope in MB per 1,000 steps against the
limit.
"""

import argparse
import threading
import time
from pathlib import Path

import numpy as np

from benchmarks.home import own_home
from core.config.parsing import parse
from core.config.run import RunConfig
from core.store.runs import claims, lifecycle, queries
from worker.supervise import supervisor

LIMIT = 5.0  # MB per 1,000 steps: a run of 20,000 steps then grows by a tenth of what it needs anyway


def config(steps: int) -> RunConfig:
    return parse(
        RunConfig,
        {
            "model": {"path": "tiny"},
            "data": {"train": {"name": "tiny-arithmetic"}, "eval": {"name": "tiny-arithmetic", "size": 4}},
            "grpo": {
                "num_generations": 4,
                "prompts_per_step": 1,
                "max_steps": steps,
                "max_completion_length": 8,
            },
            "mix": {"terms": [{"component": "correctness", "side": "hard", "weight": 1.0}]},
            "evaluation": {"every": 250, "num_samples": 1},
            "checkpoint": {"every": 250},
        },
    )


def child_megabytes() -> float | None:
    """Resident memory of this process's one child, None without one."""
    for children in Path("/proc/self/task").glob("*/children"):
        for pid in children.read_text().split():
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    return int(line.split()[1]) / 1024
    return None


def watch(steps: int) -> list[tuple[int, float]]:
    """(step, MB) of a training from its first step to its end, four times a second."""
    claim = claims.claim(lifecycle.create_run(config(steps)), "benchmark", 60.0)
    assert claim is not None
    training = threading.Thread(target=supervisor.train_claimed, args=(claim,))
    training.start()
    seen: list[tuple[int, float]] = []
    while training.is_alive():
        step = queries.run_detail(claim.run_id).row.step
        try:
            found = child_megabytes()
        except OSError:  # it ended while it was looked at
            found = None
        if step and found:
            if step // 250 > (seen[-1][0] // 250 if seen else 0):
                print(f"  step {step:>6}   {found:7.1f} MB", flush=True)
            seen.append((step, found))
        time.sleep(0.25)
    row = queries.run_detail(claim.run_id).row
    assert row.step == steps, row.error_message
    return seen


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=2000)
    steps = parser.parse_args().steps
    with own_home():
        seen = np.array([point for point in watch(steps) if point[0] > steps // 4])
    slope = 1000 * float(np.polyfit(seen[:, 0], seen[:, 1], 1)[0])
    verdict = "OK" if slope <= LIMIT else "GROWS"
    print(f"{slope:+.2f} MB per 1,000 steps after step {steps // 4}   limit {LIMIT}: {verdict}")


if __name__ == "__main__":
    main()
