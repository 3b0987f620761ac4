"""What our worker adds to a step: the same run by the worker, every sample stored, and by a plain TRL script.

    .venv/bin/python -m benchmarks.worker [--quick] [--bare]

The script is the one that `showdown export` writes: GRPOTrainer with one reward function, the same model,
data, seed, rewards and TRL settings, its losses to the log, and the environment that the supervisor gives a
training (CHILD_ENV); `--bare` also runs it with none of that, which on a busy machine is many times slower.
All are alive at once and take turns of a few steps, so that the machine's load is shared out; a write that is
still under way at the end of a turn (one of five) is not waited for. Same losses: checked.

Prints the median seconds of a step, where they go, and the ratio of wall and processor time to the peer's
against the limit. A second table does the same with the perplexity reward, which stock TRL cannot compute:
our worker alone.
"""

import argparse
import os
import signal
import subprocess
import sys
import threading
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

from benchmarks.home import own_home
from core.config.parsing import parse
from core.config.run import RunConfig
from core.store.runs import claims

LIMIT = 1.02
TURN = 5  # steps
START_SECONDS = 180
OURS, PEER, BARE = "our worker", "plain TRL", "plain TRL, bare environment"
TERMS = [
    {"component": "correctness", "side": "hard", "weight": 1.0},
    {"component": "closeness", "side": "continuous", "weight": 0.4},
    {"component": "reasoning", "side": "continuous", "weight": 0.2},
    {"component": "format", "side": "continuous", "weight": 0.2},
]
PERPLEXITY = {"component": "perplexity", "side": "continuous", "weight": 0.2}

Steps = list[dict[str, Any]]


def config(steps: int, terms: list[dict[str, Any]]) -> RunConfig:
    """The demo's run; not evaluated or saved between its first and its last step."""
    return parse(
        RunConfig,
        {
            "name": "benchmark",
            "model": {"path": "tiny-sparse"},
            "data": {"train": {"name": "tiny-arithmetic"}, "eval": {"name": "tiny-arithmetic", "size": 8}},
            "grpo": {"num_generations": 8, "prompts_per_step": 8, "learning_rate": 6e-4, "max_steps": steps,
                     "max_completion_length": 48},
            "mix": {"blend": {"type": "constant", "value": 0.5}, "terms": terms},
            "evaluation": {"every": 10_000, "num_samples": 1},
            "checkpoint": {"every": 10_000},
        },
    )  # fmt: skip


def start_ours(made: RunConfig, address: str) -> threading.Thread:
    """Through the queue's row and the supervisor, as every run; only the child's module is run inside the
    clock."""
    from core.store.runs import lifecycle
    from worker.supervise import process_group, supervisor

    def clocked(command: list[str], **more: Any) -> Any:
        python, _, module, *ids = command
        env = {**more.pop("env"), "CLOCK": address, "CLOCK_SIDE": OURS}
        return subprocess.Popen([python, "-m", "benchmarks.clock", module, *ids], env=env, **more)

    claim = claims.claim(lifecycle.create_run(made), "benchmark", 60.0)
    assert claim is not None
    process_group.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": clocked})  # type: ignore[assignment]
    thread = threading.Thread(target=supervisor.train_claimed, args=(claim,))
    thread.start()
    return thread


def start_peer(made: RunConfig, folder: Path, address: str, side: str) -> "subprocess.Popen[bytes]":
    """The script of an exported run, in a process of its own."""
    from cli.runs.export_texts import script
    from worker.supervise.supervisor import CHILD_ENV

    folder.mkdir()
    (folder / "config.yaml").write_text(made.to_yaml())
    (folder / "train_standalone.py").write_text(script(made, 1, "benchmark", {}))
    given = CHILD_ENV if side == PEER else {}
    env = {**os.environ, **given, "CLOCK": address, "CLOCK_SIDE": side}
    command = [sys.executable, "-m", "benchmarks.clock", str(folder / "train_standalone.py")]
    with (folder / "log").open("wb") as log:
        # In a session of its own as ours is: Linux gives each session an equal share of a busy machine.
        return subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)


