"""What the test of random kills stands on: blows that a seed draws again, and a comparison that sees one
changed bit."""

import json
import math
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from core.common.settings import settings
from core.store.runs import claims, lifecycle
from core.store.status import Status
from core.store.steps import records
from core.store.steps.records import EvaluationRow, ItemRow, SampleRow, ScoreRow, StepRecord
from tests.chaos.ledger import ADAPTER_CONFIG, WEIGHTS, Difference, compared, ledger
from tests.chaos.parts import WORKER, Process
from tests.chaos.storm import DATABASE, EVERYTHING, KILL, LOCK, STAND, Pace, Storm, Undo
from tests.conftest import wait_for
from tests.support.samples import run_config

SCORE = ScoreRow("correctness", 0, 1.0, 1.0, 0.5, 0.1)
SAMPLE = SampleRow(
    split="train", problem_id="p", group_index=0, index_in_group=0, prompt="?", completion="#### 7", gold="7", parsed="7",
    parsed_by="marker", parsed_start=5, parsed_end=6, correct=True, n_tokens=3, truncated=False, mean_nll=0.3, total=0.1,
    advantage=0.7, scores=(SCORE,),
)  # fmt: skip
ITEM = ItemRow("p", 2, 1, True, 0.5)
EVALUATION = EvaluationRow(1, 2, 1.0, 0.5, seconds=3.0, pass_at={"1": 0.5}, items=(ITEM,))
METRICS = {"policy/loss": 0.1, "speed/step_seconds": 1.0, "memory/peak": 2.0, "eval/seconds": 3.0}
STEP = StepRecord(1, METRICS, [SAMPLE], EVALUATION, switched=["blend"])
NEXT = math.nextafter(0.1, 1.0)  # one bit above 0.1
TARGETS = ["q_proj", "v_proj"]


def left(*steps: StepRecord, weight: float = 0.5, targets: list[str] = TARGETS) -> int:
    """A run that has stored these steps and an adapter, and is DONE."""
    run_id = lifecycle.create_run(run_config())
    assert claims.claim(run_id, "w", 60.0)
    for step in steps:
        records.write_step(run_id, 1, step)
    claims.finish(run_id, 1, Status.DONE)
    folder = settings().run_folder(run_id) / "adapter"
    folder.mkdir(parents=True)
    save_file({"a": np.array([weight], np.float32)}, folder / WEIGHTS)
    (folder / ADAPTER_CONFIG).write_text(json.dumps({"r": 8, "target_modules": targets}))
    return run_id


def second(step: StepRecord) -> StepRecord:
    """The step after it, as another step's record."""
    return replace(step, step=2, samples=[], evaluation=None, switched=[])


