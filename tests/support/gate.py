"""A training that waits at a step until a test lets it go on: what is done meanwhile comes in time on any machine."""

from pathlib import Path
from typing import Any

import pytest

from core.config import RunConfig
from core.rewards import COMPONENTS, SHIPPED, own
from tests.support.samples import HYBRID, run_config

STEP = 2  # the last that is trained before the gate
COMPLETIONS = 4  # in a step of `small`
SOURCE = f"""
import itertools, pathlib, time
import numpy as np
from core.rewards.component import Component, ComponentParams

HOLD, STEPS = pathlib.Path(__file__).with_name("hold"), itertools.count(1)

def held(step):
    try:
        return step > int(HOLD.read_text() or {STEP})
    except FileNotFoundError:
        return False

def score(batch, params):
    if len(batch) == 1:  # tried, when the file is read
        return np.zeros(1)
    step = next(STEPS)  # of this process: an attempt that resumes has as many again
    while held(step):
        time.sleep(0.05)
    return np.zeros(len(batch))

COMPONENT = Component(name="gate", title="Gate", params=ComponentParams, score=score, range=(0.0, 1.0), side="hard",
                      what="Nothing.", how_it_is_gamed="Not at all.")
"""


def gated(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The gate as a component of a data directory, closed; it is open once the file returned is not there."""
    folder = home / "components"
    folder.mkdir()
    (folder / "gate.py").write_text(SOURCE)
    (folder / "hold").touch()
    monkeypatch.setitem(COMPONENTS, "gate", own.found(folder, SHIPPED)[0]["gate"])  # the workers find it by themselves
    return folder / "hold"


def move(hold: Path, step: int) -> None:
    """Let the training go on, to the end of this step of its process."""
    moved = hold.with_name("moved")
    moved.write_text(str(step))
    moved.replace(hold)  # at once: nobody reads half of it


def gated_run(**changes: Any) -> RunConfig:
    """`run_config`, with the gate in its mix."""
    gate = {"component": "gate", "side": "hard", "weight": 0.1}
    return run_config(mix={**HYBRID, "terms": [*HYBRID["terms"], gate]}, **changes)


def small(steps: int) -> dict[str, Any]:
    """Changes of `run_config` for a run whose states matter and not its numbers: little work a step, no evaluation between."""
    return {
        "grpo": {"max_steps": steps, "prompts_per_step": 2, "num_generations": 2, "max_completion_length": 16},
        "data": {"eval": {"name": "tiny-arithmetic", "size": 2}},
        "evaluation": {"every": 100, "num_samples": 1},
    }
