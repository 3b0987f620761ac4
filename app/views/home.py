"""Home: the first showdown for somebody new, what changed for somebody who was here before, and the newest experiments."""

import time

import streamlit as st

from app import actions, cache, elements, outages, prose, visits, words
from app.elements.runs import remember_visit
from app.figures.overlay import overlay
from app.parts.changes import changes, recent
from app.parts.experiments import bar, compare_link
from app.parts.no_worker import no_worker
from core import presets
from core.errors import ConfigError
from core.news import news
from core.store.queries import ExperimentRow, RunRow
from core.store.states import Status

TICK_SECONDS = 2.0
EXPERIMENTS, MOST_LINES, CHART = 4, 9, 260
WHAT = (
    "Showdown trains a language model under several reward mixes and shows which of them teaches it best.",
    "A mix is made of terms: hard ones that say right or wrong, continuous ones that say how nearly, and a blend between them.",
)


def _visit() -> visits.Visit:
    """One look at the cookies a session: what is new stays so while one moves between the pages."""
    if "visit" not in st.session_state:
        st.session_state["visit"] = visits.visit(st.context.cookies, time.time())
    found: visits.Visit = st.session_state["visit"]
    return found


def _first_launch() -> None:
    with st.container(key="card-first"):
        prose.head("Nothing has been trained yet", "start with the first showdown")
        prose.note(
            "Three structures (hard, continuous, hybrid) train a model of 0.8 million weights on sums, 100 steps each: a few "
            "minutes on two CPU cores."
        )
        no_worker()
        if st.button("Launch the first showdown", type="primary", icon=":material/play_arrow:"):
            try:
                _, run_ids, warning = actions.launch(presets.demo())
            except ConfigError as error:
                prose.fault(str(error))
                return
            st.toast(prose.plain(warning) or f"Queued {len(run_ids)} runs.")
            cache.forget_runs()
            st.rerun()
        st.caption(
            "In a terminal: `make demo` starts everything and launches it, `showdown submit first-showdown` only queues it."
        )


def _next_steps(runs: list[RunRow]) -> None:
    seen = next((r for r in runs if r.step), None)
    steps = [
        ("1", "Watch it learn", "Curves, dead groups, what each term adds: live on a run's page.", "Open a run", "views/run.py",
         {"run": str(seen.id)} if seen else None, ":material/monitoring:"),
        ("2", "Read what it writes", "Every completion with its reward, term by term, and the group it competed with.",
         "Read samples", "views/run.py", {"run": str(seen.id), "tab": "Samples"} if seen else None, ":material/article:"),
        ("3", "Design your own mix", "Weights, curves and rules, tried on text first.", "Design", "views/design.py",
         {}, ":material/tune:"),
    ]  # fmt: skip
    prose.section(None, "Three next steps")
    with st.grid(3, min_column_width=260):
        for number, name, what, label, page, query, icon in steps:
            with st.container(key=f"card-step-{number}", height="stretch"):
                prose.head(f"{number}. {name}")
                prose.note(what)
                if query is None:
                    prose.note("As soon as the first step is done.")
                else:
                    st.page_link(page, label=label, icon=icon, query_params=query)


def _experiment(e: ExperimentRow, runs: list[RunRow], first: bool) -> None:
    runs = sorted(runs, key=lambda r: r.id)
    with st.container(key=f"card-experiment-{e.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(width="stretch"):
                prose.head(e.name, words.submitted(e.question, e.created_at, e.by))
            compare_link(e.id, runs)
        bar(f"home-cells-{e.id}", runs)
        apart = len({r.step for r in runs if r.accuracy is not None}) > 1
        lines = cache.gold(runs) if first or apart else {}
        if found := recent(runs, lines):
            prose.note(f"Gold accuracy, mean of the seeds: {found}")
        if first and any(r.status == Status.QUEUED for r in runs):
            no_worker()
    if first:
        shown = [r for r in runs if r.id in lines or not r.status.finished][:MOST_LINES]
        if shown:
            card = overlay(shown, lines, "eval/accuracy", CHART, prose.visible(f"Gold accuracy: {e.name}"))
            some = f" The first {MOST_LINES} of {len(runs)} runs." if len(runs) > MOST_LINES else ""
            card["sub"] = f"Share of held-out problems answered right. Never trained on.{some}"
            elements.chart_card("home-chart", card)


def _live(first: bool) -> None:
    """`first`: this browser was never here; what to do comes before what is there, and what can be done already changes."""
    found = cache.experiments()[:EXPERIMENTS]
    if first:
        _next_steps(cache.run_list())
        prose.section(None, "The newest experiment" if len(found) == 1 else "The newest experiments")
    running = next((i for i, e in enumerate(found) if any(r.status.claimed for r in cache.runs_of(e.id))), 0)
    for i, e in enumerate(found):
        _experiment(e, cache.runs_of(e.id), i == running)


def _page(rows: list[RunRow], visit: visits.Visit) -> None:
    if not rows:
        _first_launch()
        _next_steps(rows)
        return
    if visit.since is not None:
        changes(news(rows, visit.since), visit.since, sum(r.status.claimed for r in rows))
    experiments = cache.experiments()
    first = visit.since is None
    if experiments and not first:
        prose.section(None, "Experiments")
    live = any(not r.status.finished for r in rows)
    outages.fragment(_live, run_every=TICK_SECONDS if live else None, key="home-live")(first)
    alone = sum(r.experiment_id is None for r in rows)
    with st.container(horizontal=True):
        st.page_link("views/queue.py", label="Queue", icon=":material/layers:")
        st.page_link("views/runs.py", label=words.count(len(rows), "run"), icon=":material/show_chart:")
        if alone and not experiments:
            prose.note(f"{words.count(alone, 'run')} on their own.")


def main() -> None:
    rows, visit = cache.run_list(), _visit()
    prose.title("Showdown", sub=WHAT[0] if visit.since is None or not rows else "")
    if visit.since is None or not rows:
        prose.note(WHAT[1])
    _page(rows, visit)
    remember_visit(visit.keep)


main()
