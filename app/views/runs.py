"""Runs: every run in one table; filter it, group it by any setting, choose its columns, lay chosen runs over each other."""

import streamlit as st

from app import cache, elements, outages, prose, words
from app.parts.no_worker import no_worker
from app.parts.overlays import overlays
from app.parts.run_filters import Shown, choose, groups
from app.parts.run_table import group_table, in_url, table
from core.store.queries import RunRow
from core.store.states import Status

SPACING = 4.0  # seconds at least between two drawings of the table
BESIDE_CURVES = 10.0  # the same where curves are drawn, which go on by themselves: a table costs more than all of them


def _head(rows: list[RunRow], fitting: list[RunRow]) -> None:
    done = sum(r.status == Status.DONE for r in fitting)
    running = sum(r.status.claimed for r in fitting)
    failed = sum(r.status == Status.FAILED for r in fitting)
    waiting = [r for r in fitting if r.status == Status.QUEUED]
    many = words.count(len(rows), "run") if len(fitting) == len(rows) else f"{len(fitting)} of {words.count(len(rows), 'run')}"
    prose.head(many, f"{running} running · {len(waiting)} waiting · {done} done" + (f" · {failed} failed" if failed else ""))
    if waiting:
        no_worker()


def _live(shown: Shown, drawn: set[int]) -> None:
    rows = cache.run_list()
    fitting = [r for r in rows if shown.fits(r)]
    settings = cache.settings_of(tuple((r.id, r.max_steps) for r in rows))
    with st.container(key="card-runs"):
        _head(rows, fitting)
        if not fitting:
            prose.empty("No run fits", "Take a filter away.")
            return
        found = []
        if shown.group:
            found = groups(fitting, settings, shown.group)
            group_table(found, shown.group)
            fitting = [r for g in found for r in g.runs]
        chosen = table(fitting, shown, settings, found)
        if len(rows) == cache.MOST_RUNS:
            prose.note(f"The newest {cache.MOST_RUNS} runs; older ones are under their experiments on the Queue page.")
    if any(not r.status.finished for r in rows):
        first = rows[-1].id
        elements.pulse(
            "runs", ("standing", first), lambda: cache.standing(first), cache.standing_of(rows),
            spacing=BESIDE_CURVES if drawn else SPACING,
        )  # fmt: skip
    if {r.id for r in chosen} != drawn:
        st.rerun()  # the curves stand outside this fragment, which ticks for the table alone


def main() -> None:
    rows = cache.run_list()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with st.container(width="stretch"):
            prose.title("Runs", sub="Every training, newest first.")
        st.page_link("views/design.py", label="Design a mix", icon=":material/tune:")
    if not rows:
        with st.container(key="card-runs"):
            said = "Design a mix, or launch the first showdown from Home."
            prose.empty("No runs yet", said, ("home", "Home", "home"), ("design", "Design", "tune"))
        return
    settings = cache.settings_of(tuple((r.id, r.max_steps) for r in rows))
    shown = choose(rows, {path for found in settings.values() for path in found}, cache.metric_names())
    asked = in_url()
    chosen = [r for r in rows if r.id in asked and shown.fits(r)]
    outages.fragment(_live, key="runs-live")(shown, {r.id for r in chosen})
    if chosen:
        overlays(chosen)


main()
