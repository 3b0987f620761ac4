"""The tables of a comparison. Called by the Compare page and by reports, which draw the same cells. Pure.

Every cell has the ids of the runs its number is of, and the step where it is of one step. Nothing is computed here that
core.compare.comparison has not.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

from core.compare import saying
from core.compare.catalogue import SCORES
from core.compare.comparison import Arm, ArmScore, Comparison, HeldOut, Pair
from core.compare.evidence import OUTCOMES
from core.compare.seeds import Interval
from core.compare.survival import Arrival
from core.compare.table import NONE, Cell, Column, Table
from core.metrics import count

SHOWN = (
    "gold/auc", "gold/final", "risk/drawdown_tail", "gold/gain", "gold/late", "gold/best", "gold/fall", "risk/max_drawdown",
    "noise/dispersion", "kl/spent", "kl/area", "signal/dead_groups", "spikes/grad_norm", "spikes/kl", "spikes/loss",
    "spikes/length", "health/missing",
)  # fmt: skip
AT_THE_END = ("gold/final", "kl/spent")  # of the last evaluation alone


def tables(c: Comparison, primary: Sequence[str] = ()) -> tuple[Table, ...]:
    """Every table that has something to say. `primary`: scores that were fixed before the runs; they come first."""
    made = (
        arms_table(c, primary),
        pairs_table(c),
        times_table(c),
        held_out_table(c),
        spread_table(c, primary),
        seeds_table(c, primary),
        outcomes_table(c),
    )
    return tuple(t for t in made if t.rows)


def score_column(key: str) -> Column:
    """The column of a score, with its words."""
    s = SCORES[key]
    return Column(key, s.title, s.unit, s.formula, s.source, s.better)


def in_order(c: Comparison, primary: Sequence[str] = ()) -> list[str]:
    """Keys of the scores that some arm has: the primary ones, then the usual ones. One that nothing recorded is left out."""
    return [key for key in dict.fromkeys((*primary, *SHOWN)) if any(a.scores[key].values for a in c.arms if key in a.scores)]


def arms_table(c: Comparison, primary: Sequence[str] = (), scores: Sequence[str] = ()) -> Table:
    """Arms as rows, scores as columns: mean over seeds with its interval. `scores`: these alone."""
    keys = list(scores) or in_order(c, primary)
    columns = (Column("arm", "Arm"), Column("seeds", "Seeds", "seeds"), *map(score_column, keys))
    rows = tuple((arm_cell(a), _seeds_cell(a), *(score_cell(a, key) for key in keys)) for a in c.arms)
    note = (
        f"Mean over seeds, with the 95 % bootstrap interval where there are enough seeds for one. Gold accuracy up to step "
        f"{c.horizon}."
    )
    return Table("arms", "Arms", note, columns, rows)


def arm_cell(a: Arm) -> Cell:
    """An arm's name, of all its runs."""
    return Cell(a.name, runs=a.runs)


def _seeds_cell(a: Arm) -> Cell:
    ended = [f"{n} {outcome}" for outcome, n in a.outcomes.items() if n and outcome != "complete"]
    return Cell(str(len(a.last)), float(len(a.last)), n=len(a.runs), runs=a.runs, note=", ".join(ended))


def score_cell(a: Arm, key: str) -> Cell:
    """A score of an arm: its mean, and what a reader must know of it."""
    found, unit = a.scores.get(key), SCORES[key].unit
    if found is None or not found.values:
        return Cell(NONE, runs=a.runs, note=_undefined(found) if found else "")
    mean = found.mean
    seeds = tuple(found.values)
    steps = {a.last[s] for s in seeds}
    worse = saying.value(found.worst, unit)
    early = a.outcomes.get("failed", 0) + a.outcomes.get("stopped", 0)
    notes = [_undefined(found)]
    if _lost(a, key, found):
        notes.append(f"{worse} if runs that ended early got nothing right from then on")
    elif early and key not in AT_THE_END:
        notes.append(f"{count(early, 'run')} ended early and {'counts' if early == 1 else 'count'} up to there")
    elif early:
        notes.append(f"of {count(early, 'run')} that ended early the last evaluation there was")
    return Cell(
        saying.value(mean.point, unit), mean.point, mean.low, mean.high, saying.interval(mean.low, mean.high, unit), mean.n,
        tuple(a.seeds[s] for s in seeds), steps.pop() if key in AT_THE_END and len(steps) == 1 else None,
        "; ".join(filter(None, notes)), dict(found.values),
    )  # fmt: skip


