"""Queue: launch an experiment, see what waits and why, reorder it, stop it.

Each experiment has one bar with a cell for each run.
"""

import streamlit as st

from app.data import reads
from app.elements.runs import run_rows
from app.text import queue_reasons
from app.views.queue.launch import launch_card
from app.views.shared import experiments, run_actions
from app.views.shared.no_worker import no_worker
from app.widgets import html, outages
from core.store.runs.queries import RunRow
from core.store.status import Status

TICK_SECONDS = 2.0
A_PAGE = 10
ROWS = 12


def _line(rows: list[RunRow], why: dict[int, str]) -> None:
    """Draw what trains and what waits, in the order in which the runs are taken."""
    waiting = [r for r in rows if r.status == Status.QUEUED]
    place = {r.id: f"{i}." for i, r in enumerate(waiting, 1)}
    training = len(rows) - len(waiting)
    with st.container(key="card-line"):
        html.head("Running and waiting", f"{training} running · {len(waiting)} waiting")
        if waiting:
            no_worker()
        pages = -(-len(rows) // ROWS)
        number = st.pagination(pages, key="line-page", bind="query-params") if pages > 1 else 1
        page_rows = rows[ROWS * (number - 1) : ROWS * number]
        row_data = [run_actions.row(r, experiments.said(r, why), place.get(r.id, "")) for r in page_rows]
        run_actions.answer(run_rows("line", row_data, "Runs that train or wait, next first"))


def _live() -> None:
    rows = reads.run_list()
    open_runs = reads.unfinished()
    waiting = [r for r in open_runs if r.status == Status.QUEUED]
    reasons = queue_reasons.reasons([r.num_processes for r in waiting], reads.machines())
    reason_by_run = {r.id: text for r, text in zip(waiting, reasons, strict=True)}
    if open_runs:
        _line(open_runs, reason_by_run)
    html.section(None, "Experiments")
    experiment_rows = reads.experiments()
    if not experiment_rows and not rows:
        with st.container(key="card-empty"):
            html.empty("Nothing is queued", "Design a mix, or queue the experiment above as it is.")
        return
    pages = -(-len(experiment_rows) // A_PAGE)
    number = st.pagination(pages, key="experiments-page", bind="query-params") if pages > 1 else 1
    for e in experiment_rows[A_PAGE * (number - 1) : A_PAGE * number]:
        experiments.card(e, reads.runs_of(e.id), reason_by_run)
    if len(experiment_rows) == reads.MOST_EXPERIMENTS:
        html.note(f"The newest {reads.MOST_EXPERIMENTS} experiments.")
    alone = [r for r in rows if r.experiment_id is None]
    if alone and number == 1:
        experiments.card(None, alone, reason_by_run)


def main() -> None:
    html.title("Queue", sub="Launch an experiment, and watch what waits and runs.")
    launch_card()
    live = any(not r.status.finished for r in reads.run_list())
    outages.fragment(_live, run_every=TICK_SECONDS if live else None, key="queue-live")()


main()
