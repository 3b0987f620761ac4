"""Real trainings of the tiny model, each done once a session and looked at by several tests."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.config import RunConfig
from core.store import queries, runs
from core.store.queries import SampleView
from core.store.states import Status
from migrations import upgrade
from tests.conftest import forget_settings
from tests.samples import run_config
from tests.worker.places import s3_server
from worker import supervisor

STEPS = 6


def train(config: RunConfig) -> int:
    """Queue a run and train it in a child, here and now; returns its id. The status is the caller's to judge."""
    run_id = runs.create_run(config)
    supervisor.supervise("test")
    return run_id


def record(run_id: int) -> tuple[list[SampleView], dict[str, dict[int, float]]]:
    """Everything a run left behind that must not depend on the clock: samples (without ids), metrics."""
    samples = []
    for step in range(queries.run_detail(run_id).row.max_steps + 1):
        samples += [s for split in ("train", "eval") for s in queries.samples_at(run_id, step, split)]
    metrics = {
        name: dict(zip(found.steps, found.values, strict=True))
        for name, found in queries.series(run_id).items()
        if not name.startswith(("speed/", "memory/")) and name != "eval/seconds"
    }
    return samples, metrics


def same(a: list[SampleView], b: list[SampleView]) -> bool:
    """Equal in all but the row's and the run's ids."""

    def bare(sample: SampleView) -> dict[str, object]:
        return {k: getattr(sample, k) for k in SampleView.__dataclass_fields__ if k not in ("id", "run_id")}

    return [bare(s) for s in a] == [bare(s) for s in b]


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with run 1: a hybrid, trained to its end."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SHOWDOWN_HOME", str(folder))
        forget_settings()
        upgrade()
        assert train(run_config(grpo={"max_steps": STEPS})) == 1
        detail = queries.run_detail(1)
        assert detail.row.status == Status.DONE, detail.log_tail
    forget_settings()
    return folder


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """The address of an S3-compatible server; tests.worker.places.s3_environment leads there."""
    with s3_server() as url:
        yield url


@pytest.fixture
def trained(trained_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The id of the finished run; this process's settings point at its data directory."""
    for name in list(os.environ):
        if name.startswith("SHOWDOWN_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SHOWDOWN_HOME", str(trained_home))
    forget_settings()
    yield 1
    forget_settings()
