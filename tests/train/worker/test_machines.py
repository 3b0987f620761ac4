"""Real trainings across machines that share a database and a place: every checkpoint leads to the same
run, bit for bit."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cli.runs.transfer import export_run
from core.common.settings import settings
from core.store.runs import lifecycle, queries
from core.store.schema import run
from core.store.session import writing
from core.store.status import Status
from core.store.steps import evaluations
from migrations import upgrade
from tests.conftest import wait_for
from tests.support.places import BUCKET, machine, s3_environment
from tests.support.samples import CONTINUOUS, HARD, run_config
from tests.support.trainings import record, same, train
from worker.state import checkpoints
from worker.state.checkpoint_manager import NOT_SHARED, SHARED_AGAIN
from worker.state.remote import Shared, digest
from worker.supervise import supervisor

STEPS = 3
LONG = 10
WEIGHTS = "adapter_model.safetensors"
# Dropout draws from torch's generator; the blend, the z-score and the evaluations' KL have a memory of steps
# before.
BLEND = {
    "type": "adaptive",
    "signal": "kl",
    "threshold": 0.0,
    "start": 0.7,
    "end": 0.0,
    "rate": 0.3,
    "memory": 0.5,
}
STATEFUL = {
    "blend": BLEND,
    "terms": [
        *HARD,
        {**CONTINUOUS[0], "shaping": {"type": "zscore"}},
        {**CONTINUOUS[1], "shaping": {"type": "zscore"}},
    ],
}
CONFIG = run_config(
    mix=STATEFUL,
    lora={"lora_dropout": 0.1},
    grpo={"max_steps": STEPS, "temperature": 0.9, "max_completion_length": 16},
    evaluation={"every": 2, "num_samples": 2},
    checkpoint={"every": 1, "keep": 99},
)


@dataclass
class Straight:
    """A run that was never interrupted, and all that must be the same when it is."""

    folder: Path
    database: str
    seen: dict[str, Any]

    def on(self, name: str, place: str = BUCKET) -> Any:
        return machine(self.folder / name, place, self.database)


def seen() -> dict[str, Any]:
    """Everything run 1 left behind that must not depend on the clock."""
    samples, metrics = record(1)
    return {
        "samples": samples,
        "metrics": metrics,
        "items": [evaluations.items(1, step) for step in range(STEPS + 1)],
        "switched": [(e.step, e.detail) for e in queries.events(1) if e.kind == "switched"],
        "adapter": digest(settings().run_folder(1) / "adapter" / WEIGHTS),
    }


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory, s3_url: str) -> Iterator[Straight]:
    """Trained on machine a, with every checkpoint in the bucket."""
    folder = tmp_path_factory.mktemp("machines")
    with pytest.MonkeyPatch.context() as patch:
        s3_environment(patch, s3_url)
        made = Straight(folder, f"sqlite:///{folder / 'shared.db'}", {})
        with made.on("a"):
            upgrade()
            assert train(CONFIG) == 1
            detail = queries.run_detail(1)
            assert detail.row.status == Status.DONE, detail.log_tail
            made.seen = seen()
        yield made


def again_from(step: int) -> None:
    """Run 1 as it was when its worker was lost with that checkpoint announced; trained here to its end."""
    with writing() as c:
        c.execute(run.update().where(run.c.id == 1).values(status="queued", checkpoint_step=step))
    supervisor.supervise("test")
    detail = queries.run_detail(1)
    assert detail.row.status == Status.DONE, detail.log_tail
    resumed = [e.step for e in queries.events(1) if e.kind == "resumed"]
    assert resumed[-1] == step


# The last first: what lies after a checkpoint is forgotten, there too, and made again.
@pytest.mark.parametrize("step", range(STEPS, 0, -1))
def test_every_checkpoint_leads_another_machine_to_the_same_run(straight: Straight, step: int) -> None:
    with straight.on(f"from-{step}"):
        assert not settings().run_folder(1).exists() and Shared(1).steps()[0] == {1, 2, 3}
        again_from(step)
        now = seen()
        assert Shared(1).steps()[0] == {1, 2, 3}
        assert checkpoints.steps(settings().run_folder(1)) == list(range(step, STEPS + 1))
    before = straight.seen
    assert same(now.pop("samples"), before["samples"])
    for what, value in now.items():
        assert value == before[what], what
    assert len({*before["metrics"]["blend/hard"].values()}) > 1  # it moved: a forgotten state would show


def test_what_a_checkpoint_holds(straight: Straight) -> None:
    """Each kind of state that a resumed run needs; what the database holds of the rest is rewound to the
    same step."""
    with straight.on("a"):
        held = {p.name for p in checkpoints.path(settings().run_folder(1), 2).iterdir()}
    assert held >= {
        WEIGHTS,
        "optimizer.pt",
        "scheduler.pt",
        "rng_state.pth",  # of Python, NumPy, torch and each GPU
        "trainer_state.json",  # the step, from which the sampler finds its place in the data
        "reward_engine.json",
    }


def test_a_machine_without_the_run_exports_its_adapter(straight: Straight, tmp_path: Path) -> None:
    with straight.on("elsewhere"):
        said = export_run(1, tmp_path / "export")
        assert not settings().run_folder(1).exists()
    assert digest(tmp_path / "export" / "adapter" / WEIGHTS) == straight.seen["adapter"]
    accuracies = straight.seen["metrics"]["eval/accuracy"]
    best = max((value, step) for step, value in accuracies.items())
    assert said["best"] == {"step": best[1], "accuracy": best[0]}
    assert (
        f"Highest held-out accuracy: {best[0]:.1%}, at step {best[1]}."
        in (tmp_path / "export" / "README.md").read_text()
    )


def test_a_training_goes_on_while_the_place_is_away(home: Path, tmp_path: Path) -> None:
    """A directory this time. It learns to be wrong: an early checkpoint is the best, and is kept beside
    the newest."""
    place, away = tmp_path / "place", tmp_path / "away"
    config = run_config(
        mix={"terms": [{"component": "correctness", "side": "hard", "weight": -1.0}]},
        grpo={"max_steps": LONG, "learning_rate": 3e-3},
        evaluation={"every": 2, "num_samples": 1},
        data={"eval": {"name": "tiny-arithmetic", "size": 32}},
        checkpoint={"every": 2, "keep": 1},
    )
    with machine(tmp_path / "home", str(place), f"sqlite:///{tmp_path / 'own.db'}"):
        upgrade()
        run_id = lifecycle.create_run(config)
        thread = threading.Thread(target=supervisor.supervise, args=("test",))
        thread.start()
        wait_for("the first checkpoint", lambda: queries.run_detail(run_id).row.step >= 3)
        assert queries.run_detail(run_id).row.checkpoint_step is None and not place.exists()
        away.mkdir()
        away.rename(place)
        thread.join()
        detail = queries.run_detail(run_id)
        assert detail.row.status == Status.DONE, detail.log_tail
        kinds = [e.kind for e in queries.events(run_id)]
        assert kinds.count(NOT_SHARED) == kinds.count(SHARED_AGAIN) == 1
        assert detail.row.checkpoint_step == LONG
        assert queries.series(run_id)["policy/loss"].steps == list(range(1, LONG + 1))
        accuracies = evaluations.accuracies(run_id)
        best = max((value, step) for step, value in accuracies.items() if step)[1]
        assert best != LONG, "the last is the best: this says nothing"
        assert (
            Shared(run_id).steps()[0] == {best, LONG} == {*checkpoints.steps(settings().run_folder(run_id))}
        )
        shutil.rmtree(settings().run_folder(run_id) / "adapter")
        assert Shared(run_id).fetch("adapter", settings().run_folder(run_id) / "adapter")