@pytest.mark.usefixtures("sqlite")
@pytest.mark.parametrize(
    ("make", "expected"),
    [
        pytest.param(lambda: left(STEP, second(STEP)), {}, id="equal"),
        pytest.param(
            lambda: left(
                replace(STEP, metrics=dict.fromkeys(METRICS, 9.0) | {"policy/loss": 0.1},
                        evaluation=replace(EVALUATION, seconds=9.0)),
                second(STEP), targets=TARGETS[::-1],
            ),
            {}, id="by-the-clock-the-memory-and-the-order-of-a-set",
        ),
        pytest.param(lambda: left(STEP), {"point": (4, 0, 0), "run": (0, 0, 1), "event": (1, 1, 0)}, id="a-step-lost"),
        pytest.param(
            lambda: left(STEP, second(STEP), replace(second(STEP), step=3)),
            {"point": (0, 4, 0), "run": (0, 0, 1), "event": (1, 1, 0)}, id="a-step-too-many",
        ),
        pytest.param(
            lambda: left(replace(STEP, metrics=METRICS | {"policy/loss": NEXT}), second(STEP)), {"point": (0, 0, 1)},
            id="a-bit-of-a-metric",
        ),
        pytest.param(
            lambda: left(replace(STEP, metrics={k: v for k, v in METRICS.items() if k != "memory/peak"}), second(STEP)),
            {"point": (1, 0, 0)}, id="a-number-by-the-machine-that-is-missing",
        ),
        pytest.param(
            lambda: left(replace(STEP, samples=[replace(SAMPLE, completion="#### 8")]), second(STEP)), {"sample": (0, 0, 1)},
            id="a-text",
        ),
        pytest.param(
            lambda: left(replace(STEP, samples=[replace(SAMPLE, scores=(SCORE._replace(contribution=NEXT),))]), second(STEP)),
            {"score": (0, 0, 1)}, id="a-bit-of-a-score",
        ),
        pytest.param(
            lambda: left(replace(STEP, evaluation=replace(EVALUATION, pass_at={"1": NEXT})), second(STEP)),
            {"evaluation": (0, 0, 1)}, id="a-bit-of-an-evaluation",
        ),
        pytest.param(
            lambda: left(replace(STEP, evaluation=replace(EVALUATION, items=())), second(STEP)),
            {"evaluation_item": (1, 0, 0)}, id="a-problem-of-an-evaluation",
        ),
        pytest.param(
            lambda: left(replace(STEP, switched=["blend", "blend"]), second(STEP)), {"event": (0, 1, 0)},
            id="a-switch-said-twice",
        ),
        pytest.param(
            lambda: left(STEP, second(STEP), weight=math.nextafter(0.5, 1.0)), {}, id="less-than-a-bit-of-a-weight"
        ),
        pytest.param(
            lambda: left(STEP, second(STEP), weight=float(np.nextafter(np.float32(0.5), np.float32(1)))),
            {"adapter": (0, 0, 1)}, id="a-bit-of-a-weight",
        ),
    ],
)  # fmt: skip
def test_a_difference_of_one_bit_or_one_row_is_seen(
    make: Callable[[], int], expected: Mapping[str, tuple[int, int, int]]
) -> None:
    """Table -> how many keys are lost, doubled, changed. An end at another step is an event lost and one
    too many."""
    straight, there = ledger(left(STEP, second(STEP))), ledger(make())
    seen = {table: found for table, found in compared(there, straight).items() if found}
    assert {table: sizes(found) for table, found in seen.items()} == expected


def sizes(found: Difference) -> tuple[int, int, int]:
    return len(found.lost), len(found.doubled), len(found.changed)


class Nothing:
    """A set-up in which no process lives and the database cannot be hit."""

    victims = {WORKER: (KILL, STAND), DATABASE: (LOCK,), EVERYTHING: (KILL,)}

    def processes(self) -> dict[str, list[Process]]:
        return {}

    def strike(self, action: str, turn: float) -> Undo | None:
        return None


def blows(seed: int, count: int = 40) -> list[str]:
    said: list[str] = []
    storm = Storm(Nothing(), seed, Pace(1e-6, 5.0, 0.0), said.append)
    while len(said) < count:
        storm.tick(0)
    return said


def test_a_seed_draws_the_same_blows_again() -> None:
    assert blows(1) == blows(1) != blows(2)
    assert {line.split()[1].rstrip(":") for line in blows(1)} == {WORKER, DATABASE, EVERYTHING}


@pytest.fixture
def living(tmp_path: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], cwd=tmp_path)


class One(Nothing):
    """One process that may be stopped."""

    victims = {WORKER: (STAND,)}

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def processes(self) -> dict[str, list[Process]]:
        return {WORKER: [Process(self.pid)]}


def test_what_stands_still_goes_on(living: subprocess.Popen[bytes]) -> None:
    def state() -> str:
        return Path(f"/proc/{living.pid}/stat").read_text().rpartition(")")[2].split()[0]

    try:
        storm = Storm(One(living.pid), 1, Pace(1e-6, 600.0, 0.0), print)
        storm.tick(0)
        wait_for("it to stand still", lambda: state() == "T")
        assert storm.counts == {(WORKER, STAND): 1}
        storm.calm()
        wait_for("it to go on", lambda: state() == "S")
    finally:
        living.kill()
        living.wait()
    wait_for("a blow that meets nothing", lambda: storm.tick(0) or storm.missed)
    assert storm.counts.total() == 1
