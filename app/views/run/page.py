"""The Run page: header, actions and progress, then one tab each for overview, metrics, samples and more.

The tabs are overview (with the step bar), all metrics, samples, replay, config and log.

`?run=ID&tab=..&step=..&over=..`: the address holds what is being looked at. While the run is live its charts
update through the feed (docs/decisions/0024-feed.md), and pulses redraw the head and the open tab when there
is a new step.
"""

import streamlit as st

from app import elements
from app.charts.shown import View
from app.data import actions, draft, reads
from app.text import labels, theme
from app.views.run.all_metrics import Pattern, all_metrics, choose
from app.views.run.config import config
from app.views.run.log import log
from app.views.run.overview import overview
from app.views.run.replay import replay
from app.views.samples.browser import samples
from app.views.samples.navigation import to_step
from app.views.shared import links
from app.views.shared.chart_view import chart_view
from app.views.shared.run_actions import did
from app.views.shared.step_bar import COLOURS, step_bar
from app.widgets import html, outages, url_state
from core.common.errors import NotFound
from core.config.estimate import seconds_per_step
from core.config.run import RunConfig
from core.store.runs.queries import RunDetail, RunRow
from core.store.status import Status

TICK_SECONDS = 1.0
RECENT = 20  # rollouts; their median is the estimate of how long one takes
TABS = ["Overview", "All metrics", "Samples", "Replay", "Config", "Log"]


def _run_id() -> int | None:
    return links.number(url_state.get("run"))


def _header(row: RunRow, made: RunConfig) -> None:
    label, tone = labels.STATUS[row.status]
    chips = [html.chip(label, tone)]
    if row.stop_requested and row.status.claimed:
        chips.append(html.chip("stopping at the next step", "warn"))
    train = made.data.train.name or made.data.train.path
    facts = [
        ("model", f"{made.model.path} + LoRA r {made.lora.r}"),
        ("data", f"{train}, {made.grpo.prompts_per_step} prompts × {made.grpo.num_generations}"),
        ("worker", row.worker or "none yet"),
        *([("processes", str(row.num_processes))] if row.num_processes > 1 else []),
        ("attempt", str(row.attempt)),
        *_people(row),
    ]
    crumb = " / ".join(filter(None, [row.experiment, f"arm {row.arm}", f"seed {row.seed}", f"run {row.id}"]))
    html.title(row.name, crumb=crumb, role=theme.arm_role(row.structure), chips=chips, facts=facts)


def _people(row: RunRow) -> list[tuple[str, str]]:
    """Who launched the run and who stopped it, where people sign in."""
    events = reads.events(row.id)
    launched_by = next((event.by for event in events if event.kind == "queued"), "")
    stops = [event.by for event in events if event.kind in ("stop_requested", "stopped") and event.by]
    is_stopped = row.stop_requested or row.status.value == "stopped"
    facts = [("launched by", launched_by), ("stopped by", stops[-1] if stops and is_stopped else "")]
    return [(label, user) for label, user in facts if user]


def _more(row: RunRow, made: RunConfig) -> None:
    """Draw the menu of less frequent actions."""
    with st.popover("More", icon=":material/more_horiz:"):
        if st.button(
            "Clone to Design", icon=":material/content_copy:", help="Its mix and settings as a new draft."
        ):
            draft.load_run(made, f"{row.experiment or row.arm} again")
            st.switch_page("views/design/page.py", query_params={})
        if row.status.finished:
            steps = st.number_input("Go on to step", value=2 * row.max_steps, step=10, key="extend-to")
            curve = " Its schedules keep the curve they had." if made.mix.schedules else ""
            if st.button(
                "Extend", icon=":material/add:", help=f"More steps, from the last checkpoint.{curve}"
            ):
                did(actions.extend(row.id, int(steps)))
        elif row.status.value == "queued":
            note = "Higher ones are taken first."
            priority = st.number_input("Priority", value=row.priority, step=1, key="priority", help=note)
            if st.button("Set priority", disabled=priority == row.priority):
                did(actions.set_priority(row.id, int(priority)))


def _actions(row: RunRow) -> None:
    if row.status.finished and row.status.value != "done":
        if st.button("Resume", icon=":material/play_arrow:", help="Goes on from the last checkpoint."):
            did(actions.requeue(row.id))
    elif not row.status.finished:
        # asks for confirmation, as the Queue page does
        with st.popover("Stop", icon=":material/stop_circle:", disabled=row.stop_requested):
            html.note("It writes a checkpoint at the next step boundary, then ends. You can resume it.")
            if st.button("Stop it now", type="primary"):
                did(actions.stop(row.id))


def _progress(row: RunRow) -> None:
    if row.status.value == "queued":
        reason = (
            "waits for a free worker" if reads.machines() else "no worker listens; start one: showdown worker"
        )
        html.progress(row.step, row.max_steps, reason, "")
        return
    # Summed over the steps: wall-clock time also contains pauses, queueing and lost attempts.
    step_seconds = reads.series(row.id, reads.version(row)).get("speed/step_seconds")
    trained_seconds = sum(step_seconds.values) if step_seconds else 0.0
    remaining = ""
    if row.status.value == "running" and step_seconds:
        iterations = reads.config(row.id).grpo.num_iterations
        pace = seconds_per_step(step_seconds.values[-RECENT * iterations :], iterations)
        remaining = f"about {labels.duration(pace * (row.max_steps - row.step))} left"
    elif row.status.value == "starting":
        remaining = "loading the model"
    html.progress(row.step, row.max_steps, f"{labels.duration(trained_seconds)} of training", remaining)


