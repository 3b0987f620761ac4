"""The store, on SQLite and on PostgreSQL: who may move a run where, and that no step is lost, doubled or
overwritten."""

import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from core.common.errors import ConfigError, Fenced, NoGpu, NotFound, StoreUnavailable
from core.config.experiment import ExperimentConfig
from core.config.parsing import parse
from core.config.run import RunConfig
from core.rewards import engine
from core.store import transitions, workers
from core.store.designs import drafts
from core.store.runs import claims, evidence, lifecycle, queries
from core.store.status import TRANSITIONS, Status
from core.store.steps import evaluations, records
from core.store.steps.records import EvaluationRow, ItemRow, StepRecord, finite
from core.store.workers import Gpu
from tests.conftest import reap
from tests.support.rows import NASTY, sample_row
from tests.support.samples import HARD, HYBRID, batch, run_config

pytestmark = pytest.mark.usefixtures("database")


def claimed(lease: float = 60.0) -> claims.Claim:
    claim = claims.claim(lifecycle.create_run(run_config()), "w1", lease)
    assert claim is not None
    return claim


def write(claim: claims.Claim, step: int, **metrics: float) -> None:
    named = {k.replace("__", "/"): v for k, v in metrics.items()}
    records.write_step(claim.run_id, claim.attempt, StepRecord(step, named, [sample_row(0), sample_row(1)]))


def status(run_id: int) -> Status:
    return queries.run_detail(run_id).row.status


def test_a_run_from_queue_to_done() -> None:
    claim = claimed()
    assert claim.config == run_config() and claim.attempt == 1
    assert status(claim.run_id) == Status.STARTING
    assert claims.mark_running(claim.run_id, 1)
    assert claims.beat(claim.run_id, 1, 60.0) is False
    assert claims.finish(claim.run_id, 1, Status.DONE)
    row = queries.run_detail(claim.run_id).row
    assert row.status == Status.DONE and row.finished_at is not None
    assert [e.kind for e in queries.events(claim.run_id)] == ["queued", "starting", "running", "done"]


@pytest.mark.parametrize(
    ("environment", "threads"),
    [
        ({"threads": 2}, 2),
        ({"device": "cpu, 2 threads"}, None),  # of before it was recorded
        ({"threads": None}, None),  # on a GPU
        ({"threads": "2); evil("}, None),  # an import may say anything
        ({"threads": True}, None),
        ({"threads": 0}, None),
    ],
)
def test_a_later_attempt_knows_the_threads_of_the_first(
    environment: dict[str, object], threads: int | None
) -> None:
    claim = claimed()
    assert claim.threads is None
    records.write_environment(claim.run_id, 1, environment)
    assert claims.load_claim(claim.run_id, 1).threads == threads
    reap()
    again = claims.claim(claim.run_id, "w2", 60.0)
    assert again and (again.attempt, again.threads) == (2, threads)


