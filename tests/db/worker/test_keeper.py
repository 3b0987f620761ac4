"""Which checkpoints are kept, here and in the shared place, and what another machine goes on from.

Small files stand for a checkpoint's; the place, the database and every rule are the real ones. Real
trainings across machines are in tests/train/worker/test_machines.py.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.common.errors import Fenced, PlaceUnavailable
from core.common.settings import settings
from core.store.runs import claims, lifecycle, queries
from core.store.status import Status
from core.store.steps import records
from core.store.steps.records import StepRecord
from migrations import upgrade
from tests.conftest import forget_settings
from tests.support.places import machine
from tests.support.samples import run_config
from worker.state import checkpoints
from worker.state.checkpoint_manager import DAMAGED, LOST, NOT_SHARED, SHARED_AGAIN, Keeper
from worker.state.journal import Journal
from worker.state.remote import Shared


def nobody_stops() -> bool:
    return False


class Attempt:
    """One attempt at run 1 on this machine, whose steps are written and saved without a model."""

    def __init__(self) -> None:
        if not queries.run_list():
            lifecycle.create_run(run_config(grpo={"max_steps": 99}, checkpoint={"every": 1}))
        elif queries.run_detail(1).row.status.claimed:
            claims.release(1, queries.run_detail(1).row.attempt, "another machine")
        claim = claims.claim(1, "test", 60.0)
        assert claim
        folder = settings().run_folder(1)
        folder.mkdir(parents=True, exist_ok=True)
        self.journal = Journal(folder, 1, claim.attempt, claim.checkpoint_step)
        self.keeper = Keeper(folder, self.journal, nobody_stops)
        self.resume, self.begin = self.keeper.start(claim)
        records.rewind(1, claim.attempt, self.begin)

    def step(self, step: int, accuracy: float | None = None) -> None:
        """Train a step, evaluate it where an accuracy is given, and save its checkpoint."""
        metrics = {"policy/loss": 0.5} | ({} if accuracy is None else {"eval/accuracy": accuracy})
        if accuracy is not None:
            self.keeper.accuracies[step] = accuracy
        self.journal.write_step(StepRecord(step, metrics), nobody_stops)
        folder = checkpoints.path(self.keeper.folder, step)
        folder.mkdir()
        (folder / "trainer_state.json").write_text(
            json.dumps({"step": step, "attempt": self.journal.attempt})
        )
        (folder / "optimizer.pt").write_bytes(bytes(1000))
        checkpoints.seal(folder, {"step": step, "attempt": self.journal.attempt})
        self.keeper.saved(step)


def here() -> list[int]:
    return checkpoints.steps(settings().run_folder(1))


def there() -> list[int]:
    whole, any_ = Shared(1).steps()
    assert whole == any_
    return sorted(whole)


def announced() -> int | None:
    return queries.run_detail(1).row.checkpoint_step


def kinds(*wanted: str) -> list[str]:
    return [e.kind for e in queries.events(1) if e.kind in wanted]


@pytest.fixture
def on(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Be a machine: `on("a")`, then `on("b")`, with a database and a shared directory in common."""
    from contextlib import ExitStack

    (tmp_path / "place").mkdir()
    with ExitStack() as stack:

        def be(name: str) -> None:
            stack.enter_context(
                machine(tmp_path / name, str(tmp_path / "place"), f"sqlite:///{tmp_path / 'shared.db'}")
            )

        be("a")
        upgrade()
        yield be


KEPT = [
    # keep, best, the accuracy of each step from 1 (None: not evaluated), what is kept after the last
    (2, True, [0.1, 0.5, 0.2, 0.3, None], {2, 4, 5}),
    (2, False, [0.1, 0.5, 0.2, 0.3, None], {4, 5}),
    (1, True, [0.1, 0.5, 0.5, 0.3], {3, 4}),  # of equal ones the later
    (2, True, [None, None, None], {2, 3}),  # nothing to choose by
    (1, True, [0.0, None, None], {1, 3}),  # zero is an accuracy
    (1, True, [0.1, 0.2, 0.3], {3}),  # the newest is the best
    (9, True, [0.1, 0.2, 0.3], {1, 2, 3}),
]


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "alone"])
@pytest.mark.parametrize(("keep", "best", "accuracies", "kept"), KEPT)
def test_the_newest_and_the_best_are_kept(
    on: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
    shared: bool,
    keep: int,
    best: bool,
    accuracies: list[float | None],
    kept: set[int],
) -> None:
    if not shared:
        monkeypatch.setenv("SHOWDOWN_CHECKPOINTS", "")
        forget_settings()
    lifecycle.create_run(
        run_config(grpo={"max_steps": 99}, checkpoint={"every": 1, "keep": keep, "best": best})
    )
    attempt = Attempt()
    for step, accuracy in enumerate(accuracies, 1):
        attempt.step(step, accuracy)
    assert set(here()) == kept and announced() == len(accuracies)
    if shared:
        assert set(there()) == kept


