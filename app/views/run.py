"""One run: header with actions, progress, step bar, then overview, all metrics, samples, replay, config and log.

`?run=ID&tab=..&step=..&over=..`: what is looked at is in the address. While the run is live its charts go on by the feed
(docs/decisions/0024-feed.md), and pulses have the head and the open tab drawn again when there is a new step.
"""

import streamlit as st

from app import actions, address, cache, draft, elements, outages, places, prose, theme, words
from app.figures.shown import View
from app.parts.all_metrics import Pattern, all_metrics, choose
from app.parts.chart_view import chart_view
from app.parts.config import config
from app.parts.log import log
from app.parts.overview import overview
from app.parts.replay import replay
from app.parts.run_actions import did
from app.parts.sample_go import to_step
from app.parts.samples import samples
from app.parts.step_bar import COLOURS, step_bar
from core.config import RunConfig
from core.errors import NotFound
from core.estimate import seconds_per_step
from core.store.queries import RunDetail, RunRow
from core.store.states import Status

TICK_SECONDS = 1.0
RECENT = 20  # rollouts whose median says how long one takes
TABS = ["Overview", "All metrics", "Samples", "Replay", "Config", "Log"]


def _run_id() -> int | None:
    return places.number(address.get("run"))


def _header(row: RunRow, made: RunConfig) -> None:
    label, tone = words.STATUS[row.status]
    chips = [prose.chip(label, tone)]
    if row.stop_requested and row.status.claimed:
        chips.append(prose.chip("stopping at the next step", "warn"))
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
    prose.title(row.name, crumb=crumb, role=theme.arm_role(row.structure), chips=chips, facts=facts)


def _people(row: RunRow) -> list[tuple[str, str]]:
    """Who launched the run, and who stopped it, where people sign in."""
    events = cache.events(row.id)
    launched_by = next((event.by for event in events if event.kind == "queued"), "")
    stops = [event.by for event in events if event.kind in ("stop_requested", "stopped") and event.by]
    is_stopped = row.stop_requested or row.status.value == "stopped"
    facts = [("launched by", launched_by), ("stopped by", stops[-1] if stops and is_stopped else "")]
    return [(label, user) for label, user in facts if user]


def _more(row: RunRow, made: RunConfig) -> None:
    """What is done to a run less often."""
    with st.popover("More", icon=":material/more_horiz:"):
        if st.button("Clone to Design", icon=":material/content_copy:", help="Its mix and settings as a new draft."):
            draft.load_run(made, f"{row.experiment or row.arm} again")
            st.switch_page("views/design.py", query_params={})
        if row.status.finished:
            steps = st.number_input("Go on to step", value=2 * row.max_steps, step=10, key="extend-to")
            curve = " Its schedules keep the curve they had." if made.mix.schedules else ""
            if st.button("Extend", icon=":material/add:", help=f"More steps, from the last checkpoint.{curve}"):
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
        with st.popover("Stop", icon=":material/stop_circle:", disabled=row.stop_requested):  # asks, as the Queue's does
            prose.note("It writes a checkpoint at the next step boundary, then ends. You can resume it.")
            if st.button("Stop it now", type="primary"):
                did(actions.stop(row.id))


def _progress(row: RunRow) -> None:
    if row.status.value == "queued":
        why = "waits for a free worker" if cache.machines() else "no worker listens; start one: showdown worker"
        prose.progress(row.step, row.max_steps, why, "")
        return
    # From the steps themselves: the time on the clock also holds pauses, queues and attempts that got lost.
    found = cache.series(row.id, cache.version(row)).get("speed/step_seconds")
    spent, left = sum(found.values) if found else 0.0, ""
    if row.status.value == "running" and found:
        iterations = cache.config(row.id).grpo.num_iterations
        pace = seconds_per_step(found.values[-RECENT * iterations :], iterations)
        left = f"about {words.duration(pace * (row.max_steps - row.step))} left"
    elif row.status.value == "starting":
        left = "loading the model"
    prose.progress(row.step, row.max_steps, f"{words.duration(spent)} of training", left)


