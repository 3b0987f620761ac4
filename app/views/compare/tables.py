"""Every number of a comparison in tables, as CSV and as LaTeX."""

from collections.abc import Sequence

import streamlit as st

from app.data.comparisons import Compared, made
from app.views.compare.question import Asked
from app.widgets import html as prose
from app.widgets import url_state
from app.widgets.tables import html
from core.compare.export import to_csv, to_latex
from core.compare.table import Table
from core.compare.tables import tables

MOST_ROWS = 120  # rows drawn; the files have all


def tables_card(a: Asked, found: Compared) -> None:
    """Draw one table at a time; the address says which."""
    all_tables: Sequence[Table] = made(found, "tables", lambda: tables(found.comparison, a.question.fixed))
    if not all_tables:
        return
    table_by_key = {t.key: t for t in all_tables}
    requested_key = url_state.get("table")
    table_key = requested_key if requested_key in table_by_key else all_tables[0].key
    with st.container(key="card-tables"):
        with st.container(horizontal=True, vertical_alignment="center"):
            key = f"compare-table-{table_key}"
            st.segmented_control(
                "Table",
                list(table_by_key),
                default=table_key,
                format_func=lambda k: table_by_key[k].title,
                key=key,
                required=True,
                label_visibility="collapsed",
                on_change=lambda: url_state.put(table=str(st.session_state[key])),
            )
            _files(table_by_key[table_key])
        prose.note(table_by_key[table_key].note)
        st.html(html(table_by_key[table_key], MOST_ROWS))
        if len(table_by_key[table_key].rows) > MOST_ROWS:
            prose.note(
                f"The first {MOST_ROWS} of {len(table_by_key[table_key].rows)} rows; the files have all."
            )
        prose.note(
            "Hover a number for its note; a head for its formula. "
            "The files name the runs behind every number."
        )


def _files(table: Table) -> None:
    name = f"compare-{table.key}"
    latex = to_latex(table)
    with st.container(horizontal=True, horizontal_alignment="right", width="stretch"):
        st.download_button(
            "CSV", to_csv(table), f"{name}.csv", "text/csv", icon=":material/download:", on_click="ignore"
        )
        with st.popover("LaTeX", icon=":material/functions:"):
            st.code(latex, language="latex", height=260)
            st.download_button("Save .tex", latex, f"{name}.tex", "text/x-tex", on_click="ignore")