def _undefined(found: ArmScore) -> str:
    return f"not defined for {count(found.undefined, 'run')}" if found.undefined else ""


def _lost(a: Arm, key: str, found: ArmScore) -> bool:
    early = a.outcomes.get("failed", 0) + a.outcomes.get("stopped", 0)
    return bool(early) and SCORES[key].better != "" and abs(found.worst - found.mean.point) > 1e-12


def spread_table(c: Comparison, primary: Sequence[str] = ()) -> Table:
    """How far the seeds of each arm lie apart, score by score, and their mean without the extremes."""
    columns = (
        Column("arm", "Arm"), Column("score", "Score"), Column("seeds", "Seeds", "seeds"), score_column("arm/mean"),
        score_column("arm/iqm"), score_column("arm/deviation"), Column("least", "Least", "the score's"),
        Column("largest", "Largest", "the score's"),
    )  # fmt: skip
    rows = tuple(_spread_row(a, key) for key in in_order(c, primary) for a in c.arms if a.scores[key].values)
    note = "Both means with the 95 % bootstrap interval where there are enough seeds for one."
    return Table("spread", "Spread over seeds", note, columns, rows)


def _spread_row(a: Arm, key: str) -> tuple[Cell, ...]:
    found, unit = a.scores[key], SCORES[key].unit
    runs = tuple(a.seeds[s] for s in found.values)
    n, apart = len(runs), found.spread
    assert apart is not None  # there are values
    means = (Cell(saying.value(m.point, unit), m.point, m.low, m.high, saying.interval(m.low, m.high, unit), n, runs)
             for m in (found.mean, found.iqm))  # fmt: skip
    return (
        Cell(a.name, runs=a.runs), Cell(SCORES[key].title, runs=runs), Cell(str(n), float(n), n=n, runs=runs), *means,
        *(Cell(saying.value(x, unit), x, n=n, runs=runs) for x in (apart.deviation, apart.low, apart.high)),
    )  # fmt: skip


def seeds_table(c: Comparison, primary: Sequence[str] = ()) -> Table:
    """Every run on its own: what the means are made of."""
    keys = in_order(c, primary)
    columns = (Column("arm", "Arm"), Column("seed", "Seed"), Column("run", "Run"), *map(score_column, keys))
    rows = tuple(_seed_row(a, seed, run_id, keys) for a in c.arms for seed, run_id in a.seeds.items())
    note = (
        "Every run's own scores; the means of arms are made of these. Behind final and best accuracy: how exactly the held-out "
        "problems know it (Wilson, 95 %)."
    )
    return Table("seeds", "Runs", note, columns, rows)


def _seed_row(a: Arm, seed: int, run_id: int, keys: Sequence[str]) -> tuple[Cell, ...]:
    made = [Cell(a.name, runs=(run_id,)), Cell(str(seed), float(seed), runs=(run_id,)), Cell(str(run_id), runs=(run_id,))]
    for key in keys:
        number = a.scores[key].values.get(seed, float("nan"))
        step = a.last.get(seed) if key in AT_THE_END else None
        known, unit = a.measured.get(key, {}).get(seed), SCORES[key].unit
        low, high = (known.low, known.high) if known else (float("nan"), float("nan"))
        step = known.step if known else step
        between = saying.interval(low, high, unit)
        made.append(Cell(saying.value(number, unit), number, low, high, between, 1, (run_id,), step))
    return tuple(made)


PAIRS = ("pair/improvement", "pair/difference", "pair/p", "pair/p_holm")


