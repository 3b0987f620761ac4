"""What surrounds the numbers of a comparison: remarks, flags with their samples, settings that differ. Called by
app.views.compare."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app import prose, words
from app.compared import Compared
from app.theme import Look
from core.compare.evidence import Evidence
from core.compare.flags import TITLES, Flag
from core.compare.refusals import Remark
from core.compare.settings import Settings, settings

MOST_REMARKS, MOST_FLAGS, LONG = 3, 8, 160


def remarks(found: Sequence[Remark]) -> None:
    """What must be known before believing the numbers: the first few, the rest on demand. What is about seeds comes last."""
    ordered = [r.said for r in sorted(found, key=lambda r: r.about == "seeds")]
    if not ordered:
        return
    prose.remarks(ordered[:MOST_REMARKS])
    if more := ordered[MOST_REMARKS:]:
        with st.expander(f"{words.count(len(more), 'more remark')}"):
            prose.remarks(more)


def refused(found: Sequence[Remark]) -> None:
    """Nothing was averaged, and why."""
    with st.container(key="card-refused"):
        prose.head("Nothing is averaged", chips=[prose.chip("Refused", "bad")])
        prose.note("These runs do not answer one question. What stands in the way, and what to do about it:")
        prose.remarks([r.said for r in found if r.refused])
        st.page_link("views/runs.py", label="Choose runs that go together", icon=":material/show_chart:")


def flags_section(found: Compared, looks: Mapping[str, Look]) -> None:
    """Runs to look at, each with the steps whose samples to put side by side."""
    runs = {r.run_id: r for r in found.runs}
    raised = [(runs[i], f) for i, flags in found.comparison.flags.items() for f in flags]
    if not raised:
        prose.section(None, "What to look at", "No rule raised a flag." if found.whole else "The steps are being read.")
        return
    by_run: dict[int, list[Flag]] = {}
    for run, f in raised:
        by_run.setdefault(run.run_id, []).append(f)
    of = f"{len(by_run)} of {words.count(len(runs), 'run')}"
    prose.section(None, "What to look at", f"{of}: a rule says where, the samples say why. A flag is no verdict.")
    drawn = [_flagged(runs[run_id], found_flags, looks) for run_id, found_flags in by_run.items()]
    with st.container(key="card-flags"):
        st.html(f'<div class="sd-flags">{"".join(drawn[:MOST_FLAGS])}</div>')
        if more := drawn[MOST_FLAGS:]:
            with st.expander(f"{words.count(len(more), 'more run')}"):
                st.html(f'<div class="sd-flags">{"".join(more)}</div>')


def _flagged(run: Evidence, flags: Sequence[Flag], looks: Mapping[str, Look]) -> str:
    """The flags of one run, and links to the samples at the steps they are about."""
    steps = sorted({max(1, s) for f in flags for s in f.look})  # step 0 trains nothing: its samples are those of step 1
    links = "".join(
        f'<a href="run?run={run.run_id}&amp;tab=Samples&amp;step={s}" target="_self">Samples of step {s}</a>' for s in steps
    )
    said = "".join(f"<div><i>{prose.escape(TITLES[f.kind])}</i> {prose.escape(f.said)}</div>" for f in flags)
    who = f"<b>{prose.escape(f'{run.arm}, seed {run.seed}')}</b>"
    return f'<div class="sd-flag">{prose.square(looks[run.arm].role)}<div>{who}{said}{links}</div></div>'


def settings_cards(runs: Sequence[Evidence], looks: Mapping[str, Look]) -> None:
    """What tells the arms apart, what else differs, and what is the same in all, closed."""
    found = settings(runs)
    with st.container(key="card-differs"):
        n = len(found.differ)
        prose.head("What differs", f"{words.count(n, 'setting')}" if n else "no setting")
        if found.beyond:
            named = ", ".join(map(_brief, found.beyond))
            prose.remark(f"More than the mix differs: {named}. A difference between arms may come from there.")
        if n:
            st.html(_table(found, looks))
        else:
            prose.note("The arms have the same settings, or there is only one.")
    with st.expander(f"Same in every arm ({words.count(len(found.same), 'setting')})", icon=":material/check:"):
        prose_rows = [{"setting": p, "value": _value(v)} for p, v in found.same.items()]
        st.dataframe(prose_rows, hide_index=True, alt="Settings that all arms share")


def _table(found: Settings, looks: Mapping[str, Look]) -> str:
    at = [found.arms.index(a) for a in looks if a in found.arms]
    named = [(found.arms[i], looks[found.arms[i]].role) for i in at]
    heads = "".join(f'<th scope="col" class="text">{prose.square(role)} {prose.escape(arm)}</th>' for arm, role in named)
    rows = "".join(
        f'<tr><th scope="row">{prose.escape(path)}</th>{"".join(_cell(values[i]) for i in at)}</tr>'
        for path, values in found.differ.items()
    )
    head = f'<thead><tr><th class="text">setting</th>{heads}</tr></thead>'
    return f'<div class="sd-scroll" tabindex="0"><table class="sd-table">{head}<tbody>{rows}</tbody></table></div>'


def _cell(value: Any) -> str:
    return (
        f'<td class="text wrap">{prose.escape(_brief(_value(value)))}</td>' if value is not None else '<td class="text">–</td>'
    )


def _value(value: Any) -> str:
    return words.setting(value)


def _brief(text: str) -> str:
    return text if len(text) <= LONG else f"{text[:LONG]} …"
