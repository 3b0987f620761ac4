"""Pre-flight: what the mix does with real samples, and which probes it falls for."""

import math

import streamlit as st

from app import elements
from app.charts import preflight as figures
from app.data import mix_trials
from app.live.series_cache import Version
from app.text import labels
from app.widgets import html, jobs
from core.analysis.preflight import Distribution, Report
from core.grading.answers import AnswerRule
from core.rewards.mix import Mix

TALL = 400  # pixels of the section below its title
COLUMNS = {
    "term": st.column_config.TextColumn("Term"),
    "histogram": st.column_config.BarChartColumn(
        "Distribution", help="Of the raw scores; of the total in the last row."
    ),
    "mean": st.column_config.NumberColumn("Mean", format="%.3f"),
    "low": st.column_config.NumberColumn("Min", format="%.3f"),
    "high": st.column_config.NumberColumn("Max", format="%.3f"),
    "applies": st.column_config.NumberColumn(
        "Applies", format="percent", help="Share of samples it says something about."
    ),
    "auroc": st.column_config.NumberColumn(
        "AUROC",
        format="%.2f",
        help="P(a right sample scores above a wrong one of its group); 0.5: it knows nothing of the truth.",
    ),
    "spearman": st.column_config.NumberColumn(
        "Spearman",
        format="%.2f",
        help="Mean rank correlation with the gold verdict inside groups, where both vary.",
    ),
}


def preflight(
    mix: Mix, max_steps: int, step: int, answer_rule: AnswerRule, run_id: int, version: Version | None
) -> None:
    """Draw the section on the samples of a run (0: the shipped ones), with scores as of `step`.

    `version` is that of the run. Without one, while the samples are still being scored, only the title is
    drawn, over the room that the section will take.
    """
    html.section(
        None,
        "Pre-flight",
        "The same mix on samples that a policy really made, and on texts made to cheat it. "
        "Nothing is trained.",
    )
    if version is None:
        with st.container(height=TALL, border=False):
            html.note("As soon as the samples are scored.")
        return
    arguments = (mix.model_dump_json(by_alias=True), max_steps, step, answer_rule, run_id)
    report = jobs.made(
        "preflight",
        arguments,
        "Trying the mix",
        lambda progress: mix_trials.preflight(*arguments, version, progress),
        TALL,
    )
    if report is None:
        return
    left_column, right_column = st.columns([3, 2])
    with left_column, st.container(key="card-preflight", height="stretch"):
        html.head(
            f"{report.samples} samples in {report.groups} groups, {labels.percent(report.accuracy)} right",
            f"scores as of step {report.step}",
        )
        for name in report.constant:
            html.remark(f"{name} is equal inside every group of these samples: here it trains nothing.")
        if mix.adaptive:
            html.remark("Adaptive schedules stand at their start here: they move only in a run.")
        st.dataframe(
            [_row(d) for d in report.distributions],
            column_config=COLUMNS,
            hide_index=True,
            alt="Distributions",
        )
    with right_column:
        elements.chart_card("preflight-dead", figures.dead_groups(report, max_steps))
    _probes(report)


def _row(d: Distribution) -> dict[str, object]:
    def number(value: float) -> float | None:
        return None if math.isnan(value) else value

    return {
        "term": d.name,
        "histogram": list(d.counts),
        "mean": number(d.mean),
        "low": number(d.quantiles[0]),
        "high": number(d.quantiles[-1]),
        "applies": d.applies,
        "auroc": number(d.auroc),
        "spearman": number(d.spearman),
    }


def _probes(report: Report) -> None:
    with st.container(key="card-probes"):
        if set(report.unprobed) == set(report.terms):
            html.head("Probes", "cannot be judged: no term of this mix applies to them")
        elif not report.beaten:
            html.head(
                "Probes",
                f"none beats the gold solution, on {report.probed} problems",
                chips=[html.chip("Holds", "good")],
            )
        else:
            _beaten(report)
        for name in report.unprobed:
            html.remark(
                f"{name} needs a policy or another model and says nothing of probes: "
                "what it would pay for is not known."
            )


def _beaten(report: Report) -> None:
    probe_count = len({b.probe for b in report.beaten})
    html.head(
        f"{labels.count(probe_count, 'probe')} worth more than the gold solution",
        f"on {report.probed} problems",
        chips=[html.chip("Look", "warn")],
    )
    rows = [
        {
            "probe": b.probe,
            "step": b.step,
            "problems": b.share,
            "total": b.total,
            "gold solution": b.right_total,
            "text": b.text,
        }
        for b in report.beaten
    ]
    st.dataframe(
        rows,
        hide_index=True,
        alt="Probes that beat the gold solution",
        column_config={
            "problems": st.column_config.NumberColumn(
                format="percent", help="Share of the problems on which it does."
            ),
            "total": st.column_config.NumberColumn(format="%.3f"),
            "gold solution": st.column_config.NumberColumn(format="%.3f"),
        },
    )
