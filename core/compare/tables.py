"""The tables of a comparison. Pure.

Every cell has the ids of the runs behind its number, and the step where it is from one step. Nothing is
computed here that core.compare.comparison has not computed.
"""

from collections.abc import Sequence

from core.compare import formatting
from core.compare.catalogue import SCORES
from core.compare.comparison import Arm, ArmScore, Comparison, HeldOut, Pair
from core.compare.evidence import OUTCOMES
from core.compare.stats.bootstrap import Interval
from core.compare.table import NONE, Cell, Column, Table, score_column
from core.compare.time_tables import times_table
from core.metrics import count

SHOWN = (
    "gold/auc", "gold/final", "risk/drawdown_tail", "gold/gain", "gold/late", "gold/best", "gold/fall",
    "risk/max_drawdown", "noise/dispersion", "kl/spent", "kl/area", "signal/dead_groups", "spikes/grad_norm",
    "spikes/kl", "spikes/loss", "spikes/length", "health/missing",
)  # fmt: skip
AT_THE_END = ("gold/final", "kl/spent")  # scores of the last evaluation alone


def tables(c: Comparison, primary: Sequence[str] = ()) -> tuple[Table, ...]:
    """Every table that has rows.

    `primary`: scores that were fixed before the runs; they come first.
    """
    candidates = (
        arms_table(c, primary),
        pairs_table(c),
        times_table(c),
        held_out_table(c),
        spread_table(c, primary),
        seeds_table(c, primary),
        outcomes_table(c),
    )
    return tuple(t for t in candidates if t.rows)


def in_order(c: Comparison, primary: Sequence[str] = ()) -> list[str]:
    """Keys of the scores that some arm has: the primary ones, then the usual ones."""
    return [
        key
        for key in dict.fromkeys((*primary, *SHOWN))
        if any(a.scores[key].values for a in c.arms if key in a.scores)
    ]


def arms_table(c: Comparison, primary: Sequence[str] = (), scores: Sequence[str] = ()) -> Table:
    """Arms as rows, scores as columns: mean over seeds with its interval.

    `scores`: show these alone.
    """
    keys = list(scores) or in_order(c, primary)
    columns = (Column("arm", "Arm"), Column("seeds", "Seeds", "seeds"), *map(score_column, keys))
    rows = tuple((arm_cell(a), _seeds_cell(a), *(score_cell(a, key) for key in keys)) for a in c.arms)
    note = (
        "Mean over seeds, with the 95 % bootstrap interval where there are enough seeds for one. Gold "
        f"accuracy up to step {c.horizon}."
    )
    return Table("arms", "Arms", note, columns, rows)


def arm_cell(a: Arm) -> Cell:
    """An arm's name, with the ids of all its runs."""
    return Cell(a.name, runs=a.runs)


def _seeds_cell(a: Arm) -> Cell:
    ended = [f"{n} {outcome}" for outcome, n in a.outcomes.items() if n and outcome != "complete"]
    return Cell(str(len(a.last)), float(len(a.last)), n=len(a.runs), runs=a.runs, note=", ".join(ended))


def score_cell(a: Arm, key: str) -> Cell:
    """A score of an arm: its mean, and what a reader must know about it."""
    arm_score = a.scores.get(key)
    unit = SCORES[key].unit
    if arm_score is None or not arm_score.values:
        return Cell(NONE, runs=a.runs, note=_undefined(arm_score) if arm_score else "")
    mean = arm_score.mean
    seeds = tuple(arm_score.values)
    steps = {a.last[s] for s in seeds}
    worse = formatting.value(arm_score.worst, unit)
    early = a.outcomes.get("failed", 0) + a.outcomes.get("stopped", 0)
    notes = [_undefined(arm_score)]
    if _lost(a, key, arm_score):
        notes.append(f"{worse} if runs that ended early got nothing right from then on")
    elif early and key not in AT_THE_END:
        notes.append(
            f"{count(early, 'run')} ended early and {'counts' if early == 1 else 'count'} up to there"
        )
    elif early:
        notes.append(f"of {count(early, 'run')} that ended early the last evaluation there was")
    return Cell(
        formatting.value(mean.point, unit),
        mean.point,
        mean.low,
        mean.high,
        formatting.interval(mean.low, mean.high, unit),
        mean.n,
        tuple(a.seeds[s] for s in seeds),
        steps.pop() if key in AT_THE_END and len(steps) == 1 else None,
        "; ".join(filter(None, notes)),
        dict(arm_score.values),
    )


