"""Every number of a comparison in tables, as CSV and as LaTeX. Called by app.views.compare."""

from collections.abc import Sequence

import streamlit as st

from app import address, prose
from app.compared import Compared, made
from app.parts.compare_ask import Asked
from app.tables import html
from core.compare.export import to_csv, to_latex
from core.compare.table import Table
from core.compare.tables import tables

MOST_ROWS = 120  # rows drawn; the files have all


def tables_card(a: Asked, found: Compared) -> None:
    """One table at a time; which one is in the address."""
    made_of: Sequence[Table] = made(found, "tables", lambda: tables(found.comparison, a.question.fixed))
    if not made_of:
        return
    known = {t.key: t for t in made_of}
    asked = address.get("table")
    now = asked if asked in known else made_of[0].key
    with st.container(key="card-tables"):
        with st.container(horizontal=True, vertical_alignment="center"):
            key = f"compare-table-{now}"
            st.segmented_control(
                "Table", list(known), default=now, format_func=lambda k: known[k].title, key=key, required=True,
                label_visibility="collapsed", on_change=lambda: address.put(table=str(st.session_state[key])),
            )  # fmt: skip
            _files(known[now])
        prose.note(known[now].note)
        st.html(html(known[now], MOST_ROWS))
        if len(known[now].rows) > MOST_ROWS:
            prose.note(f"The first {MOST_ROWS} of {len(known[now].rows)} rows; the files have all.")
        prose.note("Hover a number for its note; a head for its formula. The files name the runs behind every number.")


def _files(table: Table) -> None:
    name, latex = f"compare-{table.key}", to_latex(table)
    with st.container(horizontal=True, horizontal_alignment="right", width="stretch"):
        st.download_button("CSV", to_csv(table), f"{name}.csv", "text/csv", icon=":material/download:", on_click="ignore")
        with st.popover("LaTeX", icon=":material/functions:"):
            st.code(latex, language="latex", height=260)
            st.download_button("Save .tex", latex, f"{name}.tex", "text/x-tex", on_click="ignore")
