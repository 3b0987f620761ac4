"""Who did what to a run, and which sign-ins were ended, on SQLite and on PostgreSQL."""

import time
from collections.abc import Callable

import pytest

from core.store import sign_outs
from core.store.runs import claims, lifecycle, queries
from core.store.status import Status
from tests.support.samples import run_config

pytestmark = pytest.mark.usefixtures("database")


def train() -> int:
    """The id of a run that trains."""
    claim = claims.claim(lifecycle.create_run(run_config(), by="ana"), "w1", 60.0)
    assert claim is not None
    return claim.run_id


def stopped() -> int:
    """The id of a run that was stopped while it waited."""
    run_id = lifecycle.create_run(run_config(), by="ana")
    lifecycle.request_stop(run_id, "ana")
    return run_id


@pytest.mark.parametrize(
    ("make", "act", "kind"),
    [
        (stopped, lambda run_id: lifecycle.requeue(run_id, "ben"), "queued"),
        (stopped, lambda run_id: lifecycle.extend(run_id, 1000, "ben"), "queued"),
        (train, lambda run_id: lifecycle.request_stop(run_id, "ben"), "stop_requested"),
        (train, lambda run_id: lifecycle.set_priority(run_id, 3, "ben"), "priority"),
        (train, lambda run_id: lifecycle.set_time_limit(run_id, 60.0, "ben"), "limit"),
        (train, lambda run_id: lifecycle.set_time_limit(run_id, None, "ben"), "limit"),
    ],
)
def test_who_acts_stands_in_the_runs_history(
    make: Callable[[], int], act: Callable[[int], object], kind: str
) -> None:
    run_id = make()
    act(run_id)
    first, last = (queries.events(run_id)[at] for at in (0, -1))
    assert (first.kind, first.by) == ("queued", "ana")
    assert (last.kind, last.by) == (kind, "ben") and last.text.endswith("by ben")


def test_nobody_is_named_where_nobody_acts() -> None:
    claim = claims.claim(lifecycle.create_run(run_config()), "w1", 60.0)
    assert claim is not None and claims.finish(claim.run_id, 1, Status.DONE)
    assert {event.by for event in queries.events(claim.run_id)} == {""}


def test_a_name_is_stored_whatever_it_holds() -> None:
    run_id = lifecycle.create_run(run_config(), by="\x00Łucja 🦊 \ud800")
    assert queries.events(run_id)[0].by == "\u2400Łucja 🦊 ?"


def test_an_ended_sign_in_is_known_until_it_would_end_by_itself() -> None:
    sign_outs.record("a" * 64, time.time() + 60)
    sign_outs.record("a" * 64, time.time() + 60)  # twice, as two tabs do
    sign_outs.record("b" * 64, time.time() - 1)
    assert sign_outs.sessions() == {"a" * 64}
    sign_outs.record("c" * 64, time.time() + 60)
    assert sign_outs.sessions() == {"a" * 64, "c" * 64}
