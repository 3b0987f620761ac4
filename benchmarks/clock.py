"""Runs a training with a clock in it: `python -m benchmarks.clock MODULE_OR_SCRIPT ARGS...`. Started by
benchmarks.worker.

Any GRPOTrainer that the program trains takes turns with others: it waits for its turn, makes some steps,
and says how long each took, where the time went and what its loss was, over the socket that CLOCK names.
"""

import os
import runpy
import sys
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Client
from typing import Any

from transformers import TrainerCallback
from trl import GRPOTrainer

# what to name it -> where it hangs; a part inside another is counted in both
PARTS = {
    "generate": ("_generate",),
    "score": ("_calculate_rewards",),
    "loss forward": ("_compute_loss",),
    "backward": ("accelerator", "backward"),
    "check and clip": ("_clip_grad_norm",),
    "record": ("callback_handler", "on_log"),
}


class Clock(TrainerCallback):
    """A step lasts from its begin to the next one's: everything between is somebody's cost."""

    def __init__(self, trainer: GRPOTrainer) -> None:
        self.socket = Client(os.environ["CLOCK"])
        self.socket.send(os.environ["CLOCK_SIDE"])
        self.turn, self.steps, self.parts, self.loss = 0, list[dict[str, Any]](), Counter[str](), 0.0
        self.began: tuple[float, float] | None = None
        for name, (*way, last) in PARTS.items():
            self._time(name, trainer if not way else getattr(trainer, way[0]), last)

    def _time(self, name: str, owner: Any, method: str) -> None:
        call: Callable[..., Any] = getattr(owner, method)

        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                self.parts[name] += time.perf_counter() - began

        setattr(owner, method, timed)

    def on_train_begin(self, *_: Any, optimizer: Any, **__: Any) -> None:
        self._time("optimizer", optimizer, "step")

    def on_log(self, *_: Any, logs: dict[str, float], **__: Any) -> None:
        self.loss = logs.get("loss", self.loss)

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        if self.began is not None:
            wall, cpu = time.perf_counter() - self.began[0], time.process_time() - self.began[1]
            self.steps.append({"wall": wall, "cpu": cpu, "loss": self.loss, **self.parts})
        if len(self.steps) == self.turn:
            self._say()
            self.turn = self.socket.recv()
        self.parts.clear()
        self.began = time.perf_counter(), time.process_time()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self._say()
        self.socket.close()

    def _say(self) -> None:
        self.socket.send(self.steps)
        self.steps = []


def main() -> None:
    train = GRPOTrainer.train

    def clocked(self: GRPOTrainer, *args: Any, **kwargs: Any) -> Any:
        self.add_callback(Clock(self))
        return train(self, *args, **kwargs)

    GRPOTrainer.train = clocked
    del sys.argv[0]
    if sys.argv[0].endswith(".py"):
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