def _head(run_id: int, went_on: bool) -> None:
    row, made = cache.run_detail(run_id).row, cache.config(run_id)
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    with left:
        _header(row, made)
    with right, st.container(horizontal=True, horizontal_alignment="right"):
        _actions(row)
        _more(row, made)
    _progress(row)
    if row.error_message:
        prose.error_box(row.error_kind or "Failed", row.error_message)
    if went_on and row.status.finished:
        st.rerun()  # of a run that has ended the whole page is another; here, when what was pressed above has been heard
    _pulse("head", row)


def _pulse(part: str, row: RunRow) -> None:
    """Has this part of the page drawn again when there is a new step, or anything else of what its head shows."""
    if not row.status.finished and st.session_state.get("live", True):
        elements.pulse(f"run-{part}", ("run", row.id), lambda: _said(cache.run_detail(row.id).row), _said(row))


def _said(row: RunRow) -> str:
    """All that the head shows of a run, so that it is drawn again when any of it changes."""
    return f"{cache.text_of(cache.version(row))}.{row.stop_requested}.{row.worker}.{row.priority}.{row.max_steps}"


def _to_samples(step: int) -> None:
    """To the samples of a step. A bound tab is changed by its widget, which only a callback may do before it is drawn."""
    to_step(step)
    st.session_state["tab"] = "Samples"
    st.rerun()  # the whole page: the bar's own fragment has no tabs


def _overview(run_id: int, view: View, lives: bool) -> None:
    """The row of steps, of which a click opens that step's samples, and the charts."""
    detail = cache.run_detail(run_id)
    if detail.row.step >= 1:
        step_bar("run-steps", detail, detail.row.step, st.session_state.get("colour", COLOURS[0]), _to_samples, leads=True)
    overview(detail, view, lives)
    _pulse("overview", detail.row)


def _metrics(run_id: int, view: View, wanted: Pattern, lives: bool) -> None:
    detail = cache.run_detail(run_id)
    all_metrics(detail, view, wanted, lives)
    _pulse("metrics", detail.row)


def _view(bar: bool, live: bool) -> View:
    """How the charts are drawn, from the row of controls above them; with the row of steps, also what colours it."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="controls"):
        view = chart_view("Single metrics on a logarithmic axis.")
        if live:
            st.toggle("Live", True, key="live", bind="query-params", help="Follows the newest step. Off: the page keeps still.")
        if bar:
            st.segmented_control(
                "Steps by", COLOURS, default=COLOURS[0], key="colour", bind="query-params", required=True,
                help="What colours the row of steps. Error: share of the step's samples that are wrong.",
            )  # fmt: skip
    return view


def _no_run() -> None:
    prose.title("Run")
    with st.container(key="card-none"):
        asked = address.get("run")
        said = f"There is no run {asked!r}." if asked else "The address names no run."
        prose.empty("No such run", said, ("runs", "All runs", "show_chart"))


def main() -> None:
    run_id = _run_id()
    try:
        detail = cache.run_detail(run_id) if run_id is not None else None
    except NotFound:
        detail = None
    if run_id is None or detail is None:
        return _no_run()
    if fault := cache.config_fault(run_id) or (detail.row.status == Status.UNKNOWN and detail.row.error_message):
        prose.title(detail.row.name, crumb=f"{detail.row.experiment} / run {run_id}")
        return prose.error_box("Unreadable", fault, detail.log_tail or "")
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
        elif wanted := choose():
            outages.fragment(_metrics, key="run-metrics")(run_id, view, wanted, lives)
    elif name == "Samples":
        samples(detail)
    elif name == "Replay":
        replay(detail, cache.config(run_id))
    elif name == "Config":
        config(detail)
    else:
        live = None if detail.row.status.finished else TICK_SECONDS  # a log also grows between two steps
        outages.fragment(lambda: log(cache.run_detail(run_id)), run_every=live, key="run-log")()


main()
