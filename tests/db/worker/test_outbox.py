"""Steps written by a thread: in order, never too many in memory, all of them there at the end, errors said.
Real databases.

That a whole training loses nothing (stops, kills, an absent database) is tests/train/worker/test_journal.py.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import select

from core.common.errors import Fenced
from core.common.settings import settings
from core.store.runs import claims, lifecycle, queries
from core.store.schema import run
from core.store.session import writing
from core.store.steps.records import StepRecord
from tests.conftest import forget_settings, wait_for
from tests.support.rows import sample_row
from tests.support.samples import run_config
from worker.state.background_writer import ROOM, Outbox

STEPS = 12


def never() -> bool:
    return False


def step(number: int) -> StepRecord:
    return StepRecord(number, {"policy/loss": number / 3}, [sample_row(0), sample_row(1)])


def outbox() -> Outbox:
    """Of a run that is claimed here and now."""
    claim = claims.claim(lifecycle.create_run(run_config(grpo={"max_steps": STEPS})), "w", 60.0)
    assert claim
    folder = settings().run_folder(claim.run_id)
    folder.mkdir(parents=True)
    return Outbox(folder, claim.run_id, 1)


def stored(box: Outbox) -> list[int]:
    found = queries.series(box.run_id).get("policy/loss")
    steps = list(found.steps) if found else []
    assert all(len(queries.samples_at(box.run_id, at)) == 2 for at in steps)
    return steps


@contextmanager
def held(box: Outbox) -> Iterator[None]:
    """Nobody else writes to the run meanwhile: its row is locked, in SQLite the whole file."""
    with writing() as c:
        c.execute(select(run.c.id).where(run.c.id == box.run_id).with_for_update())
        yield


@pytest.mark.usefixtures("database")
def test_all_is_written_in_order_and_a_checkpoint_after_what_came_before_it() -> None:
    with outbox() as box:
        for number in range(1, STEPS + 1):
            box.write_step(step(number), never)
            if number % 4 == 0:
                box.write_checkpoint(number, never)
                assert stored(box) == list(range(1, number + 1)) and box.announced == number
                assert queries.run_detail(box.run_id).row.checkpoint_step == number
        box.write_step(step(STEPS + 1), never)
    assert stored(box) == list(range(1, STEPS + 2)) and not box.waiting


@pytest.mark.usefixtures("database")
def test_a_step_waits_for_nobody_until_there_is_no_room() -> None:
    handed: list[int] = []

    def train() -> None:
        for number in range(1, STEPS + 1):
            box.write_step(step(number), never)
            handed.append(number)

    with outbox() as box:
        training = threading.Thread(target=train)
        with held(box):
            training.start()
            wait_for("one in the thread's hands and the room full", lambda: len(handed) == ROOM + 1)
            training.join(0.5)
            assert training.is_alive() and len(handed) == ROOM + 1 and stored(box) == []
        training.join()
    assert stored(box) == list(range(1, STEPS + 1))


@pytest.mark.usefixtures("database")
def test_what_the_thread_met_is_raised_at_the_next_call_and_nothing_follows_it() -> None:
    for call in ("write_step", "write_checkpoint", "leave"):
        box = outbox()
        with pytest.raises(Fenced, match="attempt 2"), box:
            box.write_step(step(1), never)
            box.write_checkpoint(1, never)
            assert claims.release(box.run_id, 1, "lost") and claims.claim(box.run_id, "another", 60.0)
            box.write_step(step(2), never)
            if call != "leave":
                wait_for("the thread to be refused", lambda box=box: box._error)
                getattr(box, call)(step(3) if call == "write_step" else 2, never)
                raise AssertionError("it was taken")
        assert stored(box) == [1] and box.announced == 1, call


@pytest.mark.usefixtures("database")
def test_an_error_of_the_database_is_no_outage() -> None:
    """A step twice: the rows exist. Not kept to be tried for ever, and not swallowed."""
    box = outbox()
    with pytest.raises(Exception, match=r"UNIQUE|unique"), box:
        box.write_step(step(1), never)
        box.write_step(step(1), never)
    assert stored(box) == [1] and not box.waiting


@pytest.mark.usefixtures("database")
def test_a_training_that_fails_leaves_what_it_had_handed_over() -> None:
    box = outbox()
    with pytest.raises(ZeroDivisionError), box:
        with held(box):
            for number in range(1, ROOM + 1):
                box.write_step(step(number), never)
        1 / 0  # noqa: B018
    assert stored(box) == list(range(1, ROOM + 1))


@pytest.mark.usefixtures("sqlite")
@pytest.mark.parametrize("fails", [True, False])
def test_leaving_does_not_wait_for_an_absent_database_though_the_journal_is_full(
    fails: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOWDOWN_BUSY_SECONDS", "0.1")
    forget_settings()
    box = outbox()
    box.limits = box.limits.model_copy(update={"max_steps": 2})
    with held(box):
        try:
            with box:
                for number in range(1, ROOM + 1):
                    box.write_step(step(number), never)
                if fails:
                    raise RuntimeError("the training")
        except RuntimeError:
            assert fails
        kept = [json.loads(line)["step"]["step"] for line in box.path.read_text().splitlines()]
        assert kept == list(range(1, ROOM + 1)) and stored(box) == []
    box.flush()
    assert stored(box) == list(range(1, ROOM + 1))


@pytest.mark.usefixtures("sqlite")
def test_a_step_is_stored_as_soon_as_it_is_handed_over() -> None:
    """Pages show it while the next one is made: nothing is gathered."""
    with outbox() as box:
        for number in (1, 2, 3):
            box.write_step(step(number), never)
            wait_for(f"step {number}", lambda number=number: stored(box) == list(range(1, number + 1)))
