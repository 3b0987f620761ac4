"""A worker's clock jumps, by NTP or after a suspend: nobody takes its run, nothing waits for an hour, no time
is counted twice.

Real processes. The clock that Python tells the worker and its training is moved while they run; the
reaper's and the database's stay right, as they would on other machines, and so does the monotonic one,
which no jump of a kernel's clock moves. (libfaketime 0.9.10 cannot do that: with the monotonic clock left
alone, every sleep of Python 3.11 fails.)
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.store.lease_watch import Silence
from core.store.runs import claims, lifecycle, queries
from core.store.runs.claims import Lease
from core.store.status import Status
from tests.conftest import forget_settings, wait_for
from tests.support.children import at_step, children_of, start
from tests.support.gate import gated, gated_run
from tests.support.gate import move as move_gate
from tests.support.samples import BRIEF

# Python imports a module of this name before everything else.
SITECUSTOMIZE = """
import pathlib, time
offset, right = pathlib.Path(__file__).with_name("offset"), time.time
time.time = lambda: right() + float(offset.read_text())
"""
STEPS = 5000  # more than a fast machine makes before the run is stopped
LEASE, HOUR = 8.0, 3600.0


def worker(home: Path) -> tuple[subprocess.Popen[bytes], Callable[[float], None]]:
    """A supervising process for one run, and how its clock is moved by so many seconds."""
    folder = home / "clock"
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(SITECUSTOMIZE)

    def move(seconds: float) -> None:
        (folder / "new").write_text(str(seconds))
        (folder / "new").replace(folder / "offset")

    move(0.0)
    env = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")])),
    }
    code = "from worker.supervise import supervisor; supervisor.supervise('moved')"
    return subprocess.Popen([sys.executable, "-c", code], env=env, start_new_session=True), move


def ahead() -> float:
    """Seconds by which the newest renewal of the only lease is ahead of a right clock's."""
    (lease,) = claims.leases()
    return lease.until - LEASE - time.time()


def test_a_workers_clock_jumps_an_hour_forward_and_back(
    sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOWDOWN_LEASE_SECONDS", str(LEASE))
    monkeypatch.setenv("SHOWDOWN_REAP_SECONDS", "0.2")
    forget_settings()
    # it trains two steps under each clock, and waits while the time goes by
    gate = gated(sqlite, monkeypatch, 1)
    run_id = lifecycle.create_run(gated_run(grpo={**BRIEF, "max_steps": STEPS}))
    lifecycle.set_time_limit(run_id, HOUR / 2)
    reaper = start("reaper", sqlite / "log")
    first, move = worker(sqlite)
    try:
        at_step(run_id, 1)
        # to the past: by its clock the lease ended an hour ago; to the future: it ends in an hour
        for jump in (-HOUR, HOUR):
            move(jump)
            wait_for("a renewal by the moved clock", lambda j=jump: abs(ahead() - j) < HOUR / 10)
            step = queries.run_detail(run_id).row.step
            move_gate(gate, step + 2)
            at_step(run_id, step + 2)
            (before,) = claims.leases()
            wait_for(
                "renewals for longer than a lease",
                lambda b=before: claims.leases()[0].until > b.until + LEASE,
            )
        assert [e.kind for e in queries.events(run_id)].count("lost") == 0

        # Killed with a lease that ends in an hour: it is missed as soon as any other. Its training goes on
        # until it sees that.
        gate.unlink()
        os.kill(first.pid, signal.SIGKILL)
        killed_at = time.monotonic()
        first.wait()
        wait_for("the reaper to take the run", lambda: queries.run_detail(run_id).row.status == Status.QUEUED)
        assert time.monotonic() - killed_at < HOUR / 10
        wait_for("the orphan to end", lambda: not children_of(run_id))
        step = queries.run_detail(run_id).row.step
        second, move = worker(sqlite)
        move(-HOUR)
        at_step(run_id, step + 2)
        lifecycle.request_stop(run_id)
        second.wait()
    finally:
        first.kill()
        first.wait()
        reaper.terminate()
        reaper.wait(60)
    row = queries.run_detail(run_id).row
    assert (row.status, row.attempt) == (Status.STOPPED, 2), (sqlite / "log").read_text()
    assert [e.kind for e in queries.events(run_id)].count("lost") == 1
    assert queries.series(run_id)["reward/total"].steps == list(range(1, row.step + 1))
    assert children_of(run_id) == []


def test_a_look_that_comes_late_counts_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reaper was stopped, or the database was away, for an hour: the holders get time to renew."""
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    silence, alive, dead = Silence(longest_look=1.0), Lease(1, 1, 5.0), Lease(2, 1, 5.0)
    assert silence.look([alive, dead]) == {alive: 0.0, dead: 0.0}
    now[0] += 0.5
    assert silence.look([alive, dead]) == {alive: 0.5, dead: 0.5}
    now[0] += HOUR
    renewed = Lease(1, 1, 4.0)  # its clock went back meanwhile: any change is a renewal
    assert silence.look([renewed, dead]) == {renewed: 0.0, dead: 1.5}
    now[0] += 0.5
    assert silence.look([dead]) == {dead: 2.0} and silence.look([renewed]) == {renewed: 0.0}
