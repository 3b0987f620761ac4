"""Pre-flight: what the mix does with real samples, and which probes it falls for. Called by the design page."""

import math

import streamlit as st

from app import elements, jobs, prose, tried, words
from app.figures import preflight as figures
from app.series import Version
from core.answers import AnswerRule
from core.mix import Mix
from core.preflight import Distribution, Report

TALL = 400  # pixels of the section below its title
COLUMNS = {
    "term": st.column_config.TextColumn("Term"),
    "histogram": st.column_config.BarChartColumn("Distribution", help="Of the raw scores; of the total in the last row."),
    "mean": st.column_config.NumberColumn("Mean", format="%.3f"),
    "low": st.column_config.NumberColumn("Min", format="%.3f"),
    "high": st.column_config.NumberColumn("Max", format="%.3f"),
    "applies": st.column_config.NumberColumn("Applies", format="percent", help="Share of samples it says something about."),
    "auroc": st.column_config.NumberColumn(
        "AUROC",
        format="%.2f",
        help="P(a right sample scores above a wrong one of its group); 0.5: it knows nothing of the truth.",
    ),
    "spearman": st.column_config.NumberColumn(
        "Spearman", format="%.2f", help="Mean rank correlation with the gold verdict inside groups, where both vary."
    ),
}


def preflight(mix: Mix, max_steps: int, step: int, answer_rule: AnswerRule, run_id: int, version: Version | None) -> None:
    """The section, whole, on the samples of a run (0: the shipped ones) as of its `version`, with scores as of `step`.

    Without a version, while the samples are still being scored, its title over the room it will take.
    """
    prose.section(
        None,
        "Pre-flight",
        "The same mix on samples that a policy really made, and on texts made to cheat it. Nothing is trained.",
    )
    if version is None:
        with st.container(height=TALL, border=False):
            prose.note("As soon as the samples are scored.")
        return
    what = (mix.model_dump_json(by_alias=True), max_steps, step, answer_rule, run_id)
    report = jobs.made("preflight", what, "Trying the mix", lambda progress: tried.preflight(*what, version, progress), TALL)
    if report is None:
        return
    left, right = st.columns([3, 2])
    with left, st.container(key="card-preflight", height="stretch"):
        prose.head(
            f"{report.samples} samples in {report.groups} groups, {words.percent(report.accuracy)} right",
            f"scores as of step {report.step}",
        )
        for name in report.constant:
            prose.remark(f"{name} is equal inside every group of these samples: here it trains nothing.")
        if mix.adaptive:
            prose.remark("Adaptive schedules stand at their start here: they move only in a run.")
        st.dataframe([_row(d) for d in report.distributions], column_config=COLUMNS, hide_index=True, alt="Distributions")
    with right:
        elements.chart_card("preflight-dead", figures.dead_groups(report, max_steps))
    _probes(report)


def _row(d: Distribution) -> dict[str, object]:
    def number(value: float) -> float | None:
        return None if math.isnan(value) else value

    return {
        "term": d.name, "histogram": list(d.counts), "mean": number(d.mean), "low": number(d.quantiles[0]),
        "high": number(d.quantiles[-1]), "applies": d.applies, "auroc": number(d.auroc), "spearman": number(d.spearman),
    }  # fmt: skip


def _probes(report: Report) -> None:
    with st.container(key="card-probes"):
        if set(report.unprobed) == set(report.terms):
            prose.head("Probes", "cannot be judged: no term of this mix applies to them")
        elif not report.beaten:
            prose.head(
                "Probes", f"none beats the gold solution, on {report.probed} problems", chips=[prose.chip("Holds", "good")]
            )
        else:
            _beaten(report)
        for name in report.unprobed:
            prose.remark(
                f"{name} needs a policy or another model and says nothing of probes: what it would pay for is not known."
            )


def _beaten(report: Report) -> None:
    found = len({b.probe for b in report.beaten})
    prose.head(
        f"{words.count(found, 'probe')} worth more than the gold solution",
        f"on {report.probed} problems",
        chips=[prose.chip("Look", "warn")],
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
        rows, hide_index=True, alt="Probes that beat the gold solution",
        column_config={
            "problems": st.column_config.NumberColumn(format="percent", help="Share of the problems on which it does."),
            "total": st.column_config.NumberColumn(format="%.3f"),
            "gold solution": st.column_config.NumberColumn(format="%.3f"),
        },
    )  # fmt: skip
