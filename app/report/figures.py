"""The charts of a report: those of the Compare page, by name."""

from collections.abc import Callable

from app.charts import compare as figures
from app.charts import compare_truth as truth
from app.live.chart_protocol import Card
from app.report.document import Found
from app.text import theme
from core.compare.answer import ranking

MOST_MARKS = 3  # thresholds that get a chart


def cards(found: Found) -> dict[str, Card]:
    """File name -> chart, in reading order; empty where nothing may be compared."""
    c = found.comparison
    runs = found.runs
    score = found.document.primary[0]
    if not c.arms:
        return {}
    looks = theme.looks([(r.variant, r.structure) for r in found.rows])
    ranked = [a.name for a in ranking(c, score)]
    looks = {name: looks[name] for name in dict.fromkeys((*ranked, *looks))}
    make_by_name: dict[str, Callable[[], Card]] = {"gold-accuracy": lambda: figures.curves(c, runs, looks)}
    height = 110 + 24 * len(c.arms)
    for i, mark in enumerate(c.thresholds[:MOST_MARKS]):
        make_by_name[f"steps-to-threshold-{i + 1}"] = lambda mark=mark: figures.times(c, looks, mark, height)  # type: ignore[misc]
    if len(c.arms) > 1:
        make_by_name["improvement"] = lambda: figures.improvement(c, looks, score, max(height, 260))
        base = ranked[1] if len(ranked) > 1 else ""
        if base:
            make_by_name["differences"] = lambda: figures.differences(c, looks, score, base, 320)
    make_by_name["profiles"] = lambda: truth.profiles(c, looks, score, 320)
    make_by_name["reward-against-gold"] = lambda: truth.reward_per_gold(c, runs, looks, 360)
    make_by_name["gold-per-kl"] = lambda: truth.gold_per_kl(c, runs, looks, 360)
    make_by_name["dead-groups"] = lambda: figures.curves(c, runs, looks, "signal/dead_groups", height=320)
    return {name: make() for name, make in make_by_name.items()}
