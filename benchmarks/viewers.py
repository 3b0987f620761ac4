"""Many viewers of one live run: `python -m benchmarks.viewers [--viewers N] [--minutes M] [--runs R] [--page
PATH]`.

A dashboard of its own over runs that grow by a step a second, and simulated viewers (benchmarks.viewer),
all in view of every chart. Prints, minute by minute, the server's memory and processor time, and at the
end the slope of its memory after the first fifth, the time a new drawing took, and how often the database
was read for how many drawings.
"""

import argparse
import asyncio
import threading
import time

import numpy as np

from benchmarks.dashboard import Server, growing_runs, keep_growing
from benchmarks.home import own_home
from benchmarks.viewer import Seen, look

LIMIT_SLOPE = 0.2  # MB a minute: under 10 MB an hour


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--viewers", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--page", default="/run?run=1")
    args = parser.parse_args()
    with own_home() as home:
        ids = growing_runs(args.runs, 200, 20_000)
        with Server(home) as server, keep_growing(ids, 201):
            seen, seconds = Seen(), 60 * args.minutes
            page, _, query = args.page.strip("/").partition("?")
            looking = threading.Thread(
                target=lambda: asyncio.run(look(server.url, page, query, args.viewers, seconds, seen))
            )
            looking.start()
            marks = watch(server, looking, seconds)
    report(seen, marks, args.viewers)


def watch(server: Server, looking: threading.Thread, seconds: float) -> list[tuple[float, float, float]]:
    """(minutes, MB, processor seconds) of the server while the viewers look."""
    begin, marks = time.monotonic(), []
    while looking.is_alive() and time.monotonic() - begin < seconds + 60:
        marks.append(((time.monotonic() - begin) / 60, server.megabytes(), server.processor()))
        print(
            f"  {marks[-1][0]:5.1f} min   {marks[-1][1]:7.1f} MB   {marks[-1][2]:7.1f} s of processor",
            flush=True,
        )
        looking.join(min(60.0, seconds / 10))
    marks.append(((time.monotonic() - begin) / 60, server.megabytes(), server.processor()))
    return marks


def report(seen: Seen, marks: list[tuple[float, float, float]], viewers: int) -> None:
    minutes, megabytes, processor = (np.array(column) for column in zip(*marks, strict=True))
    late = minutes >= minutes[-1] / 5
    slope = float(np.polyfit(minutes[late], megabytes[late], 1)[0]) if late.sum() > 2 else float("nan")
    answers = np.array(seen.answers or [np.nan])
    used = (processor[-1] - processor[0]) / (60 * (minutes[-1] - minutes[0]))
    print(f"{viewers} viewers for {minutes[-1]:.1f} minutes: {used:.0%} of a core, {len(answers)} drawings, "
          f"{seen.cards} cards with data, {seen.bytes / 1e6:.0f} MB sent, errors {seen.errors[:1]}")  # fmt: skip
    median, late_answers = np.median(answers), np.percentile(answers, 95)
    print(
        f"server per drawing and viewer: {1000 * (processor[-1] - processor[0]) / max(len(answers), 1):.1f} ms of processor"
    )
    print(
        f"a drawing after the pulse: median {1000 * median:.0f} ms, 95 % under {1000 * late_answers:.0f} ms"
    )
    print(f"memory: {megabytes[-1]:.0f} MB, {slope:+.2f} MB a minute after the first fifth; "
          f"limit {LIMIT_SLOPE}: ratio {slope / LIMIT_SLOPE:.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
