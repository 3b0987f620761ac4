"""The log of a run: live while it trains, and of a failure the line that says what went wrong first. Called by views.run."""

import time

import streamlit as st

from app import cache, elements, prose
from core.cause import first_cause
from core.store.queries import RunDetail, RunRow
from core.store.states import Status

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
    found = first_cause(detail.log_tail, signaled)
    if found is None:
        return None
    head = "The last it said" if signaled and not found.where else "Where it was" if signaled else "What went wrong first"
    return {"head": head, "text": found.text, "where": found.where, "line": found.line}


def log(detail: RunDetail) -> None:
    """The end of the log, then the run's history."""
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
        prose.head("History")
        lines = []
        for event in cache.events(row.id):
            at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event.at))
            where = "" if event.step is None else f"step {event.step}"
            lines.append(f"{at}  {event.kind:<10}  {', '.join(filter(None, (where, event.text)))}".rstrip())
        st.code("\n".join(lines), language=None, wrap_lines=True)
