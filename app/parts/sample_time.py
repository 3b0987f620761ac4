"""The same problem through time: its groups step by step, in this run and in the others of its experiment.

Called by app.parts.samples.
"""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from app import cache, elements, places, prose, theme, words
from app.parts.sample_go import to_sample
from core.store.lines import MOST_SEEN, Line, Seen
from core.store.queries import RunRow, SampleView

ENDS_WITH = 40


def _end(line: Line) -> dict[str, Any]:
    return {
        "key": places.to_url(line.place),
        "total": line.total,
        "correct": line.correct,
        "ends": f"… {words.end(line.ends, ENDS_WITH)}",
    }


def _row(run: RunRow, groups: Sequence[Seen], sample: SampleView) -> dict[str, Any]:
    here = (sample.run_id, sample.step, sample.group_index)
    shown = [
        {
            "step": g.step, "size": g.size, "right": g.right, "mean": g.mean_total,
            "best": _end(g.best), "worst": _end(g.worst),
            "here": (g.run_id, g.step, g.group_index) == here,
        }
        for g in groups
    ]  # fmt: skip
    note = f"seen {len(groups)} times" if len(groups) > 1 else "seen once"
    return {"name": run.name, "role": theme.arm_role(run.structure), "note": note, "groups": shown}


def through_time(sample: SampleView) -> None:
    """The card. A click opens a sample; on a run's page that of another run opens its page."""
    own = cache.run_detail(sample.run_id).row
    siblings = cache.run_list(own.experiment_id) if own.experiment_id is not None else [own]
    near = sorted(siblings, key=lambda r: (r.id != own.id, r.variant != own.variant, r.arm != own.arm, r.variant, r.seed))
    every = {r.id: r for r in near}
    versions = tuple(cache.version(r) for r in every.values())
    found = cache.problem_through_time(tuple(every), sample.problem_id, sample.split, versions)
    by_run: dict[int, list[Seen]] = {}
    for group in found:
        by_run.setdefault(group.run_id, []).append(group)
    size = sum(g.size for g in found)
    with st.container(key="card-time"):
        more = f"; the first {MOST_SEEN:,} of its samples" if size >= MOST_SEEN else ""
        prose.head(
            "The same problem through time",
            f"{words.count(len(found), 'group')} in {len(by_run)} of {words.count(len(every), 'run')}{more}",
        )
        rows = [_row(run, by_run[run_id], sample) for run_id, run in every.items() if run_id in by_run]
        elements.problem_time("sample-time", {"rows": rows}, to_sample)
