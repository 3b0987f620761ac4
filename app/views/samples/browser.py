"""Samples: a list with any filter and sort order, one sample in detail, its group, its problem over time.

`samples` is the tab of one run, `samples_of` the browser over any number of runs. The modules beside this one
draw one card each; the chosen sample and the page are in the URL.
"""

from collections.abc import Container, Sequence

import streamlit as st

from app.data import reads
from app.views.samples.detail import detail, group
from app.views.samples.export import export
from app.views.samples.filters import Listed, filters, settle
from app.views.samples.listing import PAGE, asked_page, listing, of_runs
from app.views.samples.navigation import EVERY, ONE, to_step
from app.views.samples.over_time import through_time
from app.views.shared import links
from app.views.shared.step_bar import COLOURS, step_bar
from app.widgets import html, url_state
from core.store.runs.queries import RunDetail, RunRow
from core.store.samples.browse import Page
from core.store.samples.lines import Line, Place


def _choose_step(run: RunDetail) -> int:
    """Draw the step bar and return the step that generated the rollout to list.

    The step is the one in the URL, where the step bar puts it; else that of the sample in the URL; else the
    newest.
    """
    row = run.row
    grpo = reads.config(run.row.id).grpo
    requested_step = links.number(url_state.get("step"))
    sample = links.from_url(url_state.get("sample"))
    if (
        requested_step is None
        and sample is not None
        and sample.run_id == row.id
        and 1 <= sample.step <= row.step
    ):
        requested_step = sample.step
        url_state.put(step=str(requested_step))  # the list stays when the sample is closed
    step = grpo.rollout_step(row.step if requested_step is None else min(max(requested_step, 1), row.step))
    step_bar("step-bar", run, step, st.session_state.get("colour", COLOURS[0]), to_step, quiet=True)
    return step


def _steps(run: RunDetail, step: int) -> tuple[int, int] | None:
    """The first and last step of the bar's rollout, or None for all.

    Also draws the buttons for the rollouts beside it. Training samples are of the first of these steps;
    held-out ones may be of any of them.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        choice = st.segmented_control(
            "Steps",
            [ONE, EVERY],
            key="steps",
            bind="query-params",
            default=ONE,
            required=True,
            label_visibility="collapsed",
        )
        single_rollout = choice != EVERY
        stride = reads.config(run.row.id).grpo.num_iterations  # steps from one rollout to the next
        previous_step = step - stride
        next_step = step + stride
        st.button(
            "Previous step",
            shortcut="Shift+N",
            on_click=to_step,
            args=(previous_step,),
            disabled=not single_rollout or previous_step < 1,
        )
        st.button(
            "Next step",
            shortcut="N",
            on_click=to_step,
            args=(next_step,),
            disabled=not single_rollout or next_step > run.row.step,
        )
    return (step, next_step - 1) if single_rollout else None


def samples(run: RunDetail) -> None:
    """Draw the Samples tab of one run."""
    if run.row.step < 1 and run.row.status.value != "running":
        with st.container(key="card-nosamples"):
            html.empty("No samples yet", "They come with the first training step.")
        return
    if run.row.step < 1:
        with st.container(key="card-nosamples"):
            html.empty("No samples yet", "The first step is being trained; they come with it.")
        return
    samples_of([run.row], "this run", _steps(run, _choose_step(run)))


def _terms(runs: Sequence[RunRow]) -> list[str]:
    """Every term of these runs' mixes: arms may differ in terms, seeds of an arm do not."""
    one_of_each = {(r.experiment_id, r.arm): r.id for r in runs}
    return list(
        dict.fromkeys(label for run_id in one_of_each.values() for label in reads.config(run_id).mix.labels)
    )


def samples_of(
    runs: Sequence[RunRow], what: str, steps: tuple[int, int] | None = None, around: Sequence[RunRow] = ()
) -> None:
    """Draw the list and everything about the chosen sample.

    `steps`: list only these, first and last. `around`: runs that are not listed, but whose samples may be
    shown.
    """
    ids = tuple(r.id for r in runs)
    settle(ids[0] if len(ids) == 1 and not around else None)
    listed = filters(ids, _terms(runs), steps)
    versions = tuple(reads.version(r) for r in runs)
    number = _page_number(listed)
    page, lines = reads.sample_page(listed.chosen, listed.sort, number, PAGE, versions)
    if not lines and number > 1 and page.count:  # the list became shorter
        st.session_state.page = 1
        page, lines = reads.sample_page(listed.chosen, listed.sort, 1, PAGE, versions)
    run_by_id = {r.id: r for r in (*around, *runs)}
    place = _chosen(lines, run_by_id)
    if place is None:
        _none(listed, page, steps)
        return
    sample, members = reads.sample_group(place, (reads.version(run_by_id[place.run_id]),))
    if sample is None:
        with st.container(key="card-nosamples"):
            html.empty("No such sample", f"There is no sample {links.to_url(place)}. Choose one in the list.")
            st.button("Show the list", on_click=url_state.put, kwargs={"sample": ""})
        return
    config = reads.config(place.run_id)
    listed_by_id = {r.id: r for r in runs}
    left_column, right_column = st.columns(2)
    with left_column:
        list_name = (
            _named(steps) if steps is not None else of_runs(page, len(runs)) if len(runs) > 1 else what
        )
        listing(lines, page, place, listed_by_id, what=list_name)
        export(listed, page)
    with right_column:
        detail(sample, members, config, run_by_id, listed.chosen.text)
    group(place, members, config)
    through_time(sample)


def _page_number(listed: Listed) -> int:
    """The page in the URL; the first, without the sample in the URL, when another list was requested."""
    request = (listed.chosen, listed.sort)
    previous = st.session_state.get("listed")
    st.session_state.listed = request
    keep = st.session_state.pop("keep_sample", False)
    if (
        previous is not None
        and previous != request
        and previous[0].runs == listed.chosen.runs
        and not url_state.went()
    ):
        st.session_state.page = 1
        if not keep:
            url_state.put(sample="")
        return 1
    return asked_page()


def _chosen(lines: Sequence[Line], known: Container[int]) -> Place | None:
    """The sample in the URL, else the first of the list.

    The last of the list, when the list was entered from the page behind it.
    """
    end = st.session_state.pop("enter", None)
    if end and lines:
        place = lines[0 if end == "first" else -1].place
        url_state.put(sample=links.to_url(place))
        return place
    requested = links.from_url(url_state.get("sample"))
    if requested is not None and requested.run_id in known:
        return requested
    return lines[0].place if lines else None


def _named(steps: tuple[int, int]) -> str:
    first, last = steps
    return f"step {first}" if first == last else f"steps {first} to {last}"


def _none(listed: Listed, page: Page, steps: tuple[int, int] | None) -> None:
    steps_text = _named(steps) if steps else f"the steps {page.window.first} to {page.window.last}"
    several = len(listed.chosen.runs)
    steps_text += f" of {of_runs(page, several)}" if several > 1 else ""
    with st.container(key="card-nosamples"):
        if page.window.last < 0:
            html.empty("No samples here", "None is stored yet.")
        elif listed.words or listed.chosen.disagree or listed.chosen.dead:
            narrower = (
                ""
                if page.window.whole
                else " Older steps were not looked through: choose them under Filters."
            )
            html.empty(
                "No sample fits",
                f"None in {steps_text}. Take a filter away, or choose another list.{narrower}",
            )
        else:
            html.empty("No samples here", f"None is stored of {steps_text}.")
