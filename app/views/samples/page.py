"""The Samples page: every arm and seed of an experiment in one list.

The address holds the experiment and the filters of the list.
"""

import streamlit as st

from app.data import reads
from app.text import labels
from app.views.samples.browser import samples_of
from app.views.shared import links
from app.views.shared.unreadable import parted, say
from app.widgets import html, url_state
from core.config.sweep import said
from core.store.runs.queries import RunRow


def _experiment() -> int | None:
    experiment_by_id = {e.id: e for e in reads.experiments()}
    requested = url_state.get("experiment")
    if not experiment_by_id:
        return None
    ids = list(experiment_by_id)
    number = links.number(requested)
    selected = number if number in experiment_by_id else None
    if requested and selected is None:
        html.fault(f"There is no experiment {requested}. Choose one of these.")
    # Not bound to the URL: Streamlit would write the name there, but other pages link by number.
    return st.selectbox(
        "Experiment", ids, index=ids.index(selected) if selected is not None else 0,
        format_func=lambda i: f"{html.visible(experiment_by_id[i].name)} ({i})",
        key=f"experiment-{selected}", on_change=_choose, args=(f"experiment-{selected}",), width=340,
    )  # fmt: skip


def _run_of_address() -> None:
    """Replace a run in the address by its experiment, or show why that is not possible."""
    requested = url_state.get("run")
    if not requested:
        return
    detail = links.run(requested)
    if detail is None:
        html.fault(f"There is no run {requested[:40]}. Choose an experiment.")
    elif detail.row.experiment_id is None:
        html.fault(f"Run {requested} belongs to no experiment: its samples are on its own page.")
    else:
        url_state.put(run="")
        if not url_state.get("experiment"):
            url_state.put(experiment=str(detail.row.experiment_id))


def _choose(key: str) -> None:
    url_state.reset(in_arm=[], swept=[], seed=[], page=1, problem="")
    url_state.put(sample="", run="", experiment=str(st.session_state[key]))


def _runs(found: list[RunRow]) -> list[RunRow]:
    """The runs of the chosen arms, swept settings and seeds; all where none is chosen."""
    runs = sorted(found, key=lambda r: (r.arm, r.variant, r.seed))
    arms = st.multiselect(
        "Arms",
        list(dict.fromkeys(r.arm for r in runs)),
        key="in_arm",
        bind="query-params",
        placeholder="all arms",
        width=260,
    )
    seeds = st.multiselect(
        "Seeds",
        sorted({str(r.seed) for r in runs}, key=int),
        key="seed",
        bind="query-params",
        placeholder="all seeds",
        width=200,
    )
    swept = _swept(runs)
    return [
        r
        for r in runs
        if (not arms or r.arm in arms)
        and (not swept or said(r.swept) in swept)
        and (not seeds or str(r.seed) in seeds)
    ]


def _swept(runs: list[RunRow]) -> list[str]:
    """The chosen combinations of swept settings; draws no box where nothing is swept."""
    options = list(dict.fromkeys(said(r.swept) for r in sorted(runs, key=lambda r: r.id) if r.swept))
    if not options:
        return []
    return st.multiselect(
        "Swept", options, key="swept", bind="query-params", placeholder="all settings", width=260
    )


def main() -> None:
    html.title("Samples", sub="What the arms of an experiment wrote, and what the reward made of it.")
    _run_of_address()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        experiment_id = _experiment()
        readable, unreadable = parted(reads.run_list(experiment_id) if experiment_id is not None else [])
        runs = _runs(readable) if experiment_id is not None else []
    say(unreadable)
    if not any(r.step > 0 for r in runs):
        with st.container(key="card-nosamples"):
            if experiment_id is None:
                message = "Samples come with the first training step of its runs."
                html.empty("No experiment yet", message, ("queue", "Queue one", "layers"))
            else:
                html.empty("No samples yet", "No run of this choice has finished a step.")
        return
    samples_of(runs, labels.count(len(runs), "run"), around=reads.run_list(experiment_id))


main()
