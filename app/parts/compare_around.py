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

MOST_REMARKS, MOST_FLAGS, LONG = 3, 12, 160


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


def flags_section(found: Compared, looks: Mapping[str, Look]) -> None:
    """Runs to look at, each with the steps whose samples to put side by side."""
    runs = {r.run_id: r for r in found.runs}
    raised = [(runs[i], f) for i, flags in found.comparison.flags.items() for f in flags]
    if not raised:
        prose.section(None, "What to look at", "No rule raised a flag." if found.whole else "The steps are being read.")
        return
    flagged = words.count(len({run.run_id for run, _ in raised}), "run")
    said = f"{flagged} of {len(runs)}: a rule says where to look, the samples say why. A flag is no verdict."
    prose.section(None, "What to look at", said)
    with st.container(key="card-flags"):
        st.html("".join(_flag(run, f, looks) for run, f in raised[:MOST_FLAGS]))
        if more := raised[MOST_FLAGS:]:
            with st.expander(f"{words.count(len(more), 'more flag')}"):
                st.html("".join(_flag(run, f, looks) for run, f in more))


def _flag(run: Evidence, f: Flag, looks: Mapping[str, Look]) -> str:
    steps = dict.fromkeys(max(1, s) for s in f.look)  # step 0 trains nothing: its samples are those of step 1
    links = "".join(
        f'<a href="run?run={run.run_id}&amp;tab=Samples&amp;step={s}" target="_self">Samples of step {s}</a>' for s in steps
    )
    who = prose.escape(f"{run.arm}, seed {run.seed}")
    said = f"<b>{who}</b> · {prose.escape(TITLES[f.kind])} at step {f.step}<br>{prose.escape(f.said)}<br>{links}"
    return f'<div class="sd-flag">{prose.square(looks[run.arm].role)}<div>{said}</div></div>'


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
        st.dataframe(
            prose_rows, hide_index=True, alt="Settings that all arms share", height=min(38 + 35 * len(prose_rows), 480)
        )


def _table(found: Settings, looks: Mapping[str, Look]) -> str:
    heads = "".join(f'<th scope="col" class="text">{prose.square(looks[a].role)} {prose.escape(a)}</th>' for a in found.arms)
    rows = "".join(
        f'<tr><th scope="row">{prose.escape(path)}</th>{"".join(_cell(v) for v in values)}</tr>'
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
