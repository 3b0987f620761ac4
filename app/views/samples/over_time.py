"""One problem through time: its groups step by step, in this run and in the others of its experiment."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app import elements
from app.data import reads
from app.text import labels, theme
from app.views.samples.navigation import to_sample
from app.views.shared import links
from app.widgets import html
from core.store.runs.queries import RunRow, SampleView
from core.store.samples.lines import MOST_SEEN, Line, Seen

ENDS_WITH = 40


def _end(line: Line) -> dict[str, Any]:
    return {
        "key": links.to_url(line.place),
        "total": line.total,
        "correct": line.correct,
        "ends": f"… {labels.end(line.ends, ENDS_WITH)}",
    }


def _row(run: RunRow, groups: Sequence[Seen], sample: SampleView) -> dict[str, Any]:
    current_group = (sample.run_id, sample.step, sample.group_index)
    group_rows = [
        {
            "step": g.step, "size": g.size, "right": g.right, "mean": g.mean_total,
            "best": _end(g.best), "worst": _end(g.worst),
            "here": (g.run_id, g.step, g.group_index) == current_group,
        }
        for g in groups
    ]  # fmt: skip
    note = f"seen {len(groups)} times" if len(groups) > 1 else "seen once"
    return {"name": run.name, "role": theme.arm_role(run.structure), "note": note, "groups": group_rows}


def through_time(sample: SampleView) -> None:
    """Draw the card of a problem's groups over time.

    A click opens a sample; on a run's page, a sample of another run opens that run's page.
    """
    own = reads.run_detail(sample.run_id).row
    siblings = reads.run_list(own.experiment_id) if own.experiment_id is not None else [own]
    nearest_first = sorted(
        siblings,
        key=lambda r: (r.id != own.id, r.variant != own.variant, r.arm != own.arm, r.variant, r.seed),
    )
    run_by_id = {r.id: r for r in nearest_first}
    versions = tuple(reads.version(r) for r in run_by_id.values())
    groups = reads.problem_through_time(tuple(run_by_id), sample.problem_id, sample.split, versions)
    by_run: dict[int, list[Seen]] = {}
    for group in groups:
        by_run.setdefault(group.run_id, []).append(group)
    size = sum(g.size for g in groups)
    with st.container(key="card-time"):
        more = f"; the first {MOST_SEEN:,} of its samples" if size >= MOST_SEEN else ""
        html.head(
            "The same problem through time",
            f"{labels.count(len(groups), 'group')} in {len(by_run)} of "
            f"{labels.count(len(run_by_id), 'run')}{more}",
        )
        rows = [_row(run, by_run[run_id], sample) for run_id, run in run_by_id.items() if run_id in by_run]
        elements.problem_time("sample-time", {"rows": rows}, to_sample)
