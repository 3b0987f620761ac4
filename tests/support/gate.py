"""A training that waits at a step until a test lets it go on: what is done meanwhile comes in time on any
machine."""

from pathlib import Path
from typing import Any

import pytest

from core.config.run import RunConfig
from core.rewards.components import COMPONENTS, SHIPPED, plugins
from tests.conftest import wait_for
from tests.support.samples import BRIEF, HYBRID, run_config

STEP = 2  # the last that is trained before the gate, unless it is moved
COMPLETIONS = 4  # in a step of `small`
SOURCE = f"""
import itertools, math, pathlib, time
import numpy as np
from core.rewards.component import Component, ComponentParams

HOLD, STEPS = pathlib.Path(__file__).with_name("hold"), itertools.count(1)

def last():
    try:
        return int(HOLD.read_text() or {STEP})
    except FileNotFoundError:
        return math.inf

def score(batch, params):
    if len(batch) == 1:  # tried, when the file is read
        return np.zeros(1)
    step = next(STEPS)  # of this process: an attempt that resumes has as many again
    while step > last():
        HOLD.with_name("waits").write_text(str(step))
        time.sleep(0.05)
    return np.zeros(len(batch))

COMPONENT = Component(name="gate", title="Gate", params=ComponentParams, score=score, range=(0.0, 1.0), side="hard",
                      what="Nothing.", how_it_is_gamed="Not at all.")
"""


def gated(home: Path, monkeypatch: pytest.MonkeyPatch, step: int = STEP) -> Path:
    """The gate as a component of a data directory, closed after a step; it is open once the file returned
    is not there."""
    folder = home / "components"
    folder.mkdir()
    (folder / "gate.py").write_text(SOURCE)
    (folder / "hold").write_text(str(step))
    # the workers find it by themselves
    monkeypatch.setitem(COMPONENTS, "gate", plugins.found(folder, SHIPPED)[0]["gate"])
    return folder / "hold"


def move(gate: Path, step: int) -> None:
    """Let the training go on up to another step."""
    part = gate.with_suffix(".part")
    part.write_text(str(step))
    gate.with_name("waits").unlink(missing_ok=True)
    part.replace(gate)


def at_gate(gate: Path) -> None:
    """The training waits: nothing of it happens until the gate is opened or moved."""
    waits = gate.with_name("waits")

    # to the gate as it is now: it may have said that it waited a moment before the gate was moved
    def has_come() -> bool:
        return waits.exists() and int(waits.read_text() or 0) > int(gate.read_text())

    wait_for("the training to come to the gate", has_come)


def gated_run(mix: dict[str, Any] = HYBRID, **changes: Any) -> RunConfig:
    """`run_config`, with the gate as the last term of its mix."""
    gate = {"component": "gate", "side": "hard", "weight": 0.1}
    return run_config(mix={**mix, "terms": [*mix["terms"], gate]}, **changes)


def small(steps: int) -> dict[str, Any]:
    """Changes of `run_config` for a run whose states matter and not its numbers: little work a step, no
    evaluation between."""
    return {
        "grpo": {**BRIEF, "max_completion_length": 16, "max_steps": steps},
        "data": {"eval": {"name": "tiny-arithmetic", "size": 2}},
        "evaluation": {"every": 100, "num_samples": 1},
    }