def pairs_table(c: Comparison) -> Table:
    """Every pair of arms by every primary score: who wins how often, by how much, and could it be chance."""
    heads = (Column("first", "Arm"), Column("second", "Against"), Column("score", "Score"))
    columns = (*heads, *map(score_column, PAIRS), Column("seeds", "Common seeds", "seeds"))
    arms = {a.name: a for a in c.arms}
    note = (
        "Differences are the first arm's score minus the second's, over the seeds that both have. The corrected p is right for "
        "all rows together."
    )
    return Table("pairs", "Pairs of arms", note, columns, tuple(_pair_row(p, arms[p.first], arms[p.second]) for p in c.pairs))


def _pair_row(p: Pair, one: Arm, two: Arm) -> tuple[Cell, ...]:
    what = SCORES[p.score]
    every = tuple(a.seeds[s] for a in (one, two) for s in a.scores[p.score].values)
    common = tuple(a.seeds[s] for a in (one, two) for s in p.paired.seeds)
    n, mean, wins = len(p.paired.seeds), p.paired.mean, p.improvement
    alone = f"{count(len(p.paired.alone), 'seed')} of one arm only, left out" if p.paired.alone else ""
    least = f"{n} pairs cannot show less than p = {saying.p(p.paired.least_p)}" if n and p.paired.least_p > 0.05 else ""
    gaps = dict(zip(p.paired.seeds, p.paired.differences, strict=True))
    return (
        Cell(one.name, runs=one.runs),
        Cell(two.name, runs=two.runs),
        Cell(what.title, runs=every),
        Cell(_plain(wins.point, 2), wins.point, wins.low, wins.high, _plain_interval(wins), wins.n, every),
        Cell(
            saying.difference(mean.point, what.unit), mean.point, mean.low, mean.high,
            saying.difference_interval(mean.low, mean.high, what.unit), n, common, None, alone, gaps,
        ),
        Cell(saying.p(p.paired.p), p.paired.p, n=n, runs=common, note=least),
        Cell(saying.p(p.p_holm), p.p_holm, n=n, runs=common),
        Cell(str(n), float(n), n=n, runs=common),
    )  # fmt: skip


def _plain(number: float, digits: int) -> str:
    return f"{number:.{digits}f}" if number == number else NONE


def _plain_interval(found: Interval) -> str:
    return f"[{found.low:.2f}, {found.high:.2f}]" if found.low == found.low else ""


EVENTS = ("entropy/half_life", "collapse/step")  # of a run, not of a threshold; shown where it came to one
UNITS = {"steps": "reach/steps", "tokens": "reach/tokens", "seconds": "reach/seconds"}


def times_table(c: Comparison) -> Table:
    """How soon each arm gets to each threshold; runs that never did count as long as they were watched."""
    rows = []
    for mark in c.thresholds:
        for unit in UNITS:
            label = mark.name if mark.name.endswith("%") else f"{mark.name} ({100 * mark.value:.1f} %)"
            rows += [_time_row(a, mark.name, label, mark.value, unit) for a in c.arms if (mark.name, unit) in a.arrivals]
    for key in EVENTS:
        if any((key, "steps") in a.arrivals and a.arrivals[key, "steps"].reached for a in c.arms):
            rows += [
                _time_row(a, key, SCORES[key].title, float("nan"), "steps") for a in c.arms if (key, "steps") in a.arrivals
            ]
    columns = (
        Column("threshold", "Threshold", "share"), Column("unit", "Counted in"), Column("arm", "Arm"),
        score_column("arm/restricted"), score_column("arm/median_time"), Column("reached", "Reached", "runs"),
    )  # fmt: skip
    note = (
        "Restricted mean: a run that never got there counts with the whole limit, which is what every complete run was watched "
        "for. Where runs got there behind it, there is no such mean. Runs whose time nobody knows are named."
    )
    return Table("times", "Times to thresholds", note, columns, tuple(rows))


