"""The charts of a pre-flight and of a replay. Each function takes numbers and returns a card."""

from collections.abc import Sequence
from typing import Any

from app.charts import base
from app.text import labels
from core.analysis.preflight import Report
from core.analysis.replay import Outcome

Card = dict[str, Any]


def dead_groups(report: Report, max_step: int) -> Card:
    """Dead groups along the schedule, on the same samples."""
    values = [100 * float(v) for v in report.dead]
    alt = f"Dead groups along the schedule: {values[0]:.0f} % first, {values[-1]:.0f} % last."
    trace = base.line("dead groups", list(report.curve_steps), values, "ink2", 1.8)
    height = 45 + 35 * (len(report.distributions) + 1)  # that of the table beside it
    sub = "Groups that teach nothing: every advantage in them is 0."
    return base.card(
        "Dead groups", [trace], base.layout(max_step, " %", [0, 100]), alt, max(260, height), sub=sub
    )


def dead_before_after(before: Outcome, after: Outcome, max_step: int) -> Card:
    """Dead groups of a run, step by step, as trained and under another mix."""

    def values(outcome: Outcome) -> Sequence[float]:
        return [100 * float(v) for v in outcome.dead_share]

    steps = [int(s) for s in before.steps]
    traces = [
        base.line("as trained", steps, values(before), "ink3", 1.6, "dot"),
        base.line("under the other mix", steps, values(after), "accent", 1.8),
    ]
    trained = labels.percent(before.dead.mean())
    replayed = labels.percent(after.dead.mean())
    alt = f"Dead groups by step: {trained} as trained, {replayed} under the other mix."
    legend = [
        {"name": "as trained", "role": "ink3", "mark": "dash"},
        {"name": "under the other mix", "role": "accent"},
    ]
    return base.card("Dead groups", traces, base.layout(max_step, " %", [0, 100]), alt, 240, legend=legend)
