"""A child that hangs without dying is ended, with its place in the code as the reason; one that is only
slow is left alone."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.common.log_cause import first_cause
from core.common.settings import settings
from core.rewards.components import COMPONENTS, SHIPPED, plugins
from core.store.runs import lifecycle, queries
from core.store.runs.queries import RunDetail
from core.store.status import Status
from tests.conftest import wait_for
from tests.support.children import at_step, children_of, started
from tests.support.samples import HARD, run_config
from worker.supervise import supervisor

STUCK = """
from pathlib import Path
import threading
import numpy as np
from core.rewards.component import Component, ComponentParams

HERE = Path(__file__).parent

def score(batch, params):
    if (HERE / "hang").exists():
        (HERE / "hang").rename(HERE / "hangs")
        threading.Event().wait()
    return np.zeros(len(batch))

COMPONENT = Component(name="stuck", title="Stuck", params=ComponentParams, score=score, range=(0.0, 1.0), side="hard",
                      what="Nothing.", how_it_is_gamed="Not at all.")
"""
STEPS = 14


def allow(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Only once the child hangs: loading the libraries gives no sign for longer than a test should wait."""
    monkeypatch.setenv("SHOWDOWN_STALL_SECONDS", str(seconds))
    settings.cache_clear()


def ended(run_id: int, thread: threading.Thread) -> RunDetail:
    """The run failed because it hung, said once, and nothing of it is left."""
    thread.join(60)
    assert not thread.is_alive() and children_of(run_id) == []
    detail = queries.run_detail(run_id)
    assert (detail.row.status, detail.row.error_kind) == (Status.FAILED, "Hung"), detail.row
    assert "SHOWDOWN_STALL_SECONDS" in (detail.row.error_message or "")
    return detail


def touched(log: Path) -> Callable[[], bool]:
    """True once the log was touched and has not grown since the look before."""
    looks = [log.stat()]

    def look() -> bool:
        looks.append(log.stat())
        return looks[-2].st_size == looks[-1].st_size and looks[-2].st_mtime_ns != looks[-1].st_mtime_ns

    return look


def again(run_id: int) -> threading.Thread:
    assert lifecycle.requeue(run_id)
    thread = threading.Thread(target=supervisor.supervise, args=("test",))
    thread.start()
    return thread


def test_a_child_that_hangs_is_ended_and_the_run_can_go_on(
    sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (sqlite / "components").mkdir()
    component = sqlite / "components" / "stuck.py"
    component.write_text(STUCK)
    # the child finds it by itself
    monkeypatch.setitem(COMPONENTS, "stuck", plugins.found(component.parent, SHIPPED)[0]["stuck"])
    terms = [*HARD, {"component": "stuck", "side": "hard", "weight": 0.1}]
    run_id, thread = started(
        run_config(mix={"terms": terms}, grpo={"max_steps": STEPS}, checkpoint={"every": 1})
    )

    at_step(run_id, 2)
    wait_for("a sign of life without a line", touched(settings().run_folder(run_id) / "train.log"))

    # It waits for something that never comes, in the middle of a step, and listens to no SIGTERM.
    (sqlite / "components" / "hang").touch()
    wait_for("the child to hang", (sqlite / "components" / "hangs").exists)
    allow(monkeypatch, 1.0)
    detail = ended(run_id, thread)
    found = first_cause(detail.log_tail or "", signaled=True)
    assert (
        found
        and found.where == f"{component}:12 in score"
        and found.where in (detail.row.error_message or "")
    )

    # It cannot even write its stacks.
    monkeypatch.delenv("SHOWDOWN_STALL_SECONDS")
    settings.cache_clear()
    thread = again(run_id)
    at_step(run_id, (detail.row.checkpoint_step or 0) + 1)
    os.kill(children_of(run_id)[0], signal.SIGSTOP)
    allow(monkeypatch, 1.0)
    ended(run_id, thread)

    allow(monkeypatch, 1000.0)
    again(run_id).join()
    assert queries.run_detail(run_id).row.status == Status.DONE
    assert queries.series(run_id)["reward/total"].steps == list(range(1, STEPS + 1))
    assert [e.kind for e in queries.events(run_id)].count("failed") == 2