def test_the_announced_one_is_kept_while_the_database_is_away(
    on: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is put into the place meanwhile: whether the run is still this attempt's cannot be known."""
    attempt = Attempt()
    attempt.step(1)
    database = Path(settings().database.removeprefix("sqlite:///"))
    forget_settings()
    database.rename(database.with_suffix(".away"))
    database.mkdir()  # cannot be opened
    for step in range(2, 6):
        attempt.step(step)
    assert here() == [1, 4, 5] and there() == [1]
    database.rmdir()
    database.with_suffix(".away").rename(database)
    forget_settings()
    attempt.journal.flush()
    assert announced() == 1
    attempt.step(6)
    assert (announced(), here(), there()) == (6, [5, 6], [1, 6])  # 1: the one that was announced until now
    attempt.step(7)
    assert there() == [6, 7] and kinds(NOT_SHARED, SHARED_AGAIN) == []


def test_another_machine_goes_on_and_the_best_survives(on: Callable[[str], None]) -> None:
    first = Attempt()
    for step, accuracy in enumerate([0.1, 0.9, 0.2, None, 0.4], 1):
        first.step(step, accuracy)
    assert here() == there() == [2, 4, 5]
    on("b")
    second = Attempt()
    assert second.begin == 5 and second.resume == settings().run_folder(1) / "checkpoint-5" and here() == [5]
    assert second.keeper.accuracies == {1: 0.1, 2: 0.9, 3: 0.2, 5: 0.4}
    second.step(6, 0.9 - 1e-9)
    second.step(7, 0.3)
    assert there() == [2, 6, 7] and here() == [6, 7]
    on("a")  # what it has is old, and of another attempt
    third = Attempt()
    assert (third.begin, here()) == (7, [2, 4, 5, 7])
    third.step(8, 0.9)  # as good as step 2, and later
    assert there() == [7, 8] and here() == [7, 8]
    assert kinds(LOST, NOT_SHARED) == []


def test_what_lies_after_the_announced_step_is_forgotten_and_made_again(on: Callable[[str], None]) -> None:
    """A worker killed between the last file of a checkpoint and its announcement."""
    first = Attempt()
    first.step(1, 0.1)
    first.step(2, 0.2)
    shutil.copytree(settings().run_folder(1) / "checkpoint-2", settings().run_folder(1) / "checkpoint-9")
    Shared(1).send(settings().run_folder(1) / "checkpoint-9", "checkpoint-9", 9)
    on("b")
    assert Attempt().begin == 2 and there() == [1, 2]
    on("a")
    assert Attempt().begin == 2 and here() == [1, 2]


def test_the_announced_checkpoint_is_taken_and_not_another_of_that_step(on: Callable[[str], None]) -> None:
    """Machine a saved step 2 and was killed before it could announce it; b made step 2 again."""
    first = Attempt()
    first.step(1)
    first.step(2)
    mine = settings().run_folder(1) / "checkpoint-2" / "trainer_state.json"
    records.write_checkpoint(1, 1, 1)
    on("b")
    second = Attempt()
    assert second.begin == 1 and there() == [1]
    second.step(2)
    on("a")
    assert json.loads(mine.read_text())["attempt"] == 1
    assert Attempt().begin == 2 and json.loads(mine.read_text())["attempt"] == 2


def test_a_place_that_is_away_is_said_once_and_costs_no_step(
    on: Callable[[str], None], tmp_path: Path
) -> None:
    attempt = Attempt()
    attempt.step(1, 0.1)
    (tmp_path / "place").rename(tmp_path / "away")
    for step, accuracy in ((2, 0.8), (3, 0.2), (4, 0.3)):
        attempt.step(step, accuracy)
    assert announced() == 1 and kinds(NOT_SHARED, SHARED_AGAIN) == [NOT_SHARED]
    assert here() == [1, 2, 3, 4] and not (tmp_path / "place").exists()
    (said,) = [e.detail for e in queries.events(1) if e.kind == NOT_SHARED]
    assert f"the folder {tmp_path / 'place'} is not there" in said and "the training goes on" in said
    (tmp_path / "away").rename(tmp_path / "place")
    attempt.step(5, 0.3)
    assert announced() == 5 and kinds(NOT_SHARED, SHARED_AGAIN) == [NOT_SHARED, SHARED_AGAIN]
    assert here() == [2, 4, 5] and there() == [2, 5]  # the best of the time away is sent too
    attempt.step(6, 0.3)
    assert there() == [2, 5, 6]


def test_a_checkpoint_that_could_not_be_shared_is_gone_on_from_here(
    on: Callable[[str], None], tmp_path: Path
) -> None:
    """The place is away at a stop and at the next start; later it is back."""
    attempt = Attempt()
    attempt.step(1)
    (tmp_path / "place").rename(tmp_path / "away")
    attempt.step(2)
    attempt.step(3)
    again = Attempt()
    assert (again.begin, announced()) == (3, 1)
    (tmp_path / "away").rename(tmp_path / "place")
    last = Attempt()
    assert (last.begin, announced(), there()) == (3, 3, [1, 3])


def test_a_checkpoint_that_could_not_be_shared_is_not_used_once_another_machine_went_on(
    on: Callable[[str], None], tmp_path: Path
) -> None:
    attempt = Attempt()
    attempt.step(1)
    (tmp_path / "place").rename(tmp_path / "away")
    attempt.step(2)
    attempt.step(3)
    (tmp_path / "away").rename(tmp_path / "place")
    on("b")
    other = Attempt()
    assert other.begin == 1
    other.step(2)
    on("a")
    assert Attempt().begin == 2


def test_a_machine_that_needs_the_place_waits_for_it(on: Callable[[str], None], tmp_path: Path) -> None:
    """To begin anew would remove every step; a stop ends the waiting."""
    Attempt().step(1)
    (tmp_path / "place").rename(tmp_path / "away")
    on("b")
    settings().run_folder(1).mkdir(parents=True)
    claims.release(1, 1, "another machine")
    claim = claims.claim(1, "b", 60.0)
    assert claim
    asked: list[None] = []

    def stop() -> bool:
        asked.append(None)
        return len(asked) > 5

    keeper = Keeper(settings().run_folder(1), Journal(settings().run_folder(1), 1, 2, 1), stop)
    with pytest.raises(PlaceUnavailable):
        keeper.start(claim)
    assert announced() == 1 and queries.series(1)["policy/loss"].steps == [1]
    assert [e.detail for e in queries.events(1) if e.kind == NOT_SHARED][0].startswith(
        "waits for the checkpoint of step 1"
    )


@pytest.mark.parametrize("shared", [True, False], ids=["shared", "alone"])
def test_a_checkpoint_that_lies_nowhere_is_said(
    on: Callable[[str], None], shared: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not shared:
        monkeypatch.setenv("SHOWDOWN_CHECKPOINTS", "")
        forget_settings()
    Attempt().step(1)
    shutil.rmtree(settings().run_folder(1))
    if shared:
        Shared(1).remove("checkpoint-1")
    again = Attempt()
    assert (again.resume, again.begin, announced()) == (None, -1, None)
    (said,) = [e.detail for e in queries.events(1) if e.kind == LOST]
    assert str(settings().run_folder(1)) in said and (
        "place/1" in said if shared else "SHOWDOWN_CHECKPOINTS is not set" in said
    )


def test_a_fresh_start_takes_nothing_of_an_older_database(on: Callable[[str], None]) -> None:
    """Its run had the same number."""
    stale = settings().home / "stale"
    stale.mkdir()
    (stale / "adapter_model.safetensors").write_bytes(b"old")
    for name, step in (("checkpoint-7", 7), ("adapter", 7)):
        Shared(1).send(stale, name, step)
    assert Attempt().begin == -1 and there() == [] and Shared(1).files("adapter") is None


def test_an_attempt_that_lost_its_run_leaves_the_place_alone(on: Callable[[str], None]) -> None:
    first = Attempt()
    first.step(1)
    on("b")
    second = Attempt()
    for step in (2, 3, 4):
        second.step(step)
    on("a")
    folder = checkpoints.path(first.keeper.folder, 4)
    shutil.copytree(checkpoints.path(first.keeper.folder, 1), folder)
    before = Shared(1).files("checkpoint-4")
    with pytest.raises(Fenced):
        first.keeper.saved(4)
    with pytest.raises(Fenced):
        first.keeper.share_adapter(4)
    assert there() == [3, 4] and Shared(1).files("checkpoint-4") == before
    assert queries.run_detail(1).row.status == Status.STARTING


@pytest.mark.parametrize(
    "left", ['{"attempt": 1, "st', '{"attempt": 1, "step": 7}'], ids=["half", "without-a-checkpoint"]
)
def test_a_note_that_leads_nowhere_is_forgotten(on: Callable[[str], None], left: str) -> None:
    Attempt().step(1)
    note = settings().run_folder(1) / "not_shared.json"
    note.with_suffix(".part").write_text(left)  # as a kill in its middle leaves it
    (settings().run_folder(1) / "fetching-checkpoint-3").mkdir()
    if left.endswith("}"):
        note.with_suffix(".part").rename(note)
    assert Attempt().begin == 1 and not note.exists()
    assert not (settings().run_folder(1) / "fetching-checkpoint-3").exists()


DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut short": lambda c: (c / "optimizer.pt").write_bytes(bytes(500)),
    "a bit is another": lambda c: (c / "optimizer.pt").write_bytes(b"\x01" + bytes(999)),
    "emptied": lambda c: (c / "optimizer.pt").write_bytes(b""),
    "a file is gone": lambda c: (c / "optimizer.pt").unlink(),
    "a folder in its place": lambda c: ((c / "optimizer.pt").unlink(), (c / "optimizer.pt").mkdir()),
    "another step's state": lambda c: (c / "trainer_state.json").write_text('{"step": 1}'),
    "the engine's state is none": lambda c: (c / "reward_engine.json").write_text("{"),
    "the hashes are none": lambda c: (c / "hashes.json").write_text("["),
    "the hashes are of something else": lambda c: (c / "hashes.json").write_text('["optimizer.pt"]'),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_checkpoint_is_kept_aside_and_the_run_goes_on_from_the_one_before(
    on: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], object]
) -> None:
    monkeypatch.delenv("SHOWDOWN_CHECKPOINTS", raising=False)
    forget_settings()
    first = Attempt()
    for step in (1, 2, 3):
        first.step(step)
    folder = settings().run_folder(1)
    damage(checkpoints.path(folder, 3))
    again = Attempt()
    assert (again.begin, announced()) == (2, 2) and again.resume == checkpoints.path(folder, 2)
    assert (folder / "damaged-checkpoint-3").is_dir() and here() == [2]
    (said,) = (e.detail for e in queries.events(1) if e.kind == DAMAGED)
    assert "step 3" in said and "damaged-checkpoint-3" in said and "goes on from step 2" in said
    again.step(3)
    assert Attempt().begin == 3, "what is written anew is whole"


def test_where_every_checkpoint_is_damaged_the_run_begins_anew(
    on: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHOWDOWN_CHECKPOINTS", raising=False)
    forget_settings()
    first = Attempt()
    for step in (1, 2):
        first.step(step)
    for step in (1, 2):
        (checkpoints.path(settings().run_folder(1), step) / "optimizer.pt").write_bytes(b"")
    assert Attempt().begin == -1
    assert kinds(DAMAGED) == [DAMAGED, DAMAGED]


def test_a_damaged_checkpoint_that_is_shared_comes_from_there(on: Callable[[str], None]) -> None:
    first = Attempt()
    for step in (1, 2):
        first.step(step)
    (checkpoints.path(settings().run_folder(1), 2) / "optimizer.pt").write_bytes(b"")
    assert Attempt().begin == 2
    assert kinds(DAMAGED) == []
