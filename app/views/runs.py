"""Runs: every run in one table, newest first; a click opens it."""

from typing import Any

import streamlit as st

from app import cache, prose, words
from core.store.queries import RunRow
from core.store.states import Status

COLUMNS = {
    "run": st.column_config.NumberColumn("Run", width=60),
    "state": st.column_config.TextColumn("State", width=90),
    "arm": st.column_config.TextColumn("Arm"),
    "structure": st.column_config.TextColumn("Structure"),
    "seed": st.column_config.NumberColumn("Seed", width=60),
    "progress": st.column_config.ProgressColumn("Progress", min_value=0, max_value=1, format="percent"),
    "gold": st.column_config.NumberColumn("Gold accuracy", format="percent", help=words.help_of("eval/accuracy")),
    "start": st.column_config.NumberColumn("At start", format="percent"),
    "age": st.column_config.TextColumn("Queued"),
    "worker": st.column_config.TextColumn("Worker"),
    "experiment": st.column_config.TextColumn("Experiment"),
}


def _row(r: RunRow) -> dict[str, Any]:
    return {
        "run": r.id,
        "arm": r.arm,
        "state": words.STATUS[r.status][0],
        "gold": r.accuracy,
        "progress": r.step / r.max_steps,
        "start": r.first_accuracy,
        "seed": r.seed,
        "structure": r.structure,
        "age": words.ago(r.queued_at),
        "worker": r.worker or "",
        "experiment": r.experiment,
    }


def _table(rows: list[RunRow]) -> None:
    chosen = st.dataframe(
        [_row(r) for r in rows],
        column_config=COLUMNS,
        hide_index=True,
        row_height=36,
        height=min(38 + 36 * len(rows), 620),
        on_select="rerun",
        selection_mode="single-cell",
        key="runs-table",
        alt="All runs, newest first",
    ).selection.cells
    if chosen and chosen[0][0] < len(rows):
        st.switch_page("views/run.py", query_params={"run": str(rows[chosen[0][0]].id)})
    st.caption("Click a row to open the run.")


def main() -> None:
    rows = cache.run_list()
    live = any(not r.status.finished for r in rows)
    left, right = st.columns([3, 1], vertical_alignment="bottom")
    with left:
        prose.title("Runs", sub="Every training, newest first.")
    with right, st.container(horizontal=True, horizontal_alignment="right"):
        st.page_link("views/design.py", label="Design a mix", icon=":material/tune:")
    st.fragment(_live, run_every=2 if live else None, key="runs-live")()


def _live() -> None:
    rows = cache.run_list()
    with st.container(key="card-runs"):
        if not rows:
            prose.empty("No runs yet", "Design a mix, or launch the first showdown from the Queue page.")
            return
        done = sum(r.status == Status.DONE for r in rows)
        running = sum(r.status.claimed for r in rows)
        waiting = sum(r.status == Status.QUEUED for r in rows)
        prose.head(f"{len(rows)} runs", f"{running} running · {waiting} waiting · {done} done")
        if waiting and not cache.machines():
            st.info("No worker listens. Start one: `showdown worker`.", icon=":material/info:")
        _table(rows)


main()
