"""A card of what changed since the last visit."""

from collections.abc import Mapping, Sequence

import streamlit as st

from app.text import labels, theme
from app.text.tone import Tone
from app.widgets import html
from core.metrics.series import Series
from core.store.recent_activity import Best, News
from core.store.runs.queries import RunRow

MOST = 5  # runs named of each kind


def changes(found: News, since: float, running: int) -> None:
    """Draw the runs that ended, with the first line of each failure, and new best gold accuracies."""
    with st.container(key="card-changes"):
        html.head("Since your last visit", labels.ago(since), chips=_chips(found, running))
        if not found:
            html.note("No run has ended since." if running else "Nothing has happened since.")
        with st.container(gap="xxsmall"):
            _lines(found)
        _more(found)


def _lines(found: News) -> None:
    for best in found.best:
        _line(best.run, _best(best), "good")
    for r in found.failed[:MOST]:
        _line(r, f"failed at step {r.step}: {first_line(r)}", "bad")
    for r in found.stopped[:MOST]:
        _line(r, f"was stopped at step {r.step} of {r.max_steps}", "neutral")
    for r in _done(found)[:MOST]:
        gold = "" if r.accuracy is None else f": gold accuracy {labels.value('eval/accuracy', r.accuracy)}"
        _line(r, f"is done{gold}", "neutral")


def _done(found: News) -> list[RunRow]:
    """Runs that are done and not already named as a best one."""
    named = {b.run.id for b in found.best}
    return [r for r in found.done if r.id not in named]


def first_line(r: RunRow) -> str:
    """The kind of a run's error and the first line of its message."""
    lines = (r.error_message or "").strip().splitlines()
    return ": ".join(filter(None, (r.error_kind, lines[0][:200] if lines else "")))


def _best(best: Best) -> str:
    accuracy = labels.value("eval/accuracy", best.run.accuracy)
    previous = "" if best.before is None else f", before {labels.value('eval/accuracy', best.before)}"
    return (
        f"has the highest gold accuracy of the {best.of} done in {best.run.experiment}: {accuracy}{previous}"
    )


def _chips(found: News, running: int) -> list[str]:
    chips = [html.chip(f"{len(found.done)} done", "good")] if found.done else []
    chips += [html.chip(f"{len(found.failed)} failed", "bad")] if found.failed else []
    chips += [html.chip(f"{len(found.stopped)} stopped", "neutral")] if found.stopped else []
    return [*chips, html.chip(f"{running} running", "accent")] if running else chips


def _line(r: RunRow, text: str, tone: Tone) -> None:
    html.item(r.name, text, f"run?run={r.id}", theme.arm_role(r.structure), tone)


def _more(found: News) -> None:
    hidden = sum(max(0, len(kind) - MOST) for kind in (found.failed, found.stopped, _done(found)))
    if hidden:
        st.page_link(
            "views/runs/page.py", label=f"{labels.count(hidden, 'more run')}", icon=":material/show_chart:"
        )


def recent(rows: Sequence[RunRow], lines: Mapping[int, Series]) -> str:
    """The arms of an experiment with their mean newest gold accuracy, best first, as text.

    Where the arms are not equally far, each has its step too. `lines`: gold accuracy by step, by run id.
    """
    arms: dict[str, list[RunRow]] = {}
    for r in rows:
        if r.accuracy is not None:
            arms.setdefault(r.variant, []).append(r)
    steps = {name: _steps(runs, lines) for name, runs in arms.items()}
    means = sorted(
        ((sum(r.accuracy or 0.0 for r in runs) / len(runs), name) for name, runs in arms.items()),
        reverse=True,
    )
    apart = len(set(steps.values())) > 1
    return " · ".join(
        f"{name}: {labels.value('eval/accuracy', gold)}{steps[name] if apart else ''}"
        for gold, name in means[:6]
    )


def _steps(rows: Sequence[RunRow], lines: Mapping[int, Series]) -> str:
    """The steps of the last evaluations of these runs, as text."""
    last_steps = [lines[r.id].steps[-1] for r in rows if r.id in lines]
    if not last_steps:
        return ""
    low = min(last_steps)
    high = max(last_steps)
    return f" at step {low}" if low == high else f" at steps {low}–{high}"
