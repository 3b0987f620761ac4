"""Child, worker, broker, reaper, dashboard and database are killed and stopped at random while runs train.

In the end every run is what it would have been alone: each step, sample, score and evaluation is stored
once and is equal bit for bit, and so is the adapter. How to run it for long: CONTRIBUTING.md.
"""

import itertools
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from threading import Thread

import pytest

from core.config.run import RunConfig
from core.store.runs import lifecycle, queries
from core.store.status import Status
from tests.chaos.arms import config
from tests.chaos.conftest import Chaos
from tests.chaos.ledger import Ledger, compared, ledger
from tests.chaos.operator import Operator
from tests.chaos.parts import parts_of
from tests.chaos.report import Report
from tests.chaos.stages import LEASE_SECONDS, STAGES, Compose, Laptop, set_here
from tests.chaos.storm import Pace, Storm
from tests.conftest import home_of, wait_for
from tests.support.topology import NEEDS
from worker.supervise import supervisor

SHORT = {("adaptive", 0): 6, ("hybrid", 1): 6}  # (arm, seed) -> steps
LONG = {
    (arm, seed): steps for arm, steps in (("hard", 24), ("hybrid", 20), ("adaptive", 24)) for seed in (0, 1)
}
SHORT_BLOWS, SHORT_PACE = 3, Pace(1.0, LEASE_SECONDS + 1, 3.0)
LONG_PACE = Pace(4.0, 2 * LEASE_SECONDS, 60.0)
AT_ONCE = 4  # runs that have not ended: two train, two wait
CALM_SECONDS = 600.0  # for all of them to end once nothing is killed any more
LOOK_SECONDS = 0.05


@pytest.fixture(scope="module")
def straight(chaos: Chaos, tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, int], Ledger]:
    """(arm, seed) -> what its run leaves behind where nothing is killed."""
    lengths = LONG if chaos.minutes else SHORT
    with home_of(tmp_path_factory.mktemp("straight")) as patch:
        set_here(patch)
        made = {key: lifecycle.create_run(config(*key, steps)) for key, steps in lengths.items()}

        def train_all() -> None:
            while supervisor.supervise("straight") is not None:
                pass

        trainers = [Thread(target=train_all) for _ in range(2)]
        for trainer in trainers:
            trainer.start()
        for trainer in trainers:
            trainer.join()
        for run_id in made.values():
            detail = queries.run_detail(run_id)
            assert (detail.row.status, detail.row.attempt) == (Status.DONE, 1), detail.log_tail
        ledgers = {key: ledger(run_id) for key, run_id in made.items()}
    for key, steps in lengths.items():
        assert ledgers[key].steps() == steps and ledgers[key].count("evaluation") > 2
    return ledgers


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=NEEDS)])
def stage(
    request: pytest.FixtureRequest, tmp_path: Path, chaos: Chaos, straight: object
) -> Iterator[Laptop | Compose]:
    """Each set-up, before anything of it but the database and a broker has been started."""
    home, secrets = tmp_path / "home", tmp_path / "secrets"
    home.mkdir()
    secrets.mkdir()
    with STAGES[request.param](home, secrets, 2 if chaos.minutes else 1) as made:
        yield made


def configs(chaos: Chaos) -> Iterator[RunConfig]:
    """Each once where it is short, else for ever in turns."""
    lengths = LONG if chaos.minutes else SHORT
    for key, steps in itertools.cycle(lengths.items()) if chaos.minutes else lengths.items():
        yield config(*key, steps)


def blow(stage: Laptop | Compose, storm: Storm, operator: Operator, minutes: float) -> None:
    """From the first step on, for so long; without a time until a few blows have met something."""

    def trains() -> int:
        stage.keep_alive()
        return operator.trained

    wait_for("the first step", trains, CALM_SECONDS)
    until = time.monotonic() + 60 * minutes
    while time.monotonic() < until if minutes else storm.counts.total() < SHORT_BLOWS:
        storm.tick(operator.trained)
        stage.keep_alive()
        operator.done()  # raises what went wrong
        time.sleep(LOOK_SECONDS)


def settle(stage: Laptop | Compose, operator: Operator) -> None:
    """Until every run is DONE and the dashboard answers; then everything is ended, and nothing may be left."""

    def over() -> bool:
        stage.keep_alive()
        return operator.done() and stage.healthy()

    wait_for("every run to be DONE and the dashboard to answer", over, CALM_SECONDS)
    operator.leave()
    stage.end()
    wait_for("no process to be left", lambda: not parts_of(stage.home))


def test_runs_end_as_if_nothing_had_been_killed(
    stage: Laptop | Compose,
    chaos: Chaos,
    straight: dict[tuple[str, int], Ledger],
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = Report(stage.name, chaos)
    storm = Storm(stage, chaos.seed, LONG_PACE if chaos.minutes else SHORT_PACE, report.say)
    operator = Operator(configs(chaos), AT_ONCE, lambda run_id: storm.killed[run_id])
    try:
        operator.start()
        blow(stage, storm, operator, chaos.minutes)
        operator.no_more()
        storm.calm()
        report.say("calm")
        settle(stage, operator)
        differences = {row.id: compared(ledger(row.id), straight[row.arm, row.seed]) for row in operator.rows}
    except BaseException:
        report.fail(storm, operator, stage.logs())
        raise
    finally:
        storm.calm()
        operator.leave()
    with capsys.disabled() if chaos.minutes else nullcontext():
        report.count(storm, operator, stage.ends, straight, differences)
    assert not {
        run_id: different
        for run_id, tables in differences.items()
        if (different := {t: d for t, d in tables.items() if d})
    }
    assert len(operator.rows) >= (1 if chaos.minutes else len(straight))