def _head(run_id: int, went_on: bool) -> None:
    row = reads.run_detail(run_id).row
    run_config = reads.config(run_id)
    left_column, right_column = st.columns([4, 1], vertical_alignment="bottom")
    with left_column:
        _header(row, run_config)
    with right_column, st.container(horizontal=True, horizontal_alignment="right"):
        _actions(row)
        _more(row, run_config)
    _progress(row)
    if row.error_message:
        html.error_box(row.error_kind or "Failed", row.error_message)
    if went_on and row.status.finished:
        # The page of an ended run is another one. Only here have the buttons above been handled.
        st.rerun()
    _pulse("head", row)


def _pulse(part: str, row: RunRow) -> None:
    """Redraw this part of the page on a new step, or when anything that its head shows changes."""
    if not row.status.finished and st.session_state.get("live", True):
        elements.pulse(
            f"run-{part}", ("run", row.id), lambda: _said(reads.run_detail(row.id).row), _said(row)
        )


def _said(row: RunRow) -> str:
    """Everything that the head shows of a run, as text: a change redraws the head."""
    return (
        f"{reads.text_of(reads.version(row))}.{row.stop_requested}.{row.worker}.{row.priority}."
        f"{row.max_steps}"
    )


def _to_samples(step: int) -> None:
    """Open the samples of a step.

    A bound tab belongs to its widget: only a callback may set it, before the widget is drawn.
    """
    to_step(step)
    st.session_state["tab"] = "Samples"
    st.rerun()  # the whole page: the bar's fragment has no tabs


def _overview(run_id: int, view: View, lives: bool) -> None:
    """Draw the row of steps, where a click opens that step's samples, and the charts."""
    detail = reads.run_detail(run_id)
    if detail.row.step >= 1:
        step_bar(
            "run-steps",
            detail,
            detail.row.step,
            st.session_state.get("colour", COLOURS[0]),
            _to_samples,
            leads=True,
        )
    overview(detail, view, lives)
    _pulse("overview", detail.row)


def _metrics(run_id: int, view: View, wanted: Pattern, lives: bool) -> None:
    detail = reads.run_detail(run_id)
    all_metrics(detail, view, wanted, lives)
    _pulse("metrics", detail.row)


def _view(bar: bool, live: bool) -> View:
    """Draw the row of controls above the charts and return how the charts are drawn.

    `bar`: there is a row of steps, so also offer what colours it. `live`: also offer the Live toggle.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        view = chart_view("Single metrics on a logarithmic axis.")
        if live:
            st.toggle(
                "Live",
                True,
                key="live",
                bind="query-params",
                help="Follows the newest step. Off: the page keeps still.",
            )
        if bar:
            st.segmented_control(
                "Steps by", COLOURS, default=COLOURS[0], key="colour", bind="query-params", required=True,
                help="What colours the row of steps. Error: share of the step's samples that are wrong.",
            )  # fmt: skip
    return view


def _no_run() -> None:
    html.title("Run")
    with st.container(key="card-none"):
        requested = url_state.get("run")
        message = f"There is no run {requested!r}." if requested else "The address names no run."
        html.empty("No such run", message, ("runs", "All runs", "show_chart"))


def main() -> None:
    run_id = _run_id()
    try:
        detail = reads.run_detail(run_id) if run_id is not None else None
    except NotFound:
        detail = None
    if run_id is None or detail is None:
        return _no_run()
    if fault := reads.config_fault(run_id) or (
        detail.row.status == Status.UNKNOWN and detail.row.error_message
    ):
        html.title(detail.row.name, crumb=f"{detail.row.experiment} / run {run_id}")
        return html.error_box("Unreadable", fault, detail.log_tail or "")
    outages.fragment(_head, key="run-head")(run_id, not detail.row.status.finished)
    tabs = dict(zip(TABS, st.tabs(TABS, on_change="rerun", key="tab", bind="query-params"), strict=True))
    open_tab = next((name for name, tab in tabs.items() if tab.open), TABS[0])
    with tabs[open_tab]:
        _tab(open_tab, run_id, detail)


def _tab(name: str, run_id: int, detail: RunDetail) -> None:
    if name in ("Overview", "All metrics"):
        view = _view(bar=name == "Overview", live=not detail.row.status.finished)
        lives = not detail.row.status.finished and st.session_state.get("live", True)
        if name == "Overview":
            outages.fragment(_overview, key="run-overview")(run_id, view, lives)
        elif pattern := choose():
            outages.fragment(_metrics, key="run-metrics")(run_id, view, pattern, lives)
    elif name == "Samples":
        samples(detail)
    elif name == "Replay":
        replay(detail, reads.config(run_id))
    elif name == "Config":
        config(detail)
    else:
        live = None if detail.row.status.finished else TICK_SECONDS  # a log also grows between two steps
        outages.fragment(lambda: log(reads.run_detail(run_id)), run_every=live, key="run-log")()


main()
