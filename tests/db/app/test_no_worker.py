"""What pages say where nobody trains what waits."""

from pathlib import Path

import pytest

from core.store import health
from core.store.runs import lifecycle
from tests.support.pages import page
from tests.support.samples import run_config


@pytest.mark.parametrize("name", ["runs", "queue"])
def test_a_worker_that_keeps_ending_is_said_where_a_run_waits(sqlite: Path, name: str) -> None:
    lifecycle.create_run(run_config())
    assert not page(name).error
    health.failing_file("worker").parent.mkdir()
    health.failing_file("worker").write_text("worker keeps ending (code 1); its last words are in worker.log")
    (said,) = page(name).error
    assert "worker keeps ending" in said.value and "its last words are in worker" in said.value
