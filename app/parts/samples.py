"""Samples: a list by any filter and sort, one in detail, its group, and its problem through time.

`samples` is the tab of one run, `samples_of` the same over several runs. Called by the Run and the Samples page. The parts
beside it (`sample_*`) draw one card each; the sample chosen and the page are in the URL.
"""

from collections.abc import Container, Sequence

import streamlit as st

from app import address, cache, places, prose
from app.parts.sample_detail import detail, group
from app.parts.sample_export import export
from app.parts.sample_filters import Listed, filters, settle
from app.parts.sample_go import EVERY, ONE, to_step
from app.parts.sample_list import PAGE, asked_page, listing, of_runs
from app.parts.sample_time import through_time
from app.parts.step_bar import COLOURS, step_bar
from core.store.browse import Page
from core.store.lines import Line, Place
from core.store.queries import RunDetail, RunRow


def _choose_step(run: RunDetail) -> int:
    """The step in the URL, the step bar's, else that of the sample in the URL, else the newest: where its rollout was made."""
    row, grpo = run.row, cache.config(run.row.id).grpo
    asked, sample = places.number(address.get("step")), places.from_url(address.get("sample"))
    if asked is None and sample is not None and sample.run_id == row.id and 1 <= sample.step <= row.step:
        asked = sample.step
        address.put(step=str(asked))  # what is listed stays when the sample is let go
    step = grpo.rollout_step(row.step if asked is None else min(max(asked, 1), row.step))
    step_bar("step-bar", run, step, st.session_state.get("colour", COLOURS[0]), to_step, quiet=True)
    return step


def _steps(run: RunDetail, step: int) -> tuple[int, int] | None:
    """The first and last step of the bar's rollout, or None for all; buttons for the rollouts beside it.

    Training samples are of the first of these steps; held-out ones may be of any of them.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        looked = st.segmented_control(
            "Steps", [ONE, EVERY], key="steps", bind="query-params", default=ONE, required=True, label_visibility="collapsed"
        )
        one, apart = looked != EVERY, cache.config(run.row.id).grpo.num_iterations  # steps that generate
        before, after = step - apart, step + apart
        st.button("Previous step", shortcut="Shift+N", on_click=to_step, args=(before,), disabled=not one or before < 1)
        st.button("Next step", shortcut="N", on_click=to_step, args=(after,), disabled=not one or after > run.row.step)
    return (step, after - 1) if one else None


def samples(run: RunDetail) -> None:
    """The tab of one run, whole."""
    if run.row.step < 1 and run.row.status.value != "running":
        with st.container(key="card-nosamples"):
            prose.empty("No samples yet", "They come with the first training step.")
        return
    if run.row.step < 1:
        with st.container(key="card-nosamples"):
            prose.empty("No samples yet", "The first step is being trained; they come with it.")
        return
    samples_of([run.row], "this run", _steps(run, _choose_step(run)))


def _terms(runs: Sequence[RunRow]) -> list[str]:
    """Every term of these runs' mixes: arms may have others, seeds of an arm have the same."""
    one_of_each = {(r.experiment_id, r.arm): r.id for r in runs}
    return list(dict.fromkeys(label for run_id in one_of_each.values() for label in cache.config(run_id).mix.labels))


def samples_of(runs: Sequence[RunRow], what: str, steps: tuple[int, int] | None = None, around: Sequence[RunRow] = ()) -> None:
    """The list and everything about the chosen sample. `steps`: of these alone, first and last; `around`: runs that are not
    listed, of which a sample may be shown."""
    ids = tuple(r.id for r in runs)
    settle(ids[0] if len(ids) == 1 and not around else None)
    listed = filters(ids, _terms(runs), steps)
    versions = tuple(cache.version(r) for r in runs)
    number = _page_number(listed)
    page, lines = cache.sample_page(listed.chosen, listed.sort, number, PAGE, versions)
    if not lines and number > 1 and page.count:  # the list became shorter
        st.session_state.page = 1
        page, lines = cache.sample_page(listed.chosen, listed.sort, 1, PAGE, versions)
    known = {r.id: r for r in (*around, *runs)}
    chosen = _chosen(lines, known)
    if chosen is None:
        _none(listed, page, steps)
        return
    whole, members = cache.sample_group(chosen, (cache.version(known[chosen.run_id]),))
    if whole is None:
        with st.container(key="card-nosamples"):
            prose.empty("No such sample", f"There is no sample {places.to_url(chosen)}. Choose one in the list.")
            st.button("Show the list", on_click=address.put, kwargs={"sample": ""})
        return
    config, by_id = cache.config(chosen.run_id), {r.id: r for r in runs}
    left, right = st.columns(2)
    with left:
        of = _named(steps) if steps is not None else of_runs(page, len(runs)) if len(runs) > 1 else what
        listing(lines, page, chosen, by_id, what=of)
        export(listed, page)
    with right:
        detail(whole, members, config, known, listed.chosen.text)
    group(chosen, members, config)
    through_time(whole)


def _page_number(listed: Listed) -> int:
    """The page of the URL; the first, and no sample of before, when another list was asked for."""
    of, before = (listed.chosen, listed.sort), st.session_state.get("listed")
    st.session_state.listed = of
    keep = st.session_state.pop("keep_sample", False)
    if before is not None and before != of and before[0].runs == listed.chosen.runs and not address.went():
        st.session_state.page = 1
        if not keep:
            address.put(sample="")
        return 1
    return asked_page()


def _chosen(lines: Sequence[Line], known: Container[int]) -> Place | None:
    """The sample of the URL, else the first of the list (or its last, when one came from the page behind it)."""
    end = st.session_state.pop("enter", None)
    if end and lines:
        found = lines[0 if end == "first" else -1].place
        address.put(sample=places.to_url(found))
        return found
    asked = places.from_url(address.get("sample"))
    if asked is not None and asked.run_id in known:
        return asked
    return lines[0].place if lines else None


def _named(steps: tuple[int, int]) -> str:
    first, last = steps
    return f"step {first}" if first == last else f"steps {first} to {last}"


def _none(listed: Listed, page: Page, steps: tuple[int, int] | None) -> None:
    where = _named(steps) if steps else f"the steps {page.window.first} to {page.window.last}"
    several = len(listed.chosen.runs)
    where += f" of {of_runs(page, several)}" if several > 1 else ""
    with st.container(key="card-nosamples"):
        if page.window.last < 0:
            prose.empty("No samples here", "None is stored yet.")
        elif listed.words or listed.chosen.disagree or listed.chosen.dead:
            narrower = "" if page.window.whole else " Older steps were not looked through: choose them under Filters."
            prose.empty("No sample fits", f"None in {where}. Take a filter away, or choose another list.{narrower}")
        else:
            prose.empty("No samples here", f"None is stored of {where}.")
