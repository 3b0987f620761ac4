"""The list of samples: its rows and pages, and previous and next by keyboard."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from app import elements
from app.data import reads
from app.text import labels, theme
from app.views.samples.navigation import to_sample
from app.views.shared import links
from app.widgets import html, url_state
from core.store.runs.queries import RunRow
from core.store.samples.browse import Page
from core.store.samples.lines import Line, Place

ENDS_WITH = 60  # characters; the column cuts their start, because the answer is at the end
PAGE = 64  # rows; one step of the presets
TIPS = [
    "Right or wrong, by the answer parser.", "Step, and where several runs are listed which.", labels.TOTAL,
    labels.ADVANTAGE,
    "Contribution of each term above 0, in the mix's order and colours.",
    "The end of the completion; labels and notes before it.",
]  # fmt: skip


def _turn(number: int, end: str) -> None:
    """Turn to another page, and to its first or last row."""
    st.session_state.page = number
    st.session_state.enter = end


def parts_of(line: Line, roles: Mapping[str, str]) -> list[dict[str, Any]]:
    """The contributions of a sample, as pieces of a bar."""
    return [{"size": x.contribution or 0.0, "role": roles.get(x.term, "c6")} for x in line.scores]


def _whose(run: RunRow | None) -> str:
    return "" if run is None else run.name if run.swept else f"{run.arm} {run.seed}"


def _row(line: Line, run: RunRow | None, roles: Mapping[str, str], several: bool) -> dict[str, Any]:
    tags = [(name, "accent") for name in line.labels] + ([("note", "warn")] if line.noted else [])
    tags += [("cut", "")] if line.truncated else []
    return {
        "key": links.to_url(line.place), "correct": line.correct, "total": line.total,
        "advantage": line.advantage,
        "whose": _whose(run) if several else "",
        "at": f"· {line.step}" if several and run else f"step {line.step}",
        "role": theme.arm_role(run.structure) if several and run else "",
        "parts": parts_of(line, roles), "tags": tags, "ends": labels.end(line.ends, ENDS_WITH) or "(empty)",
    }  # fmt: skip


def listing(lines: Sequence[Line], page: Page, chosen: Place, runs: Mapping[int, RunRow], what: str) -> None:
    """Draw the card of the list. `what`: what the samples are of, for its head."""
    roles = {r: theme.term_roles(reads.config(r).mix) for r in {x.run_id for x in lines}}
    rows = [_row(x, runs.get(x.run_id), roles[x.run_id], len(runs) > 1) for x in lines]
    keys = [r["key"] for r in rows]
    index = keys.index(links.to_url(chosen)) if links.to_url(chosen) in keys else None
    number = asked_page()
    pages = max(1, -(-page.count // PAGE))
    with st.container(key="card-samples"):
        steps_text = f"steps {max(page.window.first, min(1, page.window.last))}–{page.window.last}"
        one_step = what[:4] == "step" and pages == 1
        note = (
            steps_text
            if page.window.whole
            else f"looked through {steps_text}, the newest; choose others under Filters"
        )
        html.head(
            f"{page.count:,} {'sample' if page.count == 1 else 'samples'} of {what}",
            _groups(lines) if one_step else note,
        )
        _keys(keys, index, number, pages)
        if index is None and keys:
            html.remark("The sample shown is not on this page of the list; Next goes to the first that is.")
        highest = max((abs(x.total) for x in lines if x.total is not None), default=1.0) or 1.0
        span = max((sum(max(p["size"], 0.0) for p in r["parts"]) for r in rows), default=1.0) or 1.0
        long = len(runs) > 1 and any(r.swept for r in runs.values())
        data = {
            "rows": rows, "chosen": links.to_url(chosen), "highest": highest, "span": span, "tips": TIPS,
            "where": "62px" if len(runs) < 2 else "minmax(0, 216px)" if long else "128px", "long": long,
            "label": f"Samples of {what}",
        }  # fmt: skip
        elements.sample_list("sample-list", data, to_sample)
        if pages > 1:
            st.pagination(pages, key="page", bind="query-params", max_visible_pages=5)


def of_runs(page: Page, number: int) -> str:
    """The number of runs that a list covers, in words.

    The steps looked through may have no sample of a run that is behind.
    """
    total = labels.count(number, "run")
    return f"{page.window.runs} of {total}" if page.window.runs < number else total


def asked_page() -> int:
    """The page in the URL; the first where it names none."""
    # After Back or Forward the session still has the page of the other entry: the widget comes later.
    requested = None if url_state.went() else st.session_state.get("page")
    return max(1, links.number(str(requested or st.query_params.get("page", "1"))) or 1)


def _groups(lines: Sequence[Line]) -> str:
    groups = {(x.run_id, x.step, x.group_index): x.dead for x in lines}
    return f"{labels.count(len(groups), 'group')}, {sum(bool(d) for d in groups.values())} dead"


def _keys(keys: Sequence[str], at: int | None, number: int, pages: int) -> None:
    """Draw the buttons for previous and next, which turn the page at its ends.

    From a sample that is not on the page, next goes to the page's first.
    """
    at = -1 if at is None else at
    with st.container(horizontal=True):
        if at < 1:
            st.button(
                "Previous",
                shortcut="K",
                disabled=number <= 1 or at < 0,
                on_click=_turn,
                args=(number - 1, "last"),
            )
        else:
            st.button("Previous", shortcut="K", on_click=to_sample, args=(keys[at - 1],))
        if at == len(keys) - 1:
            st.button(
                "Next", shortcut="J", disabled=number >= pages, on_click=_turn, args=(number + 1, "first")
            )
        else:
            st.button("Next", shortcut="J", on_click=to_sample, args=(keys[at + 1],))