def race(made: RunConfig, sides: list[str], home: Path) -> dict[str, Steps]:
    """Every step of each side, in turns."""
    address = str(home / "clock")
    listener = Listener(address)
    waits: list[Any] = [start_ours(made, address)]
    waits += [
        start_peer(made, home / side.replace(" ", "-"), address, side) for side in sides if side != OURS
    ]
    sockets: dict[str, Connection] = {}
    found: dict[str, Steps] = {side: [] for side in sides}
    try:
        signal.alarm(START_SECONDS)  # a side that died before it came would be waited for without end
        for _ in sides:
            socket = listener.accept()
            sockets[socket.recv()] = socket
        for side in sides:
            sockets[side].recv()  # it stands before its first step
        signal.alarm(0)
        for number in range(made.grpo.max_steps // TURN):
            for side in sides if number % 2 else reversed(sides):
                sockets[side].send(TURN)
                found[side] += sockets[side].recv()
        for side in sides:
            sockets[side].send(TURN)  # the last step ends without another's begin, and is not counted
    finally:
        for socket in sockets.values() if sys.exc_info()[0] else ():
            socket.close()  # who waits for a turn ends
        for wait in waits:
            wait.join() if isinstance(wait, threading.Thread) else wait.wait()
        listener.close()
    return found


def table(found: dict[str, Steps]) -> dict[str, dict[str, float]]:
    """Print the median of each part of a step; return them."""
    mids = {
        side: {part: median(s.get(part, 0.0) for s in steps[TURN:]) for part in steps[-1]}
        for side, steps in found.items()
    }
    print(f"{'median ms of a step':<22}" + "".join(f"{side:>30}" for side in mids))
    for part in [p for p in next(iter(mids.values())) if p != "loss"]:
        print(f"  {part:<20}" + "".join(f"{1e3 * mid.get(part, 0.0):>30.1f}" for mid in mids.values()))
    return mids


def compare(made: RunConfig, home: Path, sides: list[str]) -> None:
    found = race(made, sides, home)
    for side in sides[1:]:
        assert [s["loss"] for s in found[side]] == [s["loss"] for s in found[OURS]], (
            f"{side} trained other numbers"
        )
    print(
        f"{len(found[OURS])} steps each in turns of {TURN}, the first {TURN} left out; all losses equal to the last bit"
    )
    mids = table(found)
    for side in sides[1:]:
        wall, cpu = (mids[OURS][kind] / mids[side][kind] for kind in ("wall", "cpu"))
        verdict = f"   limit {LIMIT}: {'OK' if wall <= LIMIT else 'SLOW'}" if side == PEER else ""
        # the same completions, so the same work
        pairs = zip(found[OURS][TURN:], found[side][TURN:], strict=True)
        paired = median(ours["wall"] / theirs["wall"] for ours, theirs in pairs)
        print(f"ours / {side:<28} wall {wall:.3f}   step by step {paired:.3f}   processor {cpu:.3f}{verdict}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="fewer steps: a minute")
    parser.add_argument(
        "--bare", action="store_true", help="also the script without the supervisor's environment"
    )
    args = parser.parse_args()
    steps = 20 if args.quick else 75
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for terms in (TERMS, [*TERMS, PERPLEXITY]):
        with own_home() as home:
            made = config(steps + 1, terms)
            try:
                if terms is TERMS:
                    compare(made, home, [OURS, PEER, BARE] if args.bare else [OURS, PEER])
                else:
                    print("with the perplexity reward, our worker alone:")
                    table(race(made, [OURS], home))
            except (EOFError, OSError, TimeoutError):
                for log in [*home.glob("*/log"), *home.glob("runs/*/train.log")]:
                    print(f"--- {log}\n{log.read_text()[-3000:]}", file=sys.stderr)
                raise
    print(f"load average {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
