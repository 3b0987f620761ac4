"""What this dashboard stands on: database, broker, versions."""

import streamlit as st

from app.text import labels
from app.widgets import html
from core.store.health import System

MIB = 1024**2


def system(found: System) -> None:
    """Draw one line each for database and broker, then the versions."""
    with st.container(key="card-system"):
        ok = not (found.database_fault or found.broker_fault)
        html.head(
            "Database, broker, versions",
            chips=[html.chip("both answer", "good") if ok else html.chip("look here", "bad")],
        )
        size = "" if found.size is None else f", {found.size / MIB:,.1f} MiB"
        _line(
            "Database",
            f"{found.database}, schema {found.schema or 'not made yet'}{size}",
            found.database_fault,
        )
        waiting = f"{labels.count(found.messages or 0, 'message')} nobody has taken yet"
        _line(
            "Broker",
            f"{found.broker} answers, {waiting}. The database decides who runs; a message only wakes.",
            found.broker_fault,
        )
        versions_text = " · ".join(f"{name} {version}" for name, version in found.versions.items())
        html.note(f"This dashboard: {versions_text}")
        st.caption(
            "What a run was trained with (versions, device) is stored with it: `showdown show RUN --json`."
        )


def _line(name: str, text: str, fault: str) -> None:
    if fault:
        html.error_box(name, fault)
    else:
        html.fact(name, text)
