"""What this dashboard stands on: database, broker, versions. Called by the Workers page."""

import streamlit as st

from app import prose, words
from core.health import System

MIB = 1024**2


def system(found: System) -> None:
    """A line each for database and broker, then the versions."""
    with st.container(key="card-system"):
        ok = not (found.database_fault or found.broker_fault)
        prose.head(
            "Database, broker, versions", chips=[prose.chip("both answer", "good") if ok else prose.chip("look here", "bad")]
        )
        size = "" if found.size is None else f", {found.size / MIB:,.1f} MiB"
        _line("Database", f"{found.database}, schema {found.schema or 'not made yet'}{size}", found.database_fault)
        waiting = f"{words.count(found.messages or 0, 'message')} nobody has taken yet"
        _line(
            "Broker",
            f"{found.broker} answers, {waiting}. The database decides who runs; a message only wakes.",
            found.broker_fault,
        )
        shown = " · ".join(f"{name} {made}" for name, made in found.versions.items())
        prose.note(f"This dashboard: {shown}")
        st.caption("What a run was trained with (versions, device) is stored with it: `showdown show RUN --json`.")


def _line(name: str, text: str, fault: str) -> None:
    if fault:
        prose.error_box(name, fault)
    else:
        prose.fact(name, text)
