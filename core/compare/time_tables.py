"""The times to thresholds of a comparison as a table."""

import math
from dataclasses import replace

from core.compare import formatting
from core.compare.catalogue import SCORES
from core.compare.comparison import Arm, Comparison
from core.compare.stats.time_to_threshold import Arrival
from core.compare.table import NONE, Cell, Column, Table, score_column
from core.metrics import count

# Events of a run, without a threshold; shown where one occurred.
EVENTS = ("entropy/half_life", "collapse/step")
UNITS = {"steps": "reach/steps", "tokens": "reach/tokens", "seconds": "reach/seconds"}


def times_table(c: Comparison) -> Table:
    """How soon each arm gets to each threshold; runs that never did count as long as they were watched."""
    rows = []
    for mark in c.thresholds:
        for unit in UNITS:
            label = mark.name if mark.name.endswith("%") else f"{mark.name} ({100 * mark.value:.1f} %)"
            rows += [
                _time_row(a, mark.name, label, mark.value, unit)
                for a in c.arms
                if (mark.name, unit) in a.arrivals
            ]
    for key in EVENTS:
        if any((key, "steps") in a.arrivals and a.arrivals[key, "steps"].reached for a in c.arms):
            rows += [
                _time_row(a, key, SCORES[key].title, float("nan"), "steps")
                for a in c.arms
                if (key, "steps") in a.arrivals
            ]
    columns = (
        Column("threshold", "Threshold", "share"),
        Column("unit", "Counted in"),
        Column("arm", "Arm"),
        score_column("arm/restricted"),
        score_column("arm/median_time"),
        Column("reached", "Reached", "runs"),
    )
    note = (
        "Restricted mean: a run that never got there counts with the whole limit, which is what every "
        "complete run was watched for. Where runs got there behind it, there is no such mean. Runs whose "
        "time nobody knows are named."
    )
    return Table("times", "Times to thresholds", note, columns, tuple(rows))


def _time_row(a: Arm, name: str, label: str, height: float, unit: str) -> tuple[Cell, ...]:
    arrival: Arrival = a.arrivals[name, unit]
    reaches = a.reaches[name, unit]
    runs = tuple(a.seeds[s] for s in reaches)
    mean = arrival.restricted
    median = float("nan") if arrival.median is None else arrival.median
    half = f"half of the runs of {a.name} never got there" if arrival.median is None and arrival.n else ""
    unknown = f"{count(arrival.unknown, 'run')} more of unknown time" if arrival.unknown else ""
    times = {s: r.time for s, r in reaches.items() if r is not None}
    within = f"within {formatting.value(arrival.limit, unit)} {unit}"
    restricted = Cell(
        formatting.value(mean.point, unit),
        mean.point,
        mean.low,
        mean.high,
        formatting.interval(mean.low, mean.high, unit),
        mean.n,
        runs,
        None,
        within,
        times,
    )
    if arrival.n and not arrival.reached:  # a mean of nothing but limits does not estimate a time
        restricted = replace(
            restricted, text=f"> {restricted.text}", low=math.nan, high=math.nan, interval=""
        )
    if arrival.late:
        note = (
            f"{arrival.late} of {arrival.reached} got there behind the limit of "
            f"{formatting.value(arrival.limit, unit)}: see the median"
        )
        restricted = Cell(NONE, n=mean.n, runs=runs, note=note, points=times)
    return (
        Cell(label, height, runs=runs),
        Cell(unit, runs=runs),
        Cell(a.name, runs=a.runs),
        restricted,
        Cell(
            "not reached" if half else formatting.value(median, unit),
            median,
            n=arrival.n,
            runs=runs,
            note=half,
        ),
        Cell(
            f"{arrival.reached} of {arrival.n}", float(arrival.reached), n=arrival.n, runs=runs, note=unknown
        ),
    )
