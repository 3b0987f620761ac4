"""Samples of an experiment: every arm and seed in one list. The address holds which, and the filters of the list."""

import streamlit as st

from app import address, cache, places, prose, words
from app.parts.samples import samples_of
from app.parts.unreadable import parted, say
from core.store.queries import RunRow
from core.sweep import said


def _experiment() -> int | None:
    known = {e.id: e for e in cache.experiments()}
    asked = address.get("experiment")
    if not known:
        return None
    ids = list(known)
    number = places.number(asked)
    now = number if number in known else None
    if asked and now is None:
        prose.fault(f"There is no experiment {asked}. Choose one of these.")
    # Not bound to the URL by Streamlit, which would write the name there: other pages link by number.
    return st.selectbox(
        "Experiment", ids, index=ids.index(now) if now is not None else 0,
        format_func=lambda i: f"{prose.visible(known[i].name)} ({i})",
        key=f"experiment-{now}", on_change=_choose, args=(f"experiment-{now}",), width=340,
    )  # fmt: skip


def _run_of_address() -> None:
    """A run in the address stands for its experiment. What cannot be shown is said."""
    asked = address.get("run")
    if not asked:
        return
    detail = places.run(asked)
    if detail is None:
        prose.fault(f"There is no run {asked[:40]}. Choose an experiment.")
    elif detail.row.experiment_id is None:
        prose.fault(f"Run {asked} belongs to no experiment: its samples are on its own page.")
    else:
        address.put(run="")
        if not address.get("experiment"):
            address.put(experiment=str(detail.row.experiment_id))


def _choose(key: str) -> None:
    address.reset(in_arm=[], swept=[], seed=[], page=1, problem="")
    address.put(sample="", run="", experiment=str(st.session_state[key]))


def _runs(found: list[RunRow]) -> list[RunRow]:
    """The runs of the arms, swept settings and seeds chosen; none chosen: all."""
    runs = sorted(found, key=lambda r: (r.arm, r.variant, r.seed))
    arms = st.multiselect(
        "Arms", list(dict.fromkeys(r.arm for r in runs)), key="in_arm", bind="query-params", placeholder="all arms", width=260
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
        if (not arms or r.arm in arms) and (not swept or said(r.swept) in swept) and (not seeds or str(r.seed) in seeds)
    ]


def _swept(runs: list[RunRow]) -> list[str]:
    """The combinations of swept settings chosen; no box where nothing is swept."""
    options = list(dict.fromkeys(said(r.swept) for r in sorted(runs, key=lambda r: r.id) if r.swept))
    if not options:
        return []
    return st.multiselect("Swept", options, key="swept", bind="query-params", placeholder="all settings", width=260)


def main() -> None:
    prose.title("Samples", sub="What the arms of an experiment wrote, and what the reward made of it.")
    _run_of_address()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        experiment_id = _experiment()
        found, unreadable = parted(cache.run_list(experiment_id) if experiment_id is not None else [])
        runs = _runs(found) if experiment_id is not None else []
    say(unreadable)
    if not any(r.step > 0 for r in runs):
        with st.container(key="card-nosamples"):
            if experiment_id is None:
                said = "Samples come with the first training step of its runs."
                prose.empty("No experiment yet", said, ("queue", "Queue one", "layers"))
            else:
                prose.empty("No samples yet", "No run of this choice has finished a step.")
        return
    samples_of(runs, words.count(len(runs), "run"), around=cache.run_list(experiment_id))


main()
