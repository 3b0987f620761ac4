"""The log of a run: live while it trains; after a failure, also the line that shows the first cause."""

import time

import streamlit as st

from app import elements
from app.data import reads
from app.widgets import html
from core.common.log_cause import first_cause
from core.store.runs.queries import RunDetail, RunRow
from core.store.status import Status

EMPTY = {
    Status.QUEUED: "The run waits in the queue.",
    Status.STARTING: "Its worker is starting the training.",
    Status.RUNNING: "It comes with the worker's next sign of life.",
}


def _note(row: RunRow) -> str:
    if row.status.claimed:
        return f"live, newest line last · {row.worker}"
    return "" if row.worker is None else f"the end of it · {row.worker}"


def _cause(detail: RunDetail) -> dict[str, object] | None:
    row = detail.row
    if row.status != Status.FAILED or not detail.log_tail:
        return None
    signaled = (row.error_kind or "").startswith("SIG") or row.error_kind == "Hung"
    cause = first_cause(detail.log_tail, signaled)
    if cause is None:
        return None
    head = (
        "The last it said"
        if signaled and not cause.where
        else "Where it was"
        if signaled
        else "What went wrong first"
    )
    return {"head": head, "text": cause.text, "where": cause.where, "line": cause.line}


def log(detail: RunDetail) -> None:
    """Draw the end of the log, then the run's history."""
    row = detail.row
    with st.container(key="card-log"):
        data = {
            "text": detail.log_tail or "",
            "note": _note(row),
            "cause": _cause(detail),
            "empty": ["No line yet", EMPTY.get(row.status, "This run has never written one.")],
        }
        elements.log_view("log", data)
        st.caption(f"The whole log: `showdown logs {row.id}` on the machine of its worker.")
    with st.container(key="card-history"):
        html.head("History")
        lines = []
        for event in reads.events(row.id):
            timestamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event.at))
            step_text = "" if event.step is None else f"step {event.step}"
            lines.append(
                f"{timestamp}  {event.kind:<10}  {', '.join(filter(None, (step_text, event.text)))}".rstrip()
            )
        st.code("\n".join(lines), language=None, wrap_lines=True)
