"""Replay of a run's samples under another mix: what changes, and for which samples."""

from typing import Any

import streamlit as st

from app import elements
from app.charts.preflight import dead_before_after
from app.data import draft, mix_trials, reads
from app.live.series_cache import Version
from app.text import labels
from app.views.samples.navigation import to_sample, to_step
from app.views.shared.links import to_url
from app.widgets import html, jobs
from core.analysis.replay import Change, Outcome
from core.common.errors import ShowdownError
from core.config import presets
from core.config.run import RunConfig
from core.config.yaml_read import mix_of
from core.rewards.component import FROM_TEXT
from core.rewards.mix import Mix
from core.store.runs.queries import RunDetail, SampleView
from core.store.samples.lines import place_of

ENDS_WITH = 60


def _mixes(own: Mix) -> dict[str, Mix]:
    """The mixes a run can be replayed with: those of the arms being designed, and every preset's."""
    mix_by_name: dict[str, Mix] = {}
    for arm in draft.get()["arms"]:
        mix, _ = draft.check_mix(arm["mix"])
        if mix is not None:
            mix_by_name[f"design: {arm['name']}"] = mix
    for name in presets.names():
        preset = presets.preset(name)
        names = [preset.name] if isinstance(preset, RunConfig) else [a.name for a in preset.arms]
        mix_by_name |= {f"{name}: {arm}": mix_of(preset, arm, name)[0] for arm in names}
    return {name: mix for name, mix in mix_by_name.items() if mix != own}


def _replayed(
    detail: RunDetail, mix: Mix
) -> tuple[Version, tuple[Outcome, Outcome, Change, list[int]]] | None:
    """The replay and the version of the run that it covers; None until it is ready.

    A live run goes on while its replay is made.
    """
    text = mix.model_dump_json(by_alias=True)
    version = reads.version(detail.row)
    run_id = detail.row.id
    return jobs.made(
        "replay",
        (run_id, text),
        "Replaying the samples",
        lambda progress: (version, mix_trials.replay(run_id, text, version, progress)),
    )


def replay(detail: RunDetail, config: RunConfig) -> None:
    """Draw the Replay tab."""
    if detail.row.step < 1:
        with st.container(key="card-noreplay"):
            html.empty("Nothing to replay yet", "Samples come with the first training step.")
        return
    mixes = _mixes(config.mix)
    with st.container(key="card-replay"):
        html.head("Another mix over the samples of this run")
        st.caption(
            "The rewards and advantages these same completions would have had. It does not say what "
            "training with that mix would have done: other rewards make another "
            "policy, and another policy other completions."
        )
        # Begin with a mix that these samples can answer: they lack what the run did not measure.
        available = FROM_TEXT | config.mix.needs
        begin = next((i for i, mix in enumerate(mixes.values()) if mix.needs <= available), 0)
        note = "The arms on the Design page, and the presets."
        name = st.selectbox("Mix", list(mixes), begin, key="replay-mix", help=note)
        mix = mixes[name].in_steps(config.grpo.max_steps)
        try:
            result = _replayed(detail, mix)
        except ShowdownError as error:
            html.fault(str(error))
            return
        if result is None:
            return
        version, (outcome_before, outcome_after, change, ids) = result
        _numbers(change)
    elements.chart_card(
        "replay-dead", dead_before_after(outcome_before, outcome_after, config.grpo.max_steps)
    )
    left_column, right_column = st.columns(2)
    with left_column:
        _movers(
            "Gain most",
            "replay-gains",
            [int(i) for i in change.gains],
            outcome_before,
            outcome_after,
            ids,
            version,
        )
    with right_column:
        _movers(
            "Lose most",
            "replay-losses",
            [int(i) for i in change.losses],
            outcome_before,
            outcome_after,
            ids,
            version,
        )


def _numbers(change: Change) -> None:
    """Four numbers of what the other mix changes."""
    with st.grid(4, min_column_width=150):
        moved = 100 * (change.dead_after - change.dead_before)
        help_text = "Share of groups whose totals are all equal; the change from the run's own mix."
        st.metric(
            "Dead groups",
            labels.percent(change.dead_after),
            f"{moved:+.0f} pts" if abs(moved) >= 0.5 else None,
            delta_color="inverse",
            help=help_text,
        )
        help_text = (
            "P(a right sample's total is above a wrong one's of its group); the change "
            "from the run's own mix."
        )
        gained = change.auroc_after - change.auroc_before
        st.metric(
            "AUROC with gold",
            f"{change.auroc_after:.2f}",
            f"{gained:+.2f}" if abs(gained) >= 0.005 else None,
            help=help_text,
        )
        help_text = "Mean Spearman correlation of the two totals inside groups."
        st.metric("Ranks agree", f"{change.rank_agreement:.2f}", help=help_text)
        st.metric(
            "Advantages that change sign",
            labels.percent(change.flipped),
            help="Share of samples pushed the other way.",
        )


def _movers(
    title: str, key: str, rows: list[int], before: Outcome, after: Outcome, ids: list[int], version: Version
) -> None:
    with st.container(key=f"card-{key}"):
        html.head(title, "by the change of their advantage; a click opens the sample")
        by_id = {s.id: s for s in reads.samples_by_id(tuple(ids[r] for r in rows), version)}
        moved = [(r, by_id[ids[r]]) for r in rows if ids[r] in by_id]
        if not moved:
            st.caption("None.")
            return
        samples = [s for _, s in moved]
        table: list[dict[str, Any]] = [
            {
                "": "✓" if s.correct else "✗", "step": s.step, "before": float(before.advantage[r]),
                "after": float(after.advantage[r]), "ends with": labels.end(s.completion, ENDS_WITH),
            }
            for r, s in moved
        ]  # fmt: skip
        st.dataframe(
            table, hide_index=True, height=320, on_select=lambda: _open(key, samples),
            selection_mode="single-row", key=key,
            alt=title,
            column_config={
                "": st.column_config.TextColumn(width=36),
                "before": st.column_config.NumberColumn(format="%+.2f"),
                "after": st.column_config.NumberColumn(format="%+.2f"),
            },
        )  # fmt: skip


def _open(key: str, found: list[SampleView]) -> None:
    """Open the clicked sample in the Samples tab of this page."""
    for row in st.session_state[key].selection.rows[:1]:
        to_step(found[row].step)
        to_sample(to_url(place_of(found[row])))
        st.session_state.tab = "Samples"
