"""A run that was extended equals one that was long from the start; clones and the commands that move runs."""

from pathlib import Path

from click.testing import CliRunner, Result

from cli.main import main
from core.store.runs import lifecycle, queries
from core.store.status import Status
from tests.support.samples import BRIEF, run_config
from tests.support.trainings import record, same, train
from worker.supervise import supervisor


def showdown(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def test_an_extended_run_equals_one_that_was_long_from_the_start(sqlite: Path) -> None:
    evaluation = {"every": 2, "num_samples": 1}
    long = train(run_config(grpo={**BRIEF, "max_steps": 4}, evaluation=evaluation))
    short = train(
        run_config(grpo={**BRIEF, "max_steps": 2}, evaluation=evaluation, checkpoint={"every": 100})
    )
    assert queries.run_detail(short).row.status == Status.DONE
    assert lifecycle.extend(short, 4)
    supervisor.supervise("test")
    assert queries.run_detail(short).row.status == Status.DONE
    assert same(record(long)[0], record(short)[0]) and record(long)[1] == record(short)[1]
    kinds = [e.kind for e in queries.events(short)]
    assert kinds.count("done") == 2 and "resumed" in kinds


def test_the_commands(sqlite: Path) -> None:
    """No broker here: the rows move, and the message is said to follow later."""
    run_id = lifecycle.create_run(run_config())
    assert "priority 7" in showdown("priority", str(run_id), "7").stdout
    assert "stops after 5 minutes" in showdown("limit", str(run_id), "5").stdout
    early = showdown("extend", str(run_id), "50")
    assert early.exit_code == 1 and "only runs that have ended can be extended" in early.stderr
    assert "stopped" in showdown("stop", str(run_id)).stdout
    less = showdown("extend", str(run_id), "3")
    assert less.exit_code == 1 and "3 is not above the 6 steps" in less.stderr
    longer = showdown("extend", str(run_id), "50")
    assert longer.exit_code == 0 and "up to step 50" in longer.stdout and "stays queued" in longer.stderr
    cloned = showdown("clone", str(run_id), "--seed", "9")
    assert "queued run 2" in cloned.stdout and queries.run_detail(2).row.seed == 9
    assert showdown("stop").exit_code == 2  # misuse: which run?
    none = showdown("stop", "--experiment", "5")
    assert none.exit_code == 1 and "no experiment 5" in none.stderr