def _undefined(found: ArmScore) -> str:
    return f"not defined for {count(found.undefined, 'run')}" if found.undefined else ""


def _lost(a: Arm, key: str, found: ArmScore) -> bool:
    early = a.outcomes.get("failed", 0) + a.outcomes.get("stopped", 0)
    return bool(early) and SCORES[key].better != "" and abs(found.worst - found.mean.point) > 1e-12


def spread_table(c: Comparison, primary: Sequence[str] = ()) -> Table:
    """How far the seeds of each arm lie apart, score by score, and their mean without the extremes."""
    columns = (
        Column("arm", "Arm"),
        Column("score", "Score"),
        Column("seeds", "Seeds", "seeds"),
        score_column("arm/mean"),
        score_column("arm/iqm"),
        score_column("arm/deviation"),
        Column("least", "Least", "the score's"),
        Column("largest", "Largest", "the score's"),
    )
    rows = tuple(_spread_row(a, key) for key in in_order(c, primary) for a in c.arms if a.scores[key].values)
    note = "Both means with the 95 % bootstrap interval where there are enough seeds for one."
    return Table("spread", "Spread over seeds", note, columns, rows)


def _spread_row(a: Arm, key: str) -> tuple[Cell, ...]:
    arm_score = a.scores[key]
    unit = SCORES[key].unit
    runs = tuple(a.seeds[s] for s in arm_score.values)
    n = len(runs)
    spread = arm_score.spread
    assert spread is not None  # there are values
    means = (
        Cell(
            formatting.value(m.point, unit),
            m.point,
            m.low,
            m.high,
            formatting.interval(m.low, m.high, unit),
            n,
            runs,
        )
        for m in (arm_score.mean, arm_score.iqm)
    )
    return (
        Cell(a.name, runs=a.runs),
        Cell(SCORES[key].title, runs=runs),
        Cell(str(n), float(n), n=n, runs=runs),
        *means,
        *(
            Cell(formatting.value(x, unit), x, n=n, runs=runs)
            for x in (spread.deviation, spread.low, spread.high)
        ),
    )


def seeds_table(c: Comparison, primary: Sequence[str] = ()) -> Table:
    """Every run on its own: the numbers that the means are taken over."""
    keys = in_order(c, primary)
    columns = (Column("arm", "Arm"), Column("seed", "Seed"), Column("run", "Run"), *map(score_column, keys))
    rows = tuple(_seed_row(a, seed, run_id, keys) for a in c.arms for seed, run_id in a.seeds.items())
    note = (
        "Every run's own scores; the means of arms are made of these. Behind final and best accuracy: how "
        "exactly the held-out problems know it (Wilson, 95 %)."
    )
    return Table("seeds", "Runs", note, columns, rows)


def _seed_row(a: Arm, seed: int, run_id: int, keys: Sequence[str]) -> tuple[Cell, ...]:
    cells = [
        Cell(a.name, runs=(run_id,)),
        Cell(str(seed), float(seed), runs=(run_id,)),
        Cell(str(run_id), runs=(run_id,)),
    ]
    for key in keys:
        number = a.scores[key].values.get(seed, float("nan"))
        step = a.last.get(seed) if key in AT_THE_END else None
        measurement = a.measured.get(key, {}).get(seed)
        unit = SCORES[key].unit
        low, high = (measurement.low, measurement.high) if measurement else (float("nan"), float("nan"))
        step = measurement.step if measurement else step
        between = formatting.interval(low, high, unit)
        cells.append(Cell(formatting.value(number, unit), number, low, high, between, 1, (run_id,), step))
    return tuple(cells)


PAIRS = ("pair/improvement", "pair/difference", "pair/p", "pair/p_holm")


def pairs_table(c: Comparison) -> Table:
    """Every pair of arms by every primary score: who wins how often, by how much, and could it be chance."""
    heads = (Column("first", "Arm"), Column("second", "Against"), Column("score", "Score"))
    columns = (*heads, *map(score_column, PAIRS), Column("seeds", "Common seeds", "seeds"))
    arms = {a.name: a for a in c.arms}
    note = (
        "Differences are the first arm's score minus the second's, over the seeds that both have. The "
        "corrected p is right for all rows together."
    )
    return Table(
        "pairs",
        "Pairs of arms",
        note,
        columns,
        tuple(_pair_row(p, arms[p.first], arms[p.second]) for p in c.pairs),
    )


