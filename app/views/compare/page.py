"""Compare: which arm learns faster and more stably, and how sure that is. `?experiment=ID` or `?runs=1,2,3`.

The choice is in the address (app.views.compare.question). While a run is live, pulses poll for new
evaluations; only then is everything but the boxes redrawn. Many long runs are drawn from their evaluations
first, then read in full.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial

import streamlit as st

from app import elements
from app.charts import compare as figures
from app.charts import compare_truth as truth
from app.data import comparisons, reads
from app.data.comparisons import Compared
from app.live.chart_protocol import Card
from app.text import labels, theme
from app.text.theme import Look
from app.text.tone import Tone
from app.views.compare import surroundings as around
from app.views.compare.arms import arms_card
from app.views.compare.question import Asked, asked, controls
from app.views.compare.report import report_button
from app.views.compare.tables import tables_card
from app.widgets import html, outages, url_state
from core.compare.answer import answer, ranking
from core.compare.catalogue import SCORES
from core.compare.comparison import Comparison
from core.compare.evidence import GOLD
from core.store.runs.queries import RunRow
from core.store.status import Status

DEAD = "signal/dead_groups"
BESIDE_IT = 206  # minimum height of the two cards beside the curves
SMALL = 260  # height of the cards below the curves
LEGEND = 20  # height of each further row of their legends
STATES: tuple[tuple[str, Tone, Callable[[Status], bool]], ...] = (
    ("running", "accent", lambda s: s.claimed),
    ("waiting", "neutral", lambda s: s in (Status.QUEUED, Status.LOST)),
    ("failed", "bad", lambda s: s == Status.FAILED),
    ("stopped", "neutral", lambda s: s == Status.STOPPED),
)


def _looks(rows: Sequence[RunRow]) -> dict[str, Look]:
    """The look of each arm, by the order of the whole experiment if there is one.

    So an arm keeps its look when some runs are left out.
    """
    ids = {r.experiment_id for r in rows}
    every = (
        reads.runs_of(next(iter(ids)))  # type: ignore[arg-type]
        if len(ids) == 1 and None not in ids
        else rows
    )
    return theme.looks([(r.variant, r.structure) for r in sorted([*every, *rows], key=lambda r: r.id)])


def _title(a: Asked, found: Compared | None = None) -> None:
    done_count = sum(r.status == Status.DONE for r in a.rows)
    chips = [
        html.chip(
            f"{done_count} of {labels.count(len(a.rows), 'run')} done",
            "good" if done_count == len(a.rows) else "neutral",
        )
    ]
    for state, tone, fits in STATES:
        if n := sum(fits(r.status) for r in a.rows):
            chips.append(html.chip(f"{n} {state}", tone))
    e = a.experiment
    name = (e.question or e.name) if e else "Chosen runs"
    crumb = f"Experiments / {e.name}" if e and e.question else "Compare"
    left_column, right_column = st.columns([6, 1], vertical_alignment="bottom")
    with left_column:
        html.title(name, crumb=crumb, chips=chips, facts=_facts(a, found))
    if e is not None:
        with right_column, st.container(horizontal=True, horizontal_alignment="right"):
            report_button(e.id, e.name)


def _facts(a: Asked, found: Compared | None) -> list[tuple[str, str]]:
    if found is None or not found.runs:
        return []
    evaluated = [r for r in found.runs if r.problems]
    facts = []
    if evaluated:
        r = evaluated[-1]
        sampling = (
            "greedy"
            if not r.temperature
            else f"{labels.count(r.num_samples, 'sample')} each at temperature {r.temperature:g}"
        )
        facts.append(("judged on", f"gold accuracy, {r.problems} held-out problems, {sampling}"))
    if found.comparison.horizon:
        facts.append(("compared up to", f"step {found.comparison.horizon}"))
    seeds = sorted({r.seed for r in found.runs})
    facts.append(("seeds", ", ".join(map(str, seeds)) if len(seeds) <= 8 else f"{len(seeds)}"))
    if a.question.fixed:
        names = ", ".join(SCORES[k].title.lower() for k in a.question.fixed)
        facts.append(("fixed before the runs", names))
    return facts


def _ranked(c: Comparison, looks: Mapping[str, Look], score: str) -> dict[str, Look]:
    """The looks in the order of the table, which every chart and legend follows."""
    first = [x.name for x in ranking(c, score)]
    return {name: looks[name] for name in dict.fromkeys((*first, *looks))}


def _curves(a: Asked, found: Compared, looks: Mapping[str, Look]) -> None:
    c = found.comparison
    arm, _ = a.shown
    order = tuple(looks)
    metric = a.metric if found.whole or a.metric in (GOLD, "eval/kl") else GOLD
    mark = next((t for t in c.thresholds if t.name == a.threshold), None)
    high = max(BESIDE_IT, 108 + 24 * len(c.arms))
    tall = 2 * high + 16
    times_height = high if len(c.arms) > 1 else tall

    def made(what: Hashable, make: Callable[[], Card]) -> Card:
        return comparisons.made(found, (what, order), make)

    left_column, right_column = st.columns([7, 4])
    with left_column:
        card = made(
            ("curves", metric, arm, mark),
            lambda: figures.curves(c, found.runs, looks, metric, arm, mark, tall),
        )
        elements.chart_card("compare-curves", card)
        if arm or metric != GOLD:
            _opened(a, found, arm)
    with right_column:
        if mark is not None:
            elements.chart_card(
                "compare-times", made(("times", mark), lambda: figures.times(c, looks, mark, times_height))
            )
        if len(c.arms) > 1:
            card = made(("improvement", a.score), lambda: figures.improvement(c, looks, a.score, high))
            elements.chart_card("compare-improvement", card)


def _opened(a: Asked, found: Compared, arm: str) -> None:
    """Draw the way back from the curves that a pressed number opened, and a link to their runs."""
    runs = [r for r in found.runs if r.arm == arm] if arm else list(found.runs)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Gold accuracy of all arms",
            icon=":material/arrow_back:",
            on_click=url_state.put,
            kwargs={"show": ""},
        )
        ids = "-".join(str(r.run_id) for r in runs[:12])
        label = f"Runs of {arm}" if arm else "Runs"
        query = {"runs": ids, "metrics": a.metric}
        st.page_link(
            "views/runs/page.py", label=html.plain(label), icon=":material/show_chart:", query_params=query
        )


def _details(a: Asked, found: Compared, base: str, looks: Mapping[str, Look]) -> None:
    c = found.comparison
    runs = found.runs
    order = tuple(looks)
    tall = SMALL + LEGEND * min(2, (len(c.arms) - 1) // 4)
    cards: dict[str, Callable[[], Card]] = {}
    if len(c.arms) > 1 and base:
        cards["differences"] = lambda: figures.differences(c, looks, a.score, base, tall)
    cards["profiles"] = lambda: truth.profiles(c, looks, a.score, tall)
    cards["kl"] = lambda: truth.gold_per_kl(c, runs, looks, tall)
    with st.grid(len(cards), min_column_width=310):
        for name, make in cards.items():
            elements.chart_card(
                f"compare-{name}", comparisons.made(found, (name, a.score, base, order), make)
            )
    if not found.whole:
        return
    more: dict[str, Callable[[], Card]] = {"reward": lambda: truth.reward_per_gold(c, runs, looks, tall)}
    if any(len(r.line(DEAD)[0]) for r in runs):
        more["dead"] = lambda: figures.curves(c, runs, looks, DEAD, height=tall)
    with st.grid(2, min_column_width=310):
        for name, make in more.items():
            elements.chart_card(f"compare-{name}", comparisons.made(found, (name, order), make))


def _body() -> None:
    """Draw the page below its boxes.

    It reads the address itself: a press inside redraws this part alone.
    """
    a = asked()
    if a is None:
        return
    rows = reads.rows(a.question.runs)
    compared = comparisons.compared(a.question, rows)
    looks = _looks(rows)
    _drawn(a, compared, looks)
    if not compared.whole:  # the evaluations are on screen; read the steps next
        request = (a.question, compared.versions)
        if error := comparisons.failed(*request):
            html.fault(f"What each step left cannot be read: {error}. It is tried again in a minute.")
        pulse_state = "failed" if error else "first"
        elements.pulse(
            "compare-whole", request, partial(comparisons.read_on, *request), pulse_state, last=True
        )
    _pulse("body", rows)


def _drawn(a: Asked, found: Compared, looks: Mapping[str, Look]) -> None:
    c = found.comparison
    conclusion = answer(c, a.score, a.baseline)
    if conclusion.kind == "refused":
        _none(found)
        around.settings_cards(found.runs, looks)
        return
    hint = "This score was not fixed before the runs: a hint, and no result." if _exploring(a) else ""
    html.lead(conclusion.parts, " ".join(filter(None, (hint, conclusion.caveat))))
    around.remarks(c.remarks)
    looks = _ranked(c, looks, a.score)
    arms_card(a, found, looks)
    _curves(a, found, looks)
    _details(a, found, a.baseline or conclusion.other, looks)
    around.flags_section(found, looks)
    html.section(None, "Every number")
    tables_card(a, found)
    html.section(None, "What was compared")
    around.settings_cards(found.runs, looks)


def _exploring(a: Asked) -> bool:
    return bool(a.question.fixed) and a.score not in a.question.fixed


def _none(found: Compared) -> None:
    """Explain why nothing can be compared: it is too early, or the comparison is refused."""
    about = {r.about for r in found.comparison.remarks if r.refused}
    if about <= {"outcome"}:
        with st.container(key="card-early"):
            html.empty(
                "Nothing to compare yet", " ".join(r.said for r in found.comparison.remarks if r.refused)
            )
        return
    around.refused(found.comparison.remarks)


def _head() -> None:
    a = asked()
    if a is None:
        return
    _title(a, comparisons.compared(a.question, list(a.rows)))
    _pulse("head", a.rows)


def _pulse(part: str, rows: Sequence[RunRow]) -> None:
    """Redraw a part of the page when one of these runs is evaluated, while any is unfinished."""
    if any(not r.status.finished for r in rows):
        ids = tuple(r.id for r in rows)
        state = comparisons.text_of(rows)
        elements.pulse(
            f"compare-{part}", ("compare", ids), lambda: comparisons.text_of(reads.rows(ids)), state
        )


def main() -> None:
    a = asked()
    if a is None:
        html.title(
            "Compare", sub="Arms over seeds: which learns faster, which more stably, and how sure that is."
        )
        with st.container(key="card-nothing"):
            hint = "Queue an experiment: its arms and seeds are compared here."
            html.empty("Nothing to compare yet", hint, ("queue", "Queue one", "layers"))
        return
    outages.fragment(_head, key="compare-head")()
    controls(a, {str(e.id): f"{e.name} ({e.id})" for e in reads.experiments()})
    outages.fragment(_body, key="compare-body")()


main()
