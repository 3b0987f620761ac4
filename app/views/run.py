"""One run: header with actions, progress, step bar, then overview, samples, config and log. `?run=ID&tab=..&step=..`"""

from statistics import median

import streamlit as st

from app import actions, cache, draft, prose, theme, words
from app.parts.log import log
from app.parts.overview import overview
from app.parts.replay import replay
from app.parts.samples import samples
from app.places import to_url
from core.config import RunConfig
from core.errors import NotFound
from core.store.queries import RunDetail, RunRow

TICK_SECONDS = 1.0
RECENT = 20  # steps whose median says how long one takes
TABS = ["Overview", "Samples", "Replay", "Config", "Log"]


def _run_id() -> int | None:
    text = st.query_params.get("run", "")
    return int(text) if text.isdigit() else None


def _header(row: RunRow, config: RunConfig) -> None:
    label, tone = words.STATUS[row.status]
    chips = [prose.chip(label, tone)]
    if row.stop_requested and row.status.claimed:
        chips.append(prose.chip("stopping at the next step", "warn"))
    train = config.data.train.name or config.data.train.path
    facts = [
        ("model", f"{config.model.path} + LoRA r {config.lora.r}"),
        ("data", f"{train}, {config.grpo.prompts_per_step} prompts × {config.grpo.num_generations}"),
        ("worker", row.worker or "none yet"),
        *([("processes", str(row.num_processes))] if row.num_processes > 1 else []),
        ("attempt", str(row.attempt)),
    ]
    crumb = " / ".join(filter(None, [row.experiment, f"arm {row.arm}", f"seed {row.seed}", f"run {row.id}"]))
    prose.title(f"{row.arm}, seed {row.seed}", crumb=crumb, role=theme.arm_role(row.structure), chips=chips, facts=facts)


def _more(row: RunRow, config: RunConfig) -> None:
    """What is done to a run less often."""
    with st.popover("More", icon=":material/more_horiz:"):
        if st.button("Clone to Design", icon=":material/content_copy:", help="Its mix and settings as a new draft."):
            draft.load_run(config, f"{row.experiment or row.arm} again")
            st.switch_page("views/design.py")
        if row.status.finished:
            steps = st.number_input("Go on to step", row.max_steps + 1, value=2 * row.max_steps, step=10, key="extend-to")
            curve = " Its schedules keep the curve they had." if config.mix.schedules else ""
            if st.button("Extend", icon=":material/add:", help=f"More steps, from the last checkpoint.{curve}"):
                st.toast(actions.extend(row.id, int(steps)))
                cache.forget_runs()
                st.rerun()
        elif row.status.value == "queued":
            priority = st.number_input(
                "Priority", value=row.priority, step=1, key="priority", help="Higher ones are taken first."
            )
            if st.button("Set priority", disabled=priority == row.priority):
                st.toast(actions.set_priority(row.id, int(priority)))
                cache.forget_runs()
                st.rerun()


def _actions(row: RunRow) -> None:
    if row.status.finished and row.status.value != "done":
        if st.button("Resume", icon=":material/play_arrow:", help="Goes on from the last checkpoint."):
            st.toast(actions.requeue(row.id))
            cache.forget_runs()
            st.rerun()
    elif not row.status.finished:
        stop_help = "Writes a checkpoint at the next step boundary, then ends. You can resume it."
        if st.button("Stop", icon=":material/stop_circle:", help=stop_help, disabled=row.stop_requested):
            st.toast(actions.stop(row.id))
            cache.forget_runs()
            st.rerun()


def _progress(row: RunRow) -> None:
    if row.status.value == "queued":
        listening = cache.machines()
        why = "waits for a free worker" if listening else "no worker listens; start one: showdown worker"
        prose.progress(row.step, row.max_steps, why, "")
        return
    # From the steps themselves: the time on the clock also holds pauses, queues and attempts that got lost.
    found = cache.series(row.id, cache.version(row)).get("speed/step_seconds")
    spent = sum(found.values) if found else 0.0
    left = ""
    if row.status.value == "running" and found:
        left = f"about {words.duration(median(found.values[-RECENT:]) * (row.max_steps - row.step))} left"
    elif row.status.value == "starting":
        left = "loading the model"
    prose.progress(row.step, row.max_steps, f"{words.duration(spent)} of training", left)


def _live_head(run_id: int, was_finished: bool) -> None:
    detail = cache.run_detail(run_id)
    if detail.row.status.finished and not was_finished:
        st.rerun()  # once: the fragments are defined again, without a timer
    config = RunConfig.model_validate(detail.config)
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    with left:
        _header(detail.row, config)
    with right, st.container(horizontal=True, horizontal_alignment="right"):
        _actions(detail.row)
        _more(detail.row, config)
    _progress(detail.row)
    if detail.row.error_message:
        prose.error_box(detail.row.error_kind or "Failed", detail.row.error_message)


def _overview(run_id: int) -> None:
    detail = cache.run_detail(run_id)
    version = cache.version(detail.row)
    overview(detail, cache.series(run_id, version), cache.held_out(run_id, version))


def _log(run_id: int) -> None:
    log(cache.run_detail(run_id))


def _config(detail: RunDetail) -> None:
    with st.container(key="card-config"):
        prose.head("Config", f"hash {detail.config_hash} · code {detail.revision}")
        text = RunConfig.model_validate(detail.config).to_yaml()
        st.code(text, language="yaml", height=520)
        st.download_button("Download YAML", text, f"run-{detail.row.id}.yaml", "application/yaml", icon=":material/download:")
        st.caption(f"The same run again: save it and `showdown submit run-{detail.row.id}.yaml`.")


def main() -> None:
    run_id = _run_id()
    try:
        detail = cache.run_detail(run_id) if run_id is not None else None
    except NotFound:
        detail = None
    if run_id is None or detail is None:
        prose.title("Run")
        with st.container(key="card-none"):
            prose.empty("No such run", f"There is no run {st.query_params.get('run', '')!r}. All runs are on the Runs page.")
            st.page_link("views/runs.py", label="Runs", icon=":material/show_chart:")
        return
    live = None if detail.row.status.finished else TICK_SECONDS
    st.fragment(_live_head, run_every=live, key="run-head")(run_id, detail.row.status.finished)
    tabs = st.tabs(TABS, on_change="rerun", key="tab", bind="query-params")
    if tabs[0].open:
        with tabs[0]:
            st.fragment(_overview, run_every=live, key="run-overview")(run_id)
    if tabs[1].open:
        with tabs[1]:
            if leave := st.session_state.pop("leave_to", None):  # a sample of another run was clicked
                where = {"run": str(leave.run_id), "tab": "Samples", "step": str(leave.step), "sample": to_url(leave)}
                st.switch_page("views/run.py", query_params=where)
            samples(detail)
    if tabs[2].open:
        with tabs[2]:
            replay(detail, RunConfig.model_validate(detail.config))
    if tabs[3].open:
        with tabs[3]:
            _config(detail)
    if tabs[4].open:
        with tabs[4]:
            st.fragment(_log, run_every=live, key="run-log")(run_id)


main()