def _pair_row(p: Pair, one: Arm, two: Arm) -> tuple[Cell, ...]:
    entry = SCORES[p.score]
    every = tuple(a.seeds[s] for a in (one, two) for s in a.scores[p.score].values)
    common = tuple(a.seeds[s] for a in (one, two) for s in p.paired.seeds)
    n = len(p.paired.seeds)
    mean = p.paired.mean
    wins = p.improvement
    alone = f"{count(len(p.paired.alone), 'seed')} of one arm only, left out" if p.paired.alone else ""
    p_note = (
        f"{n} pairs cannot show less than p = {formatting.p(p.paired.least_p)}"
        if n and p.paired.least_p > 0.05
        else ""
    )
    gaps = dict(zip(p.paired.seeds, p.paired.differences, strict=True))
    return (
        Cell(one.name, runs=one.runs),
        Cell(two.name, runs=two.runs),
        Cell(entry.title, runs=every),
        Cell(_plain(wins.point, 2), wins.point, wins.low, wins.high, _plain_interval(wins), wins.n, every),
        Cell(
            formatting.difference(mean.point, entry.unit),
            mean.point,
            mean.low,
            mean.high,
            formatting.difference_interval(mean.low, mean.high, entry.unit),
            n,
            common,
            None,
            alone,
            gaps,
        ),
        Cell(formatting.p(p.paired.p), p.paired.p, n=n, runs=common, note=p_note),
        Cell(formatting.p(p.p_holm), p.p_holm, n=n, runs=common),
        Cell(str(n), float(n), n=n, runs=common),
    )


def _plain(number: float, digits: int) -> str:
    return f"{number:.{digits}f}" if number == number else NONE


def _plain_interval(found: Interval) -> str:
    return f"[{found.low:.2f}, {found.high:.2f}]" if found.low == found.low else ""


def held_out_table(c: Comparison) -> Table:
    """Pairs of arms on the held-out problems of their last evaluation."""
    columns = (
        Column("first", "Arm"),
        Column("second", "Against"),
        Column("gained", "Gained", "problems"),
        Column("lost", "Lost", "problems"),
        Column("equal", "Equal", "problems"),
        Column("difference", "Difference", "share"),
        score_column("pair/held_out"),
        Column("held_out_holm", "p, corrected", "share", SCORES["pair/p_holm"].formula),
    )
    note = "Of these policies on problems like these. Of other seeds it says nothing: the pairs above do."
    arms = {a.name: a for a in c.arms}
    rows = tuple(_held_out_row(h, arms[h.first], arms[h.second]) for h in c.held_out)
    return Table("held-out", "Held-out problems", note, columns, rows)


def _held_out_row(h: HeldOut, one: Arm, two: Arm) -> tuple[Cell, ...]:
    common = [s for s in one.last if s in two.last]
    runs = tuple(a.seeds[s] for a in (one, two) for s in common)
    steps = {a.last[s] for a in (one, two) for s in common}
    step = steps.pop() if len(steps) == 1 else None
    gained = len(h.found.gained)
    lost = len(h.found.lost)
    n = len(h.found.gained) + len(h.found.lost) + h.found.equal
    numbers = [(str(x), float(x)) for x in (gained, lost, h.found.equal)]
    numbers += [(formatting.difference(h.found.difference, "share"), h.found.difference)]
    numbers += [(formatting.p(x), x) for x in (h.found.p, h.p_holm)]
    named = (Cell(one.name, runs=one.runs), Cell(two.name, runs=two.runs))
    return (*named, *(Cell(text, x, n=n, runs=runs, step=step) for text, x in numbers))


def outcomes_table(c: Comparison) -> Table:
    """How the runs of each arm ended: none is left out of this count."""
    columns = (
        Column("arm", "Arm"),
        Column("runs", "Runs", "runs"),
        *(Column(o, o.capitalize(), "runs") for o in OUTCOMES),
    )
    rows = tuple(
        (
            arm_cell(a),
            Cell(str(len(a.runs)), float(len(a.runs)), n=len(a.runs), runs=a.runs),
            *(Cell(str(a.outcomes[o]), float(a.outcomes[o]), n=len(a.runs), runs=a.runs) for o in OUTCOMES),
        )
        for a in c.arms
    )
    return Table(
        "outcomes", "How runs ended", "Every run is counted, also those that are in no mean.", columns, rows
    )
