"""How many samples a second every text component scores, and what scoring costs beside the rest of a training
step.

    .venv/bin/python -m benchmarks.rewards

Prints a table, slowest first, then the time of the whole engine with all of them as a share of a step of
the tiny demo (0.58 s on two CPU cores, the fastest step there is), against the limit of 1 %. `showdown
bench rewards` prints the table.
"""

from core.analysis import bench

STEP_SECONDS = 0.58
LIMIT = 0.01


def main() -> None:
    rates = bench.component_rates()
    for rate in rates:
        print(
            f"{rate.name:<24} {rate.samples_per_second:>12,.0f} samples/s   {rate.batch_seconds * 1e3:8.3f} ms a batch"
        )
    share = next(rate for rate in rates if rate.name == bench.ENGINE).batch_seconds / STEP_SECONDS
    verdict = "OK" if share <= LIMIT else "short"
    print(
        f"engine's share of a step {share:.2%}   {share / LIMIT:.2f} of the limit of {LIMIT:.0%}   {verdict}"
    )


if __name__ == "__main__":
    main()
