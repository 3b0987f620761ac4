"""Replay: a run's samples under another mix: what changes, and for whom. Called by the run page."""

from typing import Any

import streamlit as st

from app import cache, draft, elements, jobs, prose, tried, words
from app.figures.preflight import dead_before_after
from app.parts.sample_go import to_sample, to_step
from app.places import to_url
from app.series import Version
from core import presets
from core.config import RunConfig
from core.errors import ShowdownError
from core.mix import Mix
from core.replay import Change, Outcome
from core.rewards.component import FROM_TEXT
from core.store.lines import place_of
from core.store.queries import RunDetail, SampleView
from core.yaml_files import mix_of

ENDS_WITH = 60


def _mixes(own: Mix) -> dict[str, Mix]:
    """What a run can be replayed with: the arms being designed, and every preset's."""
    found: dict[str, Mix] = {}
    for arm in draft.get()["arms"]:
        mix, _ = draft.check_mix(arm["mix"])
        if mix is not None:
            found[f"design: {arm['name']}"] = mix
    for name in presets.names():
        made = presets.preset(name)
        names = [made.name] if isinstance(made, RunConfig) else [a.name for a in made.arms]
        found |= {f"{name}: {arm}": mix_of(made, arm, name)[0] for arm in names}
    return {name: mix for name, mix in found.items() if mix != own}


def _replayed(detail: RunDetail, mix: Mix) -> tuple[Version, tuple[Outcome, Outcome, Change, list[int]]] | None:
    """The replay, and the version of the run that it is of: while it is made, a live run goes on."""
    text, at, run_id = mix.model_dump_json(by_alias=True), cache.version(detail.row), detail.row.id
    return jobs.made(
        "replay", (run_id, text), "Replaying the samples", lambda progress: (at, tried.replay(run_id, text, at, progress))
    )


def replay(detail: RunDetail, config: RunConfig) -> None:
    """The tab, whole."""
    if detail.row.step < 1:
        with st.container(key="card-noreplay"):
            prose.empty("Nothing to replay yet", "Samples come with the first training step.")
        return
    mixes = _mixes(config.mix)
    with st.container(key="card-replay"):
        prose.head("Another mix over the samples of this run")
        st.caption(
            "The rewards and advantages these same completions would have had. It does not say what training with that mix "
            "would have done: other rewards make another policy, and another policy other completions."
        )
        # First one that these samples can answer: what a run did not measure cannot be asked of it now.
        known = FROM_TEXT | config.mix.needs
        begin = next((i for i, mix in enumerate(mixes.values()) if mix.needs <= known), 0)
        note = "The arms on the Design page, and the presets."
        name = st.selectbox("Mix", list(mixes), begin, key="replay-mix", help=note)
        mix = mixes[name].in_steps(config.grpo.max_steps)
        try:
            found = _replayed(detail, mix)
        except ShowdownError as error:
            prose.fault(str(error))
            return
        if found is None:
            return
        version, (before, after, change, ids) = found
        with st.grid(4, min_column_width=150):
            moved = 100 * (change.dead_after - change.dead_before)
            what = "Share of groups whose totals are all equal; the change from the run's own mix."
            st.metric(
                "Dead groups",
                words.percent(change.dead_after),
                f"{moved:+.0f} pts" if abs(moved) >= 0.5 else None,
                delta_color="inverse",
                help=what,
            )
            what = "P(a right sample's total is above a wrong one's of its group); the change from the run's own mix."
            gained = change.auroc_after - change.auroc_before
            st.metric(
                "AUROC with gold", f"{change.auroc_after:.2f}", f"{gained:+.2f}" if abs(gained) >= 0.005 else None, help=what
            )
            what = "Mean Spearman correlation of the two totals inside groups."
            st.metric("Ranks agree", f"{change.rank_agreement:.2f}", help=what)
            st.metric(
                "Advantages that change sign", words.percent(change.flipped), help="Share of samples pushed the other way."
            )
    elements.chart_card("replay-dead", dead_before_after(before, after, config.grpo.max_steps))
    left, right = st.columns(2)
    with left:
        _movers("Gain most", "replay-gains", [int(i) for i in change.gains], before, after, ids, version)
    with right:
        _movers("Lose most", "replay-losses", [int(i) for i in change.losses], before, after, ids, version)


def _movers(title: str, key: str, rows: list[int], before: Outcome, after: Outcome, ids: list[int], version: Version) -> None:
    with st.container(key=f"card-{key}"):
        prose.head(title, "by the change of their advantage; a click opens the sample")
        by_id = {s.id: s for s in cache.samples_by_id(tuple(ids[r] for r in rows), version)}
        moved = [(r, by_id[ids[r]]) for r in rows if ids[r] in by_id]
        if not moved:
            st.caption("None.")
            return
        samples = [s for _, s in moved]
        table: list[dict[str, Any]] = [
            {
                "": "✓" if s.correct else "✗", "step": s.step, "before": float(before.advantage[r]),
                "after": float(after.advantage[r]), "ends with": words.end(s.completion, ENDS_WITH),
            }
            for r, s in moved
        ]  # fmt: skip
        st.dataframe(
            table, hide_index=True, height=320, on_select=lambda: _open(key, samples), selection_mode="single-row", key=key,
            alt=title,
            column_config={
                "": st.column_config.TextColumn(width=36),
                "before": st.column_config.NumberColumn(format="%+.2f"), "after": st.column_config.NumberColumn(format="%+.2f"),
            },
        )  # fmt: skip


def _open(key: str, found: list[SampleView]) -> None:
    """To the sample that was clicked, in its own tab of this page."""
    for row in st.session_state[key].selection.rows[:1]:
        to_step(found[row].step)
        to_sample(to_url(place_of(found[row])))
        st.session_state.tab = "Samples"
