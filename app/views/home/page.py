"""Home: the first showdown for a newcomer, what changed since the last visit, and the newest experiments."""

import time

import streamlit as st

from app import elements
from app.charts.overlay import overlay
from app.data import actions, reads, visits
from app.elements.runs import remember_visit
from app.text import labels
from app.views.home.changes import changes, recent
from app.views.shared.experiments import bar, compare_link
from app.views.shared.no_worker import no_worker
from app.widgets import html, outages
from core.common.errors import ConfigError
from core.config import presets
from core.store.recent_activity import news
from core.store.runs.queries import ExperimentRow, RunRow
from core.store.status import Status

TICK_SECONDS = 2.0
EXPERIMENTS = 4
MOST_LINES = 9
CHART = 260
WHAT = (
    "Showdown trains a language model under several reward mixes and shows which of them teaches it best.",
    "A mix is made of terms: hard ones that say right or wrong, continuous ones that say how nearly, "
    "and a blend between them.",
)


def _visit() -> visits.Visit:
    """Read the cookies once per session: news stays new while one moves between the pages."""
    if "visit" not in st.session_state:
        st.session_state["visit"] = visits.visit(st.context.cookies, time.time())
    visit: visits.Visit = st.session_state["visit"]
    return visit


def _first_launch() -> None:
    with st.container(key="card-first"):
        html.head("Nothing has been trained yet", "start with the first showdown")
        html.note(
            "Three structures (hard, continuous, hybrid) train a model of 0.8 million weights on sums, "
            "100 steps each: a few minutes on two CPU cores."
        )
        no_worker()
        if st.button("Launch the first showdown", type="primary", icon=":material/play_arrow:"):
            try:
                _, run_ids, warning = actions.launch(presets.demo())
            except ConfigError as error:
                html.fault(str(error))
                return
            st.toast(html.plain(warning) or f"Queued {len(run_ids)} runs.")
            reads.forget_runs()
            st.rerun()
        st.caption(
            "In a terminal: `make demo` starts everything and launches it, "
            "`showdown submit first-showdown` only queues it."
        )


def _next_steps(runs: list[RunRow]) -> None:
    first_run = next((r for r in runs if r.step), None)
    steps = [
        (
            "1",
            "Watch it learn",
            "Curves, dead groups, what each term adds: live on a run's page.",
            "Open a run",
            "views/run/page.py",
            {"run": str(first_run.id)} if first_run else None,
            ":material/monitoring:",
        ),
        (
            "2",
            "Read what it writes",
            "Every completion with its reward, term by term, and the group it competed with.",
            "Read samples",
            "views/run/page.py",
            {"run": str(first_run.id), "tab": "Samples"} if first_run else None,
            ":material/article:",
        ),
        (
            "3",
            "Design your own mix",
            "Weights, curves and rules, tried on text first.",
            "Design",
            "views/design/page.py",
            {},
            ":material/tune:",
        ),
    ]
    html.section(None, "Three next steps")
    with st.grid(3, min_column_width=260):
        for number, name, text, label, page, query, icon in steps:
            with st.container(key=f"card-step-{number}", height="stretch"):
                html.head(f"{number}. {name}")
                html.note(text)
                if query is None:
                    html.note("As soon as the first step is done.")
                else:
                    st.page_link(page, label=label, icon=icon, query_params=query)


def _experiment(e: ExperimentRow, runs: list[RunRow], first: bool) -> None:
    runs = sorted(runs, key=lambda r: r.id)
    with st.container(key=f"card-experiment-{e.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            with st.container(width="stretch"):
                html.head(e.name, labels.submitted(e.question, e.created_at, e.by))
            compare_link(e.id, runs)
        bar(f"home-cells-{e.id}", runs)
        apart = len({r.step for r in runs if r.accuracy is not None}) > 1
        lines = reads.gold(runs) if first or apart else {}
        if summary := recent(runs, lines):
            html.note(f"Gold accuracy, mean of the seeds: {summary}")
        if first and any(r.status == Status.QUEUED for r in runs):
            no_worker()
    if first:
        chart_runs = [r for r in runs if r.id in lines or not r.status.finished][:MOST_LINES]
        if chart_runs:
            card = overlay(
                chart_runs, lines, "eval/accuracy", CHART, html.visible(f"Gold accuracy: {e.name}")
            )
            some = f" The first {MOST_LINES} of {len(runs)} runs." if len(runs) > MOST_LINES else ""
            card["sub"] = f"Share of held-out problems answered right. Never trained on.{some}"
            elements.chart_card("home-chart", card)


def _live(first: bool) -> None:
    """Draw the newest experiments.

    `first`: this browser was never here, so what to do comes before what is there. It is drawn here because
    what can be done changes with the runs.
    """
    experiments = reads.experiments()[:EXPERIMENTS]
    if first:
        _next_steps(reads.run_list())
        html.section(None, "The newest experiment" if len(experiments) == 1 else "The newest experiments")
    running = next(
        (i for i, e in enumerate(experiments) if any(r.status.claimed for r in reads.runs_of(e.id))), 0
    )
    for i, e in enumerate(experiments):
        _experiment(e, reads.runs_of(e.id), i == running)


def _page(rows: list[RunRow], visit: visits.Visit) -> None:
    if not rows:
        _first_launch()
        _next_steps(rows)
        return
    if visit.since is not None:
        changes(news(rows, visit.since), visit.since, sum(r.status.claimed for r in rows))
    experiments = reads.experiments()
    first = visit.since is None
    if experiments and not first:
        html.section(None, "Experiments")
    live = any(not r.status.finished for r in rows)
    outages.fragment(_live, run_every=TICK_SECONDS if live else None, key="home-live")(first)
    alone = sum(r.experiment_id is None for r in rows)
    with st.container(horizontal=True):
        st.page_link("views/queue/page.py", label="Queue", icon=":material/layers:")
        st.page_link("views/runs/page.py", label=labels.count(len(rows), "run"), icon=":material/show_chart:")
        if alone and not experiments:
            html.note(f"{labels.count(alone, 'run')} on their own.")


def main() -> None:
    rows = reads.run_list()
    visit = _visit()
    html.title("Showdown", sub=WHAT[0] if visit.since is None or not rows else "")
    if visit.since is None or not rows:
        html.note(WHAT[1])
    _page(rows, visit)
    remember_visit(visit.keep)


main()
