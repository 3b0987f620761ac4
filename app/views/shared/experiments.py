"""Experiments as cards: a bar with a cell for each run, actions on all runs, and the runs on demand."""

from collections.abc import Sequence

import streamlit as st

from app.data import actions, draft, reads
from app.elements.runs import run_cells, run_rows
from app.text import labels
from app.views.shared import run_actions
from app.widgets import html
from core.common.errors import ShowdownError
from core.store.runs.queries import ExperimentRow, RunRow
from core.store.status import Status

MOST_SAID = 240  # characters of why a run failed
OPEN_ROWS = 60  # rows drawn for one experiment; the Runs page has all


def counts(runs: Sequence[RunRow]) -> str:
    """Runs by state, such as "2 of 9 done, 1 running, 6 waiting"."""
    done_count = sum(r.status == Status.DONE for r in runs)
    others = [
        (sum(r.status.claimed for r in runs), "running"),
        (sum(r.status in (Status.QUEUED, Status.LOST) for r in runs), "waiting"),
        (sum(r.status == Status.FAILED for r in runs), "failed"),
        (sum(r.status == Status.STOPPED for r in runs), "stopped"),
    ]
    return ", ".join([f"{done_count} of {len(runs)} done", *(f"{n} {state}" for n, state in others if n)])


def bar(key: str, runs: Sequence[RunRow]) -> None:
    """Draw the progress of all steps, and a cell for each run that opens it."""
    html.progress(sum(r.step for r in runs), sum(r.max_steps for r in runs), counts(runs), "")
    if failed := [r for r in runs if r.status == Status.FAILED and r.error_message]:
        last = failed[-1]
        reason = str(last.error_message).strip().partition("\n")[0]
        html.fault(labels.cut(f"{last.name}: {last.error_kind}: {reason}", MOST_SAID))
    if swept := next((r.swept for r in runs if r.swept), None):
        html.note(f"In each cell: arm, {', '.join(swept)}, seed.")
    run_cells(key, [run_actions.cell(r) for r in runs], "Runs, one cell each")


def card(e: ExperimentRow | None, runs: list[RunRow], why: dict[int, str]) -> None:
    """Draw one experiment, or (None) the runs that belong to none; `why` has waiting reasons by run id."""
    name = f"{e.id if e else 'alone'}"
    runs = sorted(runs, key=lambda r: r.id)
    with st.container(key=f"card-experiment-{name}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(width="stretch", key=f"title-experiment-{name}"):
                note = labels.submitted(e.question, e.created_at, e.by) if e else "submitted one by one"
                html.head(e.name if e else "Runs of their own", note)
            if e:
                _whole(e, runs)
        bar(f"cells-{name}", runs)
        rows = st.expander(
            f"{labels.count(len(runs), 'run')}, one by one",
            on_change="rerun",
            key=f"rows-open-{name}",
            bind="query-params",
        )
        if rows.open:
            with rows:
                row_data = [run_actions.row(r, said(r, why)) for r in runs[:OPEN_ROWS]]
                run_actions.answer(
                    run_rows(
                        f"rows-{name}", row_data, html.visible(f"Runs of {e.name if e else 'their own'}")
                    )
                )
                if len(runs) > OPEN_ROWS:
                    st.caption(f"The first {OPEN_ROWS} of {len(runs)}; all are on the Runs page.")


def compare_link(experiment_id: int, runs: Sequence[RunRow]) -> None:
    """Draw a link to the comparison, once there is something to compare."""
    if any(r.accuracy is not None for r in runs):
        query = {"experiment": str(experiment_id)}
        st.page_link(
            "views/compare/page.py", label="Compare", icon=":material/compare_arrows:", query_params=query
        )


def said(r: RunRow, why: dict[int, str]) -> str:
    """The text of a run's row: its error, or why it waits and how far it is."""
    if r.error_message:
        return f"{r.error_kind}: {r.error_message}"
    if r.stop_requested and r.status.claimed:
        return "stops at the next step"
    gold = "" if r.accuracy is None else f" · gold {labels.percent(r.accuracy)}"
    progress = f"{r.step} of {r.max_steps}{gold}" if r.step or r.status.finished else ""
    # a stopped run that waits again has both
    return " · ".join(filter(None, (why.get(r.id, ""), progress)))


def _whole(e: ExperimentRow, runs: list[RunRow]) -> None:
    """Draw the buttons that stop, requeue and clone the whole experiment."""
    going = [r for r in runs if not r.status.finished]
    again = [r for r in runs if r.status in (Status.FAILED, Status.STOPPED)]
    compare_link(e.id, runs)
    if going:
        with st.popover("Stop all", icon=":material/stop_circle:", key=f"stop-all-{e.id}"):
            training = sum(r.status.claimed for r in going)
            st.caption(
                f"{labels.count(len(going), 'run')}; "
                f"training now, and writing a checkpoint first: {training}."
            )
            if st.button("Stop them", key=f"stop-them-{e.id}", type="primary"):
                run_actions.did(actions.stop_experiment(e.id))
    if again and st.button(
        "Requeue", icon=":material/replay:", key=f"requeue-{e.id}", help="Its failed and stopped runs go on."
    ):
        run_actions.did(actions.requeue_all([r.id for r in again]))
    if st.button(
        "Clone",
        icon=":material/content_copy:",
        key=f"clone-{e.id}",
        help="Its arms, seeds and settings as a new draft.",
    ):
        try:
            draft.load_experiment(reads.experiment_config(e.id))
        except ShowdownError as error:
            st.toast(html.plain(str(error)), icon=":material/error:")
            return
        st.toast("Cloned into the form above.")
        st.rerun()
