"""The Runs page: every run in one table, and the curves of chosen runs over each other.

The table can be filtered, grouped by any setting, and given any columns.
"""

import streamlit as st

from app import elements
from app.data import reads
from app.text import labels
from app.views.runs.filters import Shown, choose, groups
from app.views.runs.overlays import overlays
from app.views.runs.table import group_table, in_url, table
from app.views.shared.no_worker import no_worker
from app.widgets import html, outages
from core.store.runs.queries import RunRow
from core.store.status import Status

SPACING = 4.0  # minimum seconds between two drawings of the table
# SPACING beside curves, which update by themselves: a table costs more than all of them
BESIDE_CURVES = 10.0


def _head(rows: list[RunRow], fitting: list[RunRow]) -> None:
    done_count = sum(r.status == Status.DONE for r in fitting)
    running_count = sum(r.status.claimed for r in fitting)
    failed_count = sum(r.status == Status.FAILED for r in fitting)
    waiting = [r for r in fitting if r.status == Status.QUEUED]
    count_text = (
        labels.count(len(rows), "run")
        if len(fitting) == len(rows)
        else f"{len(fitting)} of {labels.count(len(rows), 'run')}"
    )
    html.head(
        count_text,
        f"{running_count} running · {len(waiting)} waiting · {done_count} done"
        + (f" · {failed_count} failed" if failed_count else ""),
    )
    if waiting:
        no_worker()


def _live(shown: Shown, drawn: set[int]) -> None:
    rows = reads.run_list()
    fitting = [r for r in rows if shown.fits(r)]
    settings = reads.settings_of(tuple((r.id, r.max_steps) for r in rows))
    with st.container(key="card-runs"):
        _head(rows, fitting)
        if not fitting:
            html.empty("No run fits", "Take a filter away.")
            return
        run_groups = []
        if shown.group:
            run_groups = groups(fitting, settings, shown.group)
            group_table(run_groups, shown.group)
            fitting = [r for g in run_groups for r in g.runs]
        chosen_runs = table(fitting, shown, settings, run_groups)
        if len(rows) == reads.MOST_RUNS:
            html.note(
                f"The newest {reads.MOST_RUNS} runs; older ones are under their experiments on the Queue "
                "page."
            )
    if any(not r.status.finished for r in rows):
        first = rows[-1].id
        elements.pulse(
            "runs", ("standing", first), lambda: reads.standing(first), reads.standing_of(rows),
            spacing=BESIDE_CURVES if drawn else SPACING,
        )  # fmt: skip
    if {r.id for r in chosen_runs} != drawn:
        st.rerun()  # the curves are outside this fragment, which ticks for the table alone


def main() -> None:
    rows = reads.run_list()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width="stretch"):
            html.title("Runs", sub="Every training, newest first.")
        st.page_link("views/design/page.py", label="Design a mix", icon=":material/tune:")
    if not rows:
        with st.container(key="card-runs"):
            message = "Design a mix, or launch the first showdown from Home."
            html.empty("No runs yet", message, ("home", "Home", "home"), ("design", "Design", "tune"))
        return
    settings = reads.settings_of(tuple((r.id, r.max_steps) for r in rows))
    run_filters = choose(
        rows, {path for run_settings in settings.values() for path in run_settings}, reads.metric_names()
    )
    requested_ids = in_url()
    chosen_runs = [r for r in rows if r.id in requested_ids and run_filters.fits(r)]
    outages.fragment(_live, key="runs-live")(run_filters, {r.id for r in chosen_runs})
    if chosen_runs:
        overlays(chosen_runs)


main()
