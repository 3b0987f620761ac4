"""What changed since the last visit, as a card. Called by Home."""

from collections.abc import Mapping, Sequence

import streamlit as st

from app import prose, theme, words
from core.metrics.series import Series
from core.news import Best, News
from core.store.queries import RunRow

MOST = 5  # runs named of each kind


def changes(found: News, since: float, running: int) -> None:
    """Runs that ended, with the first words of why some failed; new best gold accuracies."""
    with st.container(key="card-changes"):
        prose.head("Since your last visit", words.ago(since), chips=_chips(found, running))
        if not found:
            prose.note("No run has ended since." if running else "Nothing has happened since.")
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
        gold = "" if r.accuracy is None else f": gold accuracy {words.value('eval/accuracy', r.accuracy)}"
        _line(r, f"is done{gold}", "neutral")


def _done(found: News) -> list[RunRow]:
    """Those that are done and not named for being the best."""
    named = {b.run.id for b in found.best}
    return [r for r in found.done if r.id not in named]


def first_line(r: RunRow) -> str:
    """The first line of why a run failed, with the kind of error."""
    said = (r.error_message or "").strip().splitlines()
    return ": ".join(filter(None, (r.error_kind, said[0][:200] if said else "")))


def _best(best: Best) -> str:
    now = words.value("eval/accuracy", best.run.accuracy)
    before = "" if best.before is None else f", before {words.value('eval/accuracy', best.before)}"
    return f"has the highest gold accuracy of the {best.of} done in {best.run.experiment}: {now}{before}"


def _chips(found: News, running: int) -> list[str]:
    made = [prose.chip(f"{len(found.done)} done", "good")] if found.done else []
    made += [prose.chip(f"{len(found.failed)} failed", "bad")] if found.failed else []
    made += [prose.chip(f"{len(found.stopped)} stopped", "neutral")] if found.stopped else []
    return [*made, prose.chip(f"{running} running", "accent")] if running else made


def _line(r: RunRow, text: str, tone: prose.Tone) -> None:
    prose.item(r.name, text, f"run?run={r.id}", theme.arm_role(r.structure), tone)


def _more(found: News) -> None:
    hidden = sum(max(0, len(kind) - MOST) for kind in (found.failed, found.stopped, _done(found)))
    if hidden:
        st.page_link("views/runs.py", label=f"{words.count(hidden, 'more run')}", icon=":material/show_chart:")


def recent(rows: Sequence[RunRow], lines: Mapping[int, Series]) -> str:
    """The arms of an experiment with the mean of their newest gold accuracies, best first; and, where they are not all
    equally far, at which step. `lines`: gold accuracy of the runs by step."""
    arms: dict[str, list[RunRow]] = {}
    for r in rows:
        if r.accuracy is not None:
            arms.setdefault(r.variant, []).append(r)
    steps = {name: _steps(same, lines) for name, same in arms.items()}
    means = sorted(((sum(r.accuracy or 0.0 for r in same) / len(same), name) for name, same in arms.items()), reverse=True)
    apart = len(set(steps.values())) > 1
    return " · ".join(f"{name}: {words.value('eval/accuracy', gold)}{steps[name] if apart else ''}" for gold, name in means[:6])


def _steps(rows: Sequence[RunRow], lines: Mapping[int, Series]) -> str:
    """The steps at which runs were evaluated last."""
    found = [lines[r.id].steps[-1] for r in rows if r.id in lines]
    if not found:
        return ""
    low, high = min(found), max(found)
    return f" at step {low}" if low == high else f" at steps {low}–{high}"
