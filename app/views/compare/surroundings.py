"""What surrounds the numbers of a comparison: remarks, flags with their samples, settings that differ."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app.data.comparisons import Compared
from app.text import labels
from app.text.theme import Look
from app.widgets import html
from core.compare.evidence import Evidence
from core.compare.flags import TITLES, Flag
from core.compare.settings import Settings, settings
from core.compare.validity import Remark

MOST_REMARKS = 3
MOST_FLAGS = 8
LONG = 160


def remarks(found: Sequence[Remark]) -> None:
    """Draw what to know before believing the numbers: the first few remarks, the rest on demand.

    Remarks about seeds come last.
    """
    ordered = [r.said for r in sorted(found, key=lambda r: r.about == "seeds")]
    if not ordered:
        return
    html.remarks(ordered[:MOST_REMARKS])
    if more := ordered[MOST_REMARKS:]:
        with st.expander(f"{labels.count(len(more), 'more remark')}"):
            html.remarks(more)


def refused(found: Sequence[Remark]) -> None:
    """Explain that nothing was averaged, and why."""
    with st.container(key="card-refused"):
        html.head("Nothing is averaged", chips=[html.chip("Refused", "bad")])
        html.note("These runs do not answer one question. What stands in the way, and what to do about it:")
        html.remarks([r.said for r in found if r.refused])
        st.page_link("views/runs/page.py", label="Choose runs that go together", icon=":material/show_chart:")


def flags_section(found: Compared, looks: Mapping[str, Look]) -> None:
    """Draw the runs to look at, each with links to the steps whose samples to compare."""
    runs = {r.run_id: r for r in found.runs}
    raised = [(runs[i], f) for i, flags in found.comparison.flags.items() for f in flags]
    if not raised:
        html.section(
            None, "What to look at", "No rule raised a flag." if found.whole else "The steps are being read."
        )
        return
    by_run: dict[int, list[Flag]] = {}
    for run, f in raised:
        by_run.setdefault(run.run_id, []).append(f)
    coverage = f"{len(by_run)} of {labels.count(len(runs), 'run')}"
    html.section(
        None, "What to look at", f"{coverage}: a rule says where, the samples say why. A flag is no verdict."
    )
    entries = [_flagged(runs[run_id], found_flags, looks) for run_id, found_flags in by_run.items()]
    with st.container(key="card-flags"):
        st.html(f'<div class="sd-flags">{"".join(entries[:MOST_FLAGS])}</div>')
        if more := entries[MOST_FLAGS:]:
            with st.expander(f"{labels.count(len(more), 'more run')}"):
                st.html(f'<div class="sd-flags">{"".join(more)}</div>')


def _flagged(run: Evidence, flags: Sequence[Flag], looks: Mapping[str, Look]) -> str:
    """The flags of one run as HTML, with links to the samples of the steps they are about."""
    # step 0 trains nothing: its samples are those of step 1
    steps = sorted({max(1, s) for f in flags for s in f.look})
    links = "".join(
        f'<a href="run?run={run.run_id}&amp;tab=Samples&amp;step={s}" target="_self">Samples of step {s}</a>'
        for s in steps
    )
    reasons = "".join(f"<div><i>{html.escape(TITLES[f.kind])}</i> {html.escape(f.said)}</div>" for f in flags)
    who = f"<b>{html.escape(f'{run.arm}, seed {run.seed}')}</b>"
    return f'<div class="sd-flag">{html.square(looks[run.arm].role)}<div>{who}{reasons}{links}</div></div>'


def settings_cards(runs: Sequence[Evidence], looks: Mapping[str, Look]) -> None:
    """Draw what tells the arms apart, what else differs, and, closed, what is the same in all."""
    comparison = settings(runs)
    with st.container(key="card-differs"):
        n = len(comparison.differ)
        html.head("What differs", f"{labels.count(n, 'setting')}" if n else "no setting")
        if comparison.beyond:
            named = ", ".join(map(_brief, comparison.beyond))
            html.remark(f"More than the mix differs: {named}. A difference between arms may come from there.")
        if n:
            st.html(_table(comparison, looks))
        else:
            html.note("The arms have the same settings, or there is only one.")
    with st.expander(
        f"Same in every arm ({labels.count(len(comparison.same), 'setting')})", icon=":material/check:"
    ):
        prose_rows = [{"setting": p, "value": _value(v)} for p, v in comparison.same.items()]
        st.dataframe(prose_rows, hide_index=True, alt="Settings that all arms share")


def _table(found: Settings, looks: Mapping[str, Look]) -> str:
    indices = [found.arms.index(a) for a in looks if a in found.arms]
    named = [(found.arms[i], looks[found.arms[i]].role) for i in indices]
    heads = "".join(
        f'<th scope="col" class="text">{html.square(role)} {html.escape(arm)}</th>' for arm, role in named
    )
    rows = "".join(
        f'<tr><th scope="row">{html.escape(path)}</th>{"".join(_cell(values[i]) for i in indices)}</tr>'
        for path, values in found.differ.items()
    )
    head = f'<thead><tr><th class="text">setting</th>{heads}</tr></thead>'
    return (
        f'<div class="sd-scroll" tabindex="0"><table class="sd-table">{head}'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _cell(value: Any) -> str:
    return (
        f'<td class="text wrap">{html.escape(_brief(_value(value)))}</td>'
        if value is not None
        else '<td class="text">–</td>'
    )


def _value(value: Any) -> str:
    return labels.setting(value)


def _brief(text: str) -> str:
    return text if len(text) <= LONG else f"{text[:LONG]} …"
