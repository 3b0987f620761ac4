"""Queue: launch an experiment, see what waits and why, order it, stop it; one bar an experiment with a cell per run."""

import streamlit as st

from app import cache, outages, prose, waits
from app.elements.runs import run_rows
from app.parts import experiments, run_actions
from app.parts.launch import launch_card
from app.parts.no_worker import no_worker
from core.store.queries import RunRow
from core.store.states import Status

TICK_SECONDS = 2.0
A_PAGE, ROWS = 10, 12


def _line(rows: list[RunRow], why: dict[int, str]) -> None:
    """What trains and what waits, in the order in which it is taken."""
    waiting = [r for r in rows if r.status == Status.QUEUED]
    place = {r.id: f"{i}." for i, r in enumerate(waiting, 1)}
    training = len(rows) - len(waiting)
    with st.container(key="card-line"):
        prose.head("Running and waiting", f"{training} running · {len(waiting)} waiting")
        if waiting:
            no_worker()
        pages = -(-len(rows) // ROWS)
        number = st.pagination(pages, key="line-page", bind="query-params") if pages > 1 else 1
        here = rows[ROWS * (number - 1) : ROWS * number]
        shown = [run_actions.row(r, experiments.said(r, why), place.get(r.id, "")) for r in here]
        run_actions.answer(run_rows("line", shown, "Runs that train or wait, next first"))


def _live() -> None:
    rows, open_runs = cache.run_list(), cache.unfinished()
    waiting = [r for r in open_runs if r.status == Status.QUEUED]
    reasons = waits.reasons([r.num_processes for r in waiting], cache.machines())
    why = {r.id: text for r, text in zip(waiting, reasons, strict=True)}
    if open_runs:
        _line(open_runs, why)
    prose.section(None, "Experiments")
    found = cache.experiments()
    if not found and not rows:
        with st.container(key="card-empty"):
            prose.empty("Nothing is queued", "Design a mix, or queue the experiment above as it is.")
        return
    pages = -(-len(found) // A_PAGE)
    number = st.pagination(pages, key="experiments-page", bind="query-params") if pages > 1 else 1
    for e in found[A_PAGE * (number - 1) : A_PAGE * number]:
        experiments.card(e, cache.runs_of(e.id), why)
    if len(found) == cache.MOST_EXPERIMENTS:
        prose.note(f"The newest {cache.MOST_EXPERIMENTS} experiments.")
    alone = [r for r in rows if r.experiment_id is None]
    if alone and number == 1:
        experiments.card(None, alone, why)


def main() -> None:
    prose.title("Queue", sub="Launch an experiment, and watch what waits and runs.")
    launch_card()
    live = any(not r.status.finished for r in cache.run_list())
    outages.fragment(_live, run_every=TICK_SECONDS if live else None, key="queue-live")()


main()
