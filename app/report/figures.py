"""The charts of a report: those of the Compare page, by name. Called by the modules beside it."""

from collections.abc import Callable

from app import theme
from app.figures import compare as figures
from app.figures import compare_truth as truth
from app.report.document import Found
from app.wire import Card
from core.compare.answer import ranking

MOST_MARKS = 3  # thresholds that get a chart


def cards(found: Found) -> dict[str, Card]:
    """File name -> chart, in the order in which one reads them; empty where nothing may be compared."""
    c, runs, score = found.comparison, found.runs, found.document.primary[0]
    if not c.arms:
        return {}
    looks = theme.looks([(r.variant, r.structure) for r in found.rows])
    ranked = [a.name for a in ranking(c, score)]
    looks = {name: looks[name] for name in dict.fromkeys((*ranked, *looks))}
    made: dict[str, Callable[[], Card]] = {"gold-accuracy": lambda: figures.curves(c, runs, looks)}
    high = 110 + 24 * len(c.arms)
    for i, mark in enumerate(c.thresholds[:MOST_MARKS]):
        made[f"steps-to-threshold-{i + 1}"] = lambda mark=mark: figures.times(c, looks, mark, high)  # type: ignore[misc]
    if len(c.arms) > 1:
        made["improvement"] = lambda: figures.improvement(c, looks, score, max(high, 260))
        base = ranked[1] if len(ranked) > 1 else ""
        if base:
            made["differences"] = lambda: figures.differences(c, looks, score, base, 320)
    made["profiles"] = lambda: truth.profiles(c, looks, score, 320)
    made["reward-against-gold"] = lambda: truth.reward_per_gold(c, runs, looks, 360)
    made["gold-per-kl"] = lambda: truth.gold_per_kl(c, runs, looks, 360)
    made["dead-groups"] = lambda: figures.curves(c, runs, looks, "signal/dead_groups", height=320)
    return {name: make() for name, make in made.items()}