def _time_row(a: Arm, name: str, label: str, height: float, unit: str) -> tuple[Cell, ...]:
    found: Arrival = a.arrivals[name, unit]
    reaches = a.reaches[name, unit]
    runs = tuple(a.seeds[s] for s in reaches)
    mean = found.restricted
    median = float("nan") if found.median is None else found.median
    half = f"half of the runs of {a.name} never got there" if found.median is None and found.n else ""
    unknown = f"{count(found.unknown, 'run')} more of unknown time" if found.unknown else ""
    times = {s: r.time for s, r in reaches.items() if r is not None}
    within = f"within {saying.value(found.limit, unit)} {unit}"
    restricted = Cell(saying.value(mean.point, unit), mean.point, mean.low, mean.high,
                      saying.interval(mean.low, mean.high, unit), mean.n, runs, None, within, times)  # fmt: skip
    if found.n and not found.reached:  # a mean of nothing but limits is no estimate of a time
        restricted = replace(restricted, text=f"> {restricted.text}", low=math.nan, high=math.nan, interval="")
    if found.late:
        said = (
            f"{found.late} of {found.reached} got there behind the limit of {saying.value(found.limit, unit)}: see the median"
        )
        restricted = Cell(NONE, n=mean.n, runs=runs, note=said, points=times)
    return (
        Cell(label, height, runs=runs),
        Cell(unit, runs=runs),
        Cell(a.name, runs=a.runs),
        restricted,
        Cell("not reached" if half else saying.value(median, unit), median, n=found.n, runs=runs, note=half),
        Cell(f"{found.reached} of {found.n}", float(found.reached), n=found.n, runs=runs, note=unknown),
    )  # fmt: skip


def held_out_table(c: Comparison) -> Table:
    """Pairs of arms on the held-out problems of their last evaluation."""
    columns = (
        Column("first", "Arm"), Column("second", "Against"), Column("gained", "Gained", "problems"),
        Column("lost", "Lost", "problems"), Column("equal", "Equal", "problems"), Column("difference", "Difference", "share"),
        score_column("pair/held_out"), Column("held_out_holm", "p, corrected", "share", SCORES["pair/p_holm"].formula),
    )  # fmt: skip
    note = "Of these policies on problems like these. Of other seeds it says nothing: the pairs above do."
    arms = {a.name: a for a in c.arms}
    rows = tuple(_held_out_row(h, arms[h.first], arms[h.second]) for h in c.held_out)
    return Table("held-out", "Held-out problems", note, columns, rows)


def _held_out_row(h: HeldOut, one: Arm, two: Arm) -> tuple[Cell, ...]:
    common = [s for s in one.last if s in two.last]
    runs = tuple(a.seeds[s] for a in (one, two) for s in common)
    steps = {a.last[s] for a in (one, two) for s in common}
    step = steps.pop() if len(steps) == 1 else None
    gained, lost, n = len(h.found.gained), len(h.found.lost), len(h.found.gained) + len(h.found.lost) + h.found.equal
    numbers = [(str(x), float(x)) for x in (gained, lost, h.found.equal)]
    numbers += [(saying.difference(h.found.difference, "share"), h.found.difference)]
    numbers += [(saying.p(x), x) for x in (h.found.p, h.p_holm)]
    named = (Cell(one.name, runs=one.runs), Cell(two.name, runs=two.runs))
    return (*named, *(Cell(text, x, n=n, runs=runs, step=step) for text, x in numbers))


def outcomes_table(c: Comparison) -> Table:
    """How the runs of each arm ended: none is left out of this count."""
    columns = (Column("arm", "Arm"), Column("runs", "Runs", "runs"), *(Column(o, o.capitalize(), "runs") for o in OUTCOMES))
    rows = tuple(
        (
            arm_cell(a),
            Cell(str(len(a.runs)), float(len(a.runs)), n=len(a.runs), runs=a.runs),
            *(Cell(str(a.outcomes[o]), float(a.outcomes[o]), n=len(a.runs), runs=a.runs) for o in OUTCOMES),
        )
        for a in c.arms
    )
    return Table("outcomes", "How runs ended", "Every run is counted, also those that are in no mean.", columns, rows)