def test_only_one_of_many_workers_gets_a_run() -> None:
    run_id = lifecycle.create_run(run_config())
    got: list[claims.Claim | None] = []
    gate = threading.Barrier(8)

    def take(name: str) -> None:
        gate.wait()
        got.append(claims.claim(run_id, name, 60.0))

    threads = [threading.Thread(target=take, args=(f"w{i}",)) for i in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(got) == 8 and sum(c is not None for c in got) == 1


def test_the_run_that_waits_longest_is_taken_first_and_a_released_one_keeps_its_place() -> None:
    first, second = lifecycle.create_run(run_config()), lifecycle.create_run(run_config(seed=1))
    claim = claims.claim_next("w1", 60.0)
    assert claim and claim.run_id == first
    assert claims.release(first, claim.attempt, "its worker shut down")
    again = claims.claim_next("w2", 60.0)
    assert again and (again.run_id, again.attempt) == (first, 2)
    last = claims.claim_next("w3", 60.0)
    assert last and last.run_id == second
    assert claims.claim_next("w4", 60.0) is None


@pytest.mark.parametrize(
    "state", [s for s in Status if not s.claimed and s not in (Status.QUEUED, Status.UNKNOWN)]
)
def test_a_run_that_does_not_wait_cannot_be_claimed(state: Status) -> None:
    claim = claimed(lease=-1.0)
    if state == Status.LOST:
        # lost runs go straight back: there is nothing to claim between
        assert Status.QUEUED in TRANSITIONS[Status.LOST]
        return
    assert claims.finish(claim.run_id, 1, state)
    assert claims.claim(claim.run_id, "w2", 60.0) is None


def test_illegal_moves_change_nothing() -> None:
    claim = claimed()
    assert claims.finish(claim.run_id, 1, Status.FAILED, "ValueError", "bad", "log")
    assert not claims.finish(claim.run_id, 1, Status.DONE)
    assert not claims.mark_running(claim.run_id, 1)
    assert not claims.release(claim.run_id, 1, "")
    detail = queries.run_detail(claim.run_id)
    assert (detail.row.status, detail.row.error_kind, detail.row.error_message) == (
        Status.FAILED,
        "ValueError",
        "bad",
    )
    assert detail.log_tail == "log"
    assert lifecycle.requeue(claim.run_id) and not lifecycle.requeue(claim.run_id)


def test_an_older_attempt_is_fenced_everywhere() -> None:
    old = claimed(lease=-1.0)
    assert reap() == [old.run_id] and reap() == []
    new = claims.claim(old.run_id, "w2", 60.0)
    assert new and new.attempt == 2
    for refused in (
        lambda: write(old, 1, reward__total=1.0),
        lambda: records.rewind(old.run_id, old.attempt, 0),
        lambda: records.write_checkpoint(old.run_id, old.attempt, 1),
        lambda: claims.beat(old.run_id, old.attempt, 60.0),
        lambda: claims.load_claim(old.run_id, old.attempt),
    ):
        with pytest.raises(Fenced):
            refused()
    assert not claims.finish(old.run_id, old.attempt, Status.DONE) and status(old.run_id) == Status.STARTING
    assert queries.series(old.run_id) == {}


def test_a_lost_run_that_was_to_stop_is_stopped() -> None:
    claim = claimed(lease=-1.0)
    lifecycle.request_stop(claim.run_id)
    reap()
    assert status(claim.run_id) == Status.STOPPED


def test_a_lease_that_was_renewed_after_the_look_is_not_reaped() -> None:
    claim = claimed()
    (seen,) = claims.leases()
    claims.beat(claim.run_id, 1, 60.0)
    assert not claims.reap(seen) and status(claim.run_id) == Status.STARTING
    (again,) = claims.leases()
    assert (again.run_id, again.attempt) == (seen.run_id, 1) and claims.reap(again) and claims.leases() == []


def test_what_was_logged_stays_until_there_is_something_newer() -> None:
    claim = claimed()

    def kept() -> str | None:
        return queries.run_detail(claim.run_id).log_tail

    assert kept() is None
    claims.beat(claim.run_id, 1, 60.0, log_tail="of attempt 1")
    claims.beat(claim.run_id, 1, 60.0)
    assert claims.finish(claim.run_id, 1, Status.FAILED, "ValueError", "bad") and kept() == "of attempt 1"
    assert (
        lifecycle.requeue(claim.run_id)
        and claims.claim(claim.run_id, "w2", 60.0)
        and kept() == "of attempt 1"
    )
    with pytest.raises(Fenced):
        claims.beat(claim.run_id, 1, 60.0, log_tail="too late")
    claims.beat(claim.run_id, 2, 60.0, log_tail="of attempt 2")
    assert claims.release(claim.run_id, 2, "its worker shut down", "last words") and kept() == "last words"


def test_stop_before_and_during() -> None:
    waiting = lifecycle.create_run(run_config())
    assert lifecycle.request_stop(waiting) == Status.STOPPED
    claim = claimed()
    assert lifecycle.request_stop(claim.run_id) == Status.STARTING  # it is asked, and ends at a step boundary
    assert claims.beat(claim.run_id, 1, 60.0) is True
    assert claims.finish(claim.run_id, 1, Status.STOPPED) and lifecycle.requeue(claim.run_id)
    assert not queries.run_detail(claim.run_id).row.stop_requested  # put back means: go on
    with pytest.raises(NotFound, match="no run 99"):
        lifecycle.request_stop(99)


def test_a_stop_and_an_end_are_kept_with_the_step_they_came_at() -> None:
    """Without it a mark lies at the step of the event before: a checkpoint, a resume."""
    claim = claimed()
    for step in (0, 1, 2):
        write(claim, step)
    lifecycle.request_stop(claim.run_id)
    write(claim, 3)
    assert claims.finish(claim.run_id, 1, Status.STOPPED) and lifecycle.requeue(claim.run_id)
    found = [(e.kind, e.step) for e in queries.events(claim.run_id)]
    assert found[-3:] == [("stop_requested", 2), ("stopped", 3), ("queued", None)]


def test_a_step_is_whole_and_comes_back_as_it_was_written() -> None:
    claim = claimed()
    write(claim, 1, reward__total=0.1 + 0.2, policy__kl=float("nan"))
    series = queries.series(claim.run_id)
    assert series["reward/total"].values == [0.1 + 0.2]  # to the last bit
    assert "policy/kl" not in series  # a gap, not a nought
    first, second = queries.samples_at(claim.run_id, 1)
    assert first.completion == NASTY.replace("\x00", "\u2400") and (
        first.index_in_group,
        second.index_in_group,
    ) == (0, 1)
    assert first.total is None and first.scores[0].raw is None and first.truncated is True
    assert queries.run_detail(claim.run_id).row.step == 1


def test_a_step_cannot_be_written_twice_and_leaves_no_half() -> None:
    claim = claimed()
    write(claim, 1, reward__total=1.0)
    with pytest.raises(Exception, match="UNIQUE|unique"):
        records.write_step(
            claim.run_id, 1, StepRecord(1, {"reward/other": 1.0}, [sample_row(0, group=7), sample_row(0)])
        )
    assert "reward/other" not in queries.series(claim.run_id)
    assert len(queries.samples_at(claim.run_id, 1)) == 2
    write(claim, 2, reward__other=2.0)  # the name that was registered beside the failed step still works
    assert queries.series(claim.run_id)["reward/other"].steps == [2]


def test_what_is_new_of_many_runs_is_what_is_new_of_each() -> None:
    # more than one statement takes
    ids = [lifecycle.create_run(run_config(seed=seed)) for seed in range(104)]
    for run_id in ids:
        assert claims.claim(run_id, "w", 60.0)
        for step in (1, 2, 3) if run_id != ids[1] else ():
            records.write_step(
                run_id, 1, StepRecord(step, {"reward/total": step + run_id, "policy/kl": 0.1 * step})
            )
    since = {run_id: k % 5 for k, run_id in enumerate(ids)}  # 0: all of it, 4: nothing
    found = queries.series_since(since, ("reward/total",))
    assert list(found) and set(found) == set(ids) and found[ids[1]] == {} and found[ids[4]] == {}
    for run_id, first in since.items():
        whole = queries.series(run_id, ("reward/total",))
        steps = [s for s in (whole["reward/total"].steps if whole else []) if s >= first]
        line = found[run_id].get("reward/total")
        assert (list(line.steps) if line else []) == steps
        assert (list(line.values) if line else []) == [float(step + run_id) for step in steps]


def test_rewind_removes_what_lies_after_the_checkpoint() -> None:
    claim = claimed()
    for step in range(1, 6):
        write(claim, step, reward__total=float(step))
        row = EvaluationRow(problems=8, num_samples=1, temperature=1.0, accuracy=step / 10, seconds=0.1)
        records.write_step(claim.run_id, 1, StepRecord(100 + step, {}, (), row))
    for step in (2, 4):
        records.write_event(claim.run_id, 1, records.THREADS, "other bits from here", step)
    records.rewind(claim.run_id, 1, 3)
    assert [e.step for e in queries.events(claim.run_id) if e.kind == records.THREADS] == [2]
    assert queries.series(claim.run_id)["reward/total"].steps == [1, 2, 3]
    assert queries.samples_at(claim.run_id, 4) == [] and len(queries.samples_at(claim.run_id, 3)) == 2
    assert queries.run_detail(claim.run_id).row.accuracy is None
    records.rewind(claim.run_id, 1, -1)
    assert queries.series(claim.run_id) == {}


def test_experiments_and_lists() -> None:
    arms = [{"name": "hard", "mix": {"terms": HARD}}, {"name": "hybrid", "mix": HYBRID}]
    config = parse(ExperimentConfig, {"name": "Two arms", "question": "?", "arms": arms, "seeds": [0, 1]})
    experiment_id, run_ids = lifecycle.create_experiment(config, "1.0+abc")
    assert len(run_ids) == 4 and transitions.queued() == run_ids
    rows = queries.run_list(experiment_id)
    assert [r.id for r in rows] == run_ids[::-1]
    assert {(r.arm, r.structure, r.experiment) for r in rows} == {
        ("hard", "hard", "Two arms"),
        ("hybrid", "hybrid", "Two arms"),
    }
    detail = queries.run_detail(run_ids[0])
    assert detail.config_hash == config.runs()[0].hash() and detail.revision == "1.0+abc"
    assert [e.name for e in queries.experiments()] == ["Two arms"]


CARDS = ("GPU-a", "GPU-b", "GPU-c")


def wants(processes: int, seed: int = 0) -> int:
    return lifecycle.create_run(run_config(seed=seed, grpo={"num_processes": processes}))


def leased() -> dict[str, int]:
    workers.beat("m-1", "m", 1, 2, [Gpu(i, "H200", 100.0, 1.0, 0.5, uuid) for i, uuid in enumerate(CARDS)])
    return dict(workers.machines(0.0)[0].leased)


def test_a_gpu_belongs_to_one_run_until_that_ends() -> None:
    two, one, more = wants(2), wants(1), wants(1)
    first = claims.claim_next("m-1", 60.0, CARDS)
    assert first and (first.run_id, first.gpus) == (two, ("GPU-a", "GPU-b"))
    second = claims.claim_next("m-2", 60.0, CARDS)  # another worker of the same machine
    assert second and (second.run_id, second.gpus) == (one, ("GPU-c",))
    assert claims.claim_next("m-3", 60.0, CARDS) is None and status(more) == Status.QUEUED
    assert leased() == {"GPU-a": two, "GPU-b": two, "GPU-c": one}
    assert claims.finish(two, 1, Status.DONE)
    third = claims.claim_next("m-3", 60.0, CARDS)
    assert third and third.gpus == ("GPU-a",)
    assert leased() == {"GPU-a": more, "GPU-c": one}


@pytest.mark.parametrize("ending", ["done", "failed", "stopped", "released", "lost"])
def test_every_ending_gives_gpus_back(ending: str) -> None:
    claim = claims.claim_next("m-1", -1.0, CARDS) if wants(2) else None
    assert claim and len(leased()) == 2
    if ending == "released":
        assert claims.release(claim.run_id, claim.attempt, "its worker shut down")
    elif ending == "lost":
        assert reap() == [claim.run_id]
    else:
        assert claims.finish(claim.run_id, claim.attempt, Status(ending))
    assert leased() == {}


def test_a_run_that_wants_more_than_is_free_holds_the_queue_and_one_that_wants_more_than_there_is_does_not() -> (
    None
):
    held = claims.claim(wants(2), "m-1", 60.0, CARDS)
    huge, wide, small = wants(4), wants(2), wants(1)
    # `wide` is next, and would never start if `small` went first
    assert held and claims.claim_next("m-1", 60.0, CARDS) is None
    four = claims.claim_next("m-9", 60.0, (*(f"GPU-{i}" for i in range(4)),))
    assert four and four.run_id == huge
    claims.finish(held.run_id, held.attempt, Status.DONE)
    taken = [claims.claim_next("m-1", 60.0, CARDS) for _ in range(2)]
    assert [t and t.run_id for t in taken] == [wide, small]


def test_workers_that_claim_at_once_never_share_a_gpu() -> None:
    ids = [wants(1, seed) for seed in range(8)]
    got: list[claims.Claim | None] = []
    gate = threading.Barrier(8)

    def take(run_id: int) -> None:
        gate.wait()
        got.append(claims.claim(run_id, f"w{run_id}", 60.0, CARDS))

    threads = [threading.Thread(target=take, args=(i,)) for i in ids]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    cards = [uuid for claim in got if claim for uuid in claim.gpus]
    assert len(got) == 8 and 1 <= len(cards) == len(set(cards)) <= 3
    assert all(status(i) == (Status.STARTING if i in leased().values() else Status.QUEUED) for i in ids)


def test_a_run_in_the_terminal_is_never_seen_waiting() -> None:
    claim = claims.create_claimed(run_config(), "terminal", 60.0, CARDS[:1])
    assert claim.gpus == ("GPU-a",) and claims.claim_next("w", 60.0) is None
    with pytest.raises(NoGpu, match="num_processes 2 needs 2 free GPUs; of the 1 here 0 are free"):
        claims.create_claimed(run_config(grpo={"num_processes": 2}), "terminal", 60.0, CARDS[:1])
    assert len(queries.run_list()) == 1  # nothing is left of the run that could not be


def test_workers_come_and_go() -> None:
    before = time.time() - 1
    card = Gpu(0, "H200", 100.0, 1.0, 0.5)
    workers.beat("m-1", "m", 1, 2, [card])
    claim = claims.claim(lifecycle.create_run(run_config()), "m-1", 60.0)
    assert claim is not None
    workers.beat("m-1", "m", 1, 2, [replace(card, memory_used=50.0)])  # the newest state, not one more card
    (found,) = workers.machines(before)
    assert (found.name, found.slots, found.gpus) == ("m-1", 2, (replace(card, memory_used=50.0),))
    assert [(h.id, h.status) for h in found.runs] == [(claim.run_id, Status.STARTING)]
    assert workers.machines(time.time() + 10) == [] and workers.waiting() == []
    workers.forget_silent(before)
    assert len(workers.machines(before)) == 1
    workers.gone("m-1")
    assert workers.machines(before) == []


def test_eight_writers_at_once_lose_nothing() -> None:
    held = [claimed() for _ in range(8)]
    errors: list[BaseException] = []

    def train(claim: claims.Claim) -> None:
        try:
            for step in range(1, 11):
                write(claim, step, reward__total=float(step), **{f"score__t{claim.run_id}": 1.0})
        except BaseException as error:  # handed to the test's own thread
            errors.append(error)

    threads = [threading.Thread(target=train, args=(c,)) for c in held]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert errors == []
    for claim in held:
        assert queries.series(claim.run_id)["reward/total"].steps == list(range(1, 11))


def test_finite() -> None:
    assert [finite(x) for x in (1.5, np.nan, np.inf)] == [1.5, None, None]


def test_what_is_scored_fits_what_is_stored() -> None:
    """The names of ScoredBatch and of the tables are one set of words."""
    scored = engine.score(batch(["#### 72", "none"]), run_config().mix, 1)
    assert scored.terms == tuple(t.label for t in run_config().mix.terms)


def test_a_database_that_is_away_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.conftest import forget_settings

    monkeypatch.setenv("SHOWDOWN_DATABASE_URL", "postgresql+psycopg://nobody@/none?host=/nonexistent")
    forget_settings()
    with pytest.raises(StoreUnavailable, match="does not answer"):
        queries.run_list()


def test_many_processes_may_upgrade_at_once(empty_database: str) -> None:
    commands = [
        subprocess.Popen([sys.executable, "-c", "import migrations; migrations.upgrade()"]) for _ in range(4)
    ]
    assert [p.wait(60) for p in commands] == [0, 0, 0, 0]
    assert queries.run_list() == []


def test_greedy_completions_of_a_problem_count_once() -> None:
    claim = claimed()
    for step, temperature in ((1, 1.0), (2, 0.0)):
        row = EvaluationRow(problems=8, num_samples=4, temperature=temperature, accuracy=0.5, seconds=0.1)
        records.write_step(claim.run_id, 1, StepRecord(step, {}, (), row))
        assert evaluations.held_out(claim.run_id) == (32 if temperature else 8)


def test_priority_comes_before_waiting_time() -> None:
    first, second, third = (lifecycle.create_run(run_config(seed=i)) for i in range(3))
    lifecycle.set_priority(third, 5)
    lifecycle.set_priority(first, -1)
    assert transitions.queued() == [third, second, first]
    with pytest.raises(NotFound, match="no run 99"):
        lifecycle.set_priority(99, 1)


def test_an_experiment_is_stopped_whole() -> None:
    arms = [{"name": "hard", "mix": {"terms": HARD}}, {"name": "hybrid", "mix": HYBRID}]
    experiment_id, (a, b, c, d) = lifecycle.create_experiment(
        parse(ExperimentConfig, {"name": "E", "arms": arms, "seeds": [0, 1]})
    )
    taken = [claims.claim(a, "w", 60.0), claims.claim(b, "w", 60.0)]
    assert taken[1] and claims.finish(b, taken[1].attempt, Status.DONE)
    assert lifecycle.request_stop_experiment(experiment_id) == [a, c, d]
    assert [status(i) for i in (a, b, c, d)] == [Status.STARTING, Status.DONE, Status.STOPPED, Status.STOPPED]
    assert claims.beat(a, 1, 60.0) is True  # it trains: it stops at its next step
    assert claims.claim_next("w", 60.0) is None
    with pytest.raises(NotFound, match="no experiment 99"):
        lifecycle.request_stop_experiment(99)


def test_a_time_limit_counts_training_only_and_over_all_attempts() -> None:
    claim = claimed()
    lifecycle.set_time_limit(claim.run_id, 100.0)
    assert claims.beat(claim.run_id, 1, 60.0, spent=60.0) is False
    claims.release(claim.run_id, 1, "its worker shut down")
    again = claims.claim(claim.run_id, "w2", 60.0)
    assert again is not None
    assert claims.beat(claim.run_id, 2, 60.0, spent=39.0) is False
    assert claims.beat(claim.run_id, 2, 60.0, spent=2.0) is True
    assert queries.events(claim.run_id)[-1].kind == "time_limit"
    assert claims.finish(claim.run_id, 2, Status.STOPPED) and lifecycle.requeue(claim.run_id)
    third = claims.claim(claim.run_id, "w3", 60.0)  # who puts it back wants it to go on
    assert third is not None and claims.beat(claim.run_id, 3, 60.0) is False


def test_only_an_ended_run_is_extended_and_keeps_its_curve() -> None:
    percent = {
        **HYBRID,
        "blend": {"type": "linear", "start": 0, "end": 1, "from_step": 0, "to_step": 50, "unit": "percent"},
    }
    run_id = lifecycle.create_run(run_config(mix=percent))  # 6 steps: the ramp ends at step 3
    assert lifecycle.extend(run_id, 20) is False
    lifecycle.request_stop(run_id)
    assert lifecycle.extend(run_id, 20) and status(run_id) == Status.QUEUED
    detail = queries.run_detail(run_id)
    made = parse(RunConfig, detail.config)
    assert detail.row.max_steps == made.grpo.max_steps == 20 and detail.config_hash == made.hash()
    assert made.mix.hard_share(3) == 1.0 and made.mix.hard_share(1.5) == pytest.approx(0.5)
    with pytest.raises(ConfigError, match="12 is not above the 20 steps"):
        lifecycle.extend(run_id, 12)


def test_no_text_keeps_a_run_from_being_stored_or_from_ending() -> None:
    """A tokenizer of bytes makes NULs, an own component may say anything in its error."""
    claim = claimed()
    row = replace(sample_row(), parsed="4\x002", problem_id="p\x00", completion="half \ud83d a pair")
    item = ItemRow("p\x00", 1, 1, None, 1.0)
    found = EvaluationRow(1, 1, 1.0, 1.0, 0.1, items=(item,))
    records.write_step(claim.run_id, 1, StepRecord(1, {"reward/total": 1.0}, [row], found))
    (seen,) = queries.samples_at(claim.run_id, 1)
    assert (seen.parsed, seen.problem_id, seen.completion) == ("4\u24002", "p\u2400", "half ? a pair")
    records.write_event(claim.run_id, 1, "note", "nul \x00")
    assert claims.finish(claim.run_id, 1, Status.FAILED, "ValueError", "no number in \x00 \udc80")
    assert queries.run_detail(claim.run_id).row.error_message == "no number in \u2400 ?"


def test_a_run_that_ends_its_worker_each_time_is_not_tried_for_ever() -> None:
    run_id = lifecycle.create_run(run_config())
    for attempt in range(1, claims.MOST_LOSSES + 3):
        claim = claims.claim(run_id, "w", -1.0)
        assert claim is not None, f"given up before attempt {attempt}"
        if attempt == 2:
            records.write_checkpoint(run_id, attempt, 1)  # it gets on, so the count begins anew
        assert reap() == [run_id]
        if status(run_id) == Status.FAILED:
            break
    assert attempt == claims.MOST_LOSSES + 1
    assert "lost 5 times without a new checkpoint" in (queries.run_detail(run_id).row.error_message or "")
    assert lifecycle.requeue(run_id)  # who looks into it may have mended it
    assert claims.claim(run_id, "w", -1.0) and reap() == [run_id] and status(run_id) == Status.QUEUED


def test_a_row_or_file_that_somebody_holds_for_long_counts_as_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A frozen process may sit in a transaction: the watchdog, the stop and the lease all come after this
    wait."""
    from core.store.schema import run
    from core.store.session import writing
    from tests.conftest import forget_settings

    claim = claimed()
    monkeypatch.setenv("SHOWDOWN_BUSY_SECONDS", "1")
    forget_settings()
    gone, held = threading.Event(), threading.Event()

    def hold() -> None:
        with writing() as c:
            c.execute(run.update().where(run.c.id == claim.run_id).values(step=7))
            held.set()
            gone.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    try:
        with pytest.raises(StoreUnavailable):
            claims.beat(claim.run_id, claim.attempt, 60.0)
    finally:
        gone.set()
        thread.join()
    assert claims.beat(claim.run_id, claim.attempt, 60.0) is False


def test_an_extended_run_has_no_time_limit_that_is_over() -> None:
    claim = claimed()
    lifecycle.set_time_limit(claim.run_id, 10.0)
    assert claims.beat(claim.run_id, 1, 60.0, spent=11.0)
    assert claims.finish(claim.run_id, 1, Status.STOPPED)
    assert lifecycle.extend(claim.run_id, 50)
    again = claims.claim(claim.run_id, "w", 60.0)
    assert again and claims.beat(claim.run_id, again.attempt, 60.0) is False


def test_what_a_comparison_reads() -> None:
    """The last evaluation says how it was made; samples without a total are NaN; a greedy problem counts
    once."""
    claim, other = claimed(), claimed()
    for step, temperature in ((0, 1.0), (10, 0.0)):
        items = tuple(ItemRow(p, 2, right, None, 1.0) for p, right in ((NASTY[:150], 2), ("b", 0)))
        row = EvaluationRow(
            problems=2, num_samples=2, temperature=temperature, accuracy=0.5, seconds=1.0, items=items
        )
        metrics = {
            "eval/accuracy": 0.5,
            "reward/total": 0.1 * step,
            "policy/loss": float("nan"),
            "score/correctness": 1.0,
        }
        rows = [
            replace(sample_row(), total=0.25),
            sample_row(1),
            sample_row(0, 1),
            replace(sample_row(), split="eval"),
        ]
        records.write_step(claim.run_id, claim.attempt, StepRecord(step, metrics, rows, row))
    records.write_environment(claim.run_id, claim.attempt, {"device": "cpu"})
    first, second = evidence.evidence([other.run_id, claim.run_id, 999])
    assert (first.run_id, first.arm, first.seed, first.status) == (claim.run_id, "hybrid", 0, "starting")
    assert (first.problems, first.temperature, first.independent, first.step) == (2, 0.0, 2, 10)
    assert (
        first.environment == {"device": "cpu"} and first.completions_per_step == 16 and first.max_steps == 6
    )
    assert {k: list(s.values) for k, s in first.series.items()} == {
        "eval/accuracy": [0.5, 0.5],
        "reward/total": [0.0, 1.0],
    }
    assert (
        second.series == {}
        and second.problems == 0
        and second.environment == {}
        and second.outcome == "waiting"
    )
    found = evidence.answers({claim.run_id: 0, other.run_id: 0})
    assert sorted(found[claim.run_id].values()) == [(0, 2), (2, 2)] and found[other.run_id] == {}
    assert sorted(evidence.answers({claim.run_id: 10})[claim.run_id].values()) == [(0, 1), (1, 1)]
    samples = evidence.rewarded(claim.run_id, range(5, 11))
    assert samples.step.tolist() == [10, 10, 10] and samples.group.tolist() == [0, 0, 1]
    assert (
        samples.total[0] == 0.25
        and np.isnan(samples.total[1:]).all()
        and samples.correct.tolist() == [False] * 3
    )
    assert len(evidence.rewarded(other.run_id, range(11)).step) == 0


DRAFT = {"name": "x", "seeds": [0], "arms": [{"name": "a", "mix": {"terms": []}}], "run": {}}


@pytest.mark.parametrize(("days", "kept"), [(0, True), (89, True), (91, False)])
def test_drafts_that_nobody_wrote_to_are_let_go(
    database: str, monkeypatch: pytest.MonkeyPatch, days: int, kept: bool
) -> None:
    old, new = "0" * 12, "1" * 12
    assert drafts.save(old, DRAFT, {}, 0)
    then = time.time() + days * 86_400
    monkeypatch.setattr(drafts.time, "time", lambda: then)
    assert drafts.save(new, DRAFT, {}, 0)
    assert (drafts.load(old) is not None) == kept and drafts.load(new) is not None


def test_a_draft_that_was_left_for_long_can_be_gone_on_with(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert drafts.save("0" * 12, {"name": "old"}, {}, 0)
    then = time.time() + 100 * 86_400
    monkeypatch.setattr(drafts.time, "time", lambda: then)
    assert drafts.save("0" * 12, {"name": "again"}, {}, 1)  # a window that was open all the time
