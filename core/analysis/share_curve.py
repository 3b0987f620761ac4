"""Compares what a mix weighs with what it trains, along its schedule, on stored samples.

GRPO divides by the spread inside each group, so a side's weight is not its share of the advantage. In a group
where a side is equal for all samples it has no share at all, whatever it weighs. Pure arithmetic; NaN: not
defined for this mix.
"""

from dataclasses import dataclass

import numpy as np

from core.analysis.preflight import MOST_FOR_CURVE, at_step
from core.analysis.sample_table import SampleTable
from core.common.groups import BoolArray, FloatArray
from core.common.progress import Progress, nothing
from core.rewards.advantage import shares
from core.rewards.mix import Mix

POINTS = 51


@dataclass(frozen=True)
class Kind:
    """Groups of one kind.

    Their share of all groups, their terms' shares [K] of the advantage, and the mean |advantage|.
    """

    name: str
    groups: float
    shares: FloatArray
    size: float


@dataclass(frozen=True)
class Moment:
    """One step of the schedule.

    The hard side's weight, each term's share [K] of the advantage's variance, and the kinds of groups.
    """

    step: int
    weight: float
    shares: FloatArray
    kinds: tuple[Kind, ...]


@dataclass(frozen=True)
class Dial:
    """Weights and shares along the schedule.

    [p] steps and the hard side's weight, [p, K] shares in all groups (`shares`) and in those without a right
    answer (`wrong`), and the step looked at (`now`). `hard`, `continuous` [K]: the term is on that side.
    """

    terms: tuple[str, ...]
    hard: BoolArray
    continuous: BoolArray
    steps: tuple[int, ...]
    weight: FloatArray
    shares: FloatArray
    wrong: FloatArray
    now: Moment

    @property
    def defined(self) -> bool:
        return not bool(np.isnan(self.shares).any())

    @property
    def widest(self) -> float:
        """The largest gap between the hard side's weight and its share."""
        return float(np.abs(self.shares[:, self.hard].sum(axis=1) - self.weight).max())


def kinds_of(table: SampleTable) -> dict[str, BoolArray]:
    """Kind -> [n] whether the sample's group is of that kind."""
    right = table.groups.mean(table.correct.astype(float))[table.groups.index]
    return {"all wrong": right == 0, "mixed": (right > 0) & (right < 1), "all right": right == 1}


def dial(table: SampleTable, mix: Mix, max_steps: int, step: int, progress: Progress = nothing) -> Dial:
    """Evaluate a mix (schedules in steps) on a table, as if its samples had been made at each step."""
    table = table.thinned(MOST_FOR_CURVE)
    raw = table.matrix(mix)
    kinds = kinds_of(table)
    steps = sorted({max(1, round(x)) for x in np.linspace(1, max_steps, POINTS)})
    everyone = np.ones(len(table), dtype=bool)
    wrong = kinds["all wrong"]
    shares_by_point = []
    for index, point in enumerate(steps):
        progress(index / len(steps))
        shares_by_point.append(_shares(table, mix, raw, point, [everyone, wrong]))
    return Dial(
        terms=mix.labels,
        hard=np.array([t.side == "hard" for t in mix.terms]),
        continuous=np.array([t.side == "continuous" for t in mix.terms]),
        steps=tuple(steps),
        weight=np.array([mix.hard_share(point) for point in steps]),
        shares=np.array([pair[0] for pair in shares_by_point]),
        wrong=np.array([pair[1] for pair in shares_by_point]),
        now=_moment(table, mix, raw, max(1, step), kinds),
    )


def _shares(
    table: SampleTable, mix: Mix, raw: FloatArray, step: int, among: list[BoolArray]
) -> list[FloatArray]:
    combined = at_step(table, mix, raw, step)
    if mix.rule.type != "sum":  # a total that is not a sum of parts has a variance without shares
        return [np.full(len(mix.terms), np.nan) for _ in among]
    return [shares(mix.advantage, combined.totals, rows) for rows in among]


def _moment(table: SampleTable, mix: Mix, raw: FloatArray, step: int, kinds: dict[str, BoolArray]) -> Moment:
    sizes = np.abs(at_step(table, mix, raw, step).advantage)
    overall, *parts = _shares(table, mix, raw, step, [np.ones(len(table), dtype=bool), *kinds.values()])
    summaries = [
        Kind(
            name,
            len(np.unique(table.groups.index[rows])) / table.groups.count,
            part,
            float(sizes[rows].mean()) if rows.any() else 0.0,
        )
        for (name, rows), part in zip(kinds.items(), parts, strict=True)
    ]
    return Moment(step, mix.hard_share(step), overall, tuple(summaries))
