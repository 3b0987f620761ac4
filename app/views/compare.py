"""Compare: which arm learns faster and more stably, and how sure that is. `?experiment=ID` or `?runs=1,2,3`.

What is looked at is in the address (app.parts.compare_ask). While a run is live, pulses look whether one was evaluated anew,
and only then is all but its boxes drawn again. Many long runs are drawn from their evaluations first, then read whole.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial

import streamlit as st

from app import address, cache, compared, elements, outages, prose, theme, words
from app.compared import Compared
from app.figures import compare as figures
from app.figures import compare_truth as truth
from app.parts import compare_around as around
from app.parts.compare_arms import arms_card
from app.parts.compare_ask import Asked, asked, controls
from app.parts.compare_report import report_button
from app.parts.compare_tables import tables_card
from app.theme import Look
from app.wire import Card
from core.compare.answer import answer, ranking
from core.compare.catalogue import SCORES
from core.compare.comparison import Comparison
from core.compare.evidence import GOLD
from core.store.queries import RunRow
from core.store.states import Status

DEAD = "signal/dead_groups"
BESIDE_IT = 206  # least height of the two cards beside the curves
SMALL, LEGEND = 260, 20  # height of the cards below the curves, and of each further row of their legends
STATES: tuple[tuple[str, prose.Tone, Callable[[Status], bool]], ...] = (
    ("running", "accent", lambda s: s.claimed),
    ("waiting", "neutral", lambda s: s in (Status.QUEUED, Status.LOST)),
    ("failed", "bad", lambda s: s == Status.FAILED),
    ("stopped", "neutral", lambda s: s == Status.STOPPED),
)


def _looks(rows: Sequence[RunRow]) -> dict[str, Look]:
    """By the whole experiment where there is one, so that an arm keeps its look when some runs are left out."""
    ids = {r.experiment_id for r in rows}
    every = cache.runs_of(next(iter(ids))) if len(ids) == 1 and None not in ids else rows  # type: ignore[arg-type]
    return theme.looks([(r.variant, r.structure) for r in sorted([*every, *rows], key=lambda r: r.id)])


def _title(a: Asked, found: Compared | None = None) -> None:
    done = sum(r.status == Status.DONE for r in a.rows)
    chips = [prose.chip(f"{done} of {words.count(len(a.rows), 'run')} done", "good" if done == len(a.rows) else "neutral")]
    for what, tone, fits in STATES:
        if n := sum(fits(r.status) for r in a.rows):
            chips.append(prose.chip(f"{n} {what}", tone))
    e = a.experiment
    name = (e.question or e.name) if e else "Chosen runs"
    crumb = f"Experiments / {e.name}" if e and e.question else "Compare"
    left, right = st.columns([6, 1], vertical_alignment="bottom")
    with left:
        prose.title(name, crumb=crumb, chips=chips, facts=_facts(a, found))
    if e is not None:
        with right, st.container(horizontal=True, horizontal_alignment="right"):
            report_button(e.id, e.name)


def _facts(a: Asked, found: Compared | None) -> list[tuple[str, str]]:
    if found is None or not found.runs:
        return []
    seen = [r for r in found.runs if r.problems]
    facts = []
    if seen:
        r = seen[-1]
        how = "greedy" if not r.temperature else f"{words.count(r.num_samples, 'sample')} each at temperature {r.temperature:g}"
        facts.append(("judged on", f"gold accuracy, {r.problems} held-out problems, {how}"))
    if found.comparison.horizon:
        facts.append(("compared up to", f"step {found.comparison.horizon}"))
    seeds = sorted({r.seed for r in found.runs})
    facts.append(("seeds", ", ".join(map(str, seeds)) if len(seeds) <= 8 else f"{len(seeds)}"))
    if a.question.fixed:
        names = ", ".join(SCORES[k].title.lower() for k in a.question.fixed)
        facts.append(("fixed before the runs", names))
    return facts


def _ranked(c: Comparison, looks: Mapping[str, Look], score: str) -> dict[str, Look]:
    """The looks in the order of the table: every chart and legend has it."""
    first = [x.name for x in ranking(c, score)]
    return {name: looks[name] for name in dict.fromkeys((*first, *looks))}


def _curves(a: Asked, found: Compared, looks: Mapping[str, Look]) -> None:
    c, (arm, _), order = found.comparison, a.shown, tuple(looks)
    metric = a.metric if found.whole or a.metric in (GOLD, "eval/kl") else GOLD
    mark = next((t for t in c.thresholds if t.name == a.threshold), None)
    high = max(BESIDE_IT, 108 + 24 * len(c.arms))
    tall = 2 * high + 16
    beside = high if len(c.arms) > 1 else tall

    def made(what: Hashable, make: Callable[[], Card]) -> Card:
        return compared.made(found, (what, order), make)

    left, right = st.columns([7, 4])
    with left:
        card = made(("curves", metric, arm, mark), lambda: figures.curves(c, found.runs, looks, metric, arm, mark, tall))
        elements.chart_card("compare-curves", card)
        if arm or metric != GOLD:
            _opened(a, found, arm)
    with right:
        if mark is not None:
            elements.chart_card("compare-times", made(("times", mark), lambda: figures.times(c, looks, mark, beside)))
        if len(c.arms) > 1:
            card = made(("improvement", a.score), lambda: figures.improvement(c, looks, a.score, high))
            elements.chart_card("compare-improvement", card)


def _opened(a: Asked, found: Compared, arm: str) -> None:
    """What a press of a number opened, its runs, and the way back."""
    runs = [r for r in found.runs if r.arm == arm] if arm else list(found.runs)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button("Gold accuracy of all arms", icon=":material/arrow_back:", on_click=address.put, kwargs={"show": ""})
        ids = "-".join(str(r.run_id) for r in runs[:12])
        label = f"Runs of {arm}" if arm else "Runs"
        query = {"runs": ids, "metrics": a.metric}
        st.page_link("views/runs.py", label=prose.plain(label), icon=":material/show_chart:", query_params=query)


def _details(a: Asked, found: Compared, base: str, looks: Mapping[str, Look]) -> None:
    c, runs, order = found.comparison, found.runs, tuple(looks)
    tall = SMALL + LEGEND * min(2, (len(c.arms) - 1) // 4)
    cards: dict[str, Callable[[], Card]] = {}
    if len(c.arms) > 1 and base:
        cards["differences"] = lambda: figures.differences(c, looks, a.score, base, tall)
    cards["profiles"] = lambda: truth.profiles(c, looks, a.score, tall)
    cards["kl"] = lambda: truth.gold_per_kl(c, runs, looks, tall)
    with st.grid(len(cards), min_column_width=310):
        for name, make in cards.items():
            elements.chart_card(f"compare-{name}", compared.made(found, (name, a.score, base, order), make))
    if not found.whole:
        return
    more: dict[str, Callable[[], Card]] = {"reward": lambda: truth.reward_per_gold(c, runs, looks, tall)}
    if any(len(r.line(DEAD)[0]) for r in runs):
        more["dead"] = lambda: figures.curves(c, runs, looks, DEAD, height=tall)
    with st.grid(2, min_column_width=310):
        for name, make in more.items():
            elements.chart_card(f"compare-{name}", compared.made(found, (name, order), make))


def _body() -> None:
    """The page below its boxes. It asks the address itself: a press inside draws it alone."""
    a = asked()
    if a is None:
        return
    rows = cache.rows(a.question.runs)
    found, looks = compared.compared(a.question, rows), _looks(rows)
    _drawn(a, found, looks)
    if not found.whole:  # all is on screen that evaluations say; now for what each step left
        what = (a.question, found.versions)
        if why := compared.failed(*what):
            prose.fault(f"What each step left cannot be read: {why}. It is tried again in a minute.")
        drawn = "failed" if why else "first"
        elements.pulse("compare-whole", what, partial(compared.read_on, *what), drawn, last=True)
    _pulse("body", rows)


def _drawn(a: Asked, found: Compared, looks: Mapping[str, Look]) -> None:
    c = found.comparison
    said = answer(c, a.score, a.baseline)
    if said.kind == "refused":
        _none(found)
        around.settings_cards(found.runs, looks)
        return
    hint = "This score was not fixed before the runs: a hint, and no result." if _exploring(a) else ""
    prose.lead(said.parts, " ".join(filter(None, (hint, said.caveat))))
    around.remarks(c.remarks)
    looks = _ranked(c, looks, a.score)
    arms_card(a, found, looks)
    _curves(a, found, looks)
    _details(a, found, a.baseline or said.other, looks)
    around.flags_section(found, looks)
    prose.section(None, "Every number")
    tables_card(a, found)
    prose.section(None, "What was compared")
    around.settings_cards(found.runs, looks)


def _exploring(a: Asked) -> bool:
    return bool(a.question.fixed) and a.score not in a.question.fixed


def _none(found: Compared) -> None:
    """Nothing can be compared: because it is early, or because it may not be."""
    about = {r.about for r in found.comparison.remarks if r.refused}
    if about <= {"outcome"}:
        with st.container(key="card-early"):
            prose.empty("Nothing to compare yet", " ".join(r.said for r in found.comparison.remarks if r.refused))
        return
    around.refused(found.comparison.remarks)


def _head() -> None:
    a = asked()
    if a is None:
        return
    _title(a, compared.compared(a.question, list(a.rows)))
    _pulse("head", a.rows)


def _pulse(part: str, rows: Sequence[RunRow]) -> None:
    """Has a part of the page drawn again when another of these runs was evaluated, while one goes on."""
    if any(not r.status.finished for r in rows):
        ids, drawn = tuple(r.id for r in rows), compared.text_of(rows)
        elements.pulse(f"compare-{part}", ("compare", ids), lambda: compared.text_of(cache.rows(ids)), drawn)


def main() -> None:
    a = asked()
    if a is None:
        prose.title("Compare", sub="Arms over seeds: which learns faster, which more stably, and how sure that is.")
        with st.container(key="card-nothing"):
            said = "Queue an experiment: its arms and seeds are compared here."
            prose.empty("Nothing to compare yet", said, ("queue", "Queue one", "layers"))
        return
    outages.fragment(_head, key="compare-head")()
    controls(a, {str(e.id): f"{e.name} ({e.id})" for e in cache.experiments()})
    outages.fragment(_body, key="compare-body")()


main()
