"""What a mix weighs against what it trains, along its schedule, on stored samples. Called by the design page.

GRPO divides by the spread inside each group, so a side's weight is not its share of the advantage, and in a group where a
side is equal for all samples it has no share at all, whatever it weighs. Pure arithmetic; NaN: not defined for this mix.
"""

from dataclasses import dataclass

import numpy as np

from core.advantage import shares
from core.groups import BoolArray, FloatArray
from core.mix import Mix
from core.preflight import MOST_FOR_CURVE, at_step
from core.progress import Progress, nothing
from core.table import SampleTable

POINTS = 51


@dataclass(frozen=True)
class Kind:
    """Groups of one kind: their share of all groups, their terms' shares [K] of the advantage, and the mean |advantage|."""

    name: str
    groups: float
    shares: FloatArray
    size: float


@dataclass(frozen=True)
class Moment:
    """One step: the hard side's weight, each term's share [K] of the advantage's variance, and the kinds of groups."""

    step: int
    weight: float
    shares: FloatArray
    kinds: tuple[Kind, ...]


@dataclass(frozen=True)
class Dial:
    """Along the schedule: [p] steps and the hard side's weight, [p, K] shares in all groups and in those without a right
    answer; and the step looked at. `hard`, `continuous` [K]: the term is on that side."""

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
    """Kind -> [n] samples whose group is of it."""
    right = table.groups.mean(table.correct.astype(float))[table.groups.index]
    return {"all wrong": right == 0, "mixed": (right > 0) & (right < 1), "all right": right == 1}


def dial(table: SampleTable, mix: Mix, max_steps: int, step: int, progress: Progress = nothing) -> Dial:
    """A mix (schedules in steps) on a table of samples, as if they had been made at each of the steps."""
    table = table.thinned(MOST_FOR_CURVE)
    raw, kinds = table.matrix(mix), kinds_of(table)
    steps = sorted({max(1, round(x)) for x in np.linspace(1, max_steps, POINTS)})
    everyone, wrong = np.ones(len(table), dtype=bool), kinds["all wrong"]
    found = []
    for done, at in enumerate(steps):
        progress(done / len(steps))
        found.append(_shares(table, mix, raw, at, [everyone, wrong]))
    return Dial(
        terms=mix.labels,
        hard=np.array([t.side == "hard" for t in mix.terms]),
        continuous=np.array([t.side == "continuous" for t in mix.terms]),
        steps=tuple(steps),
        weight=np.array([mix.hard_share(at) for at in steps]),
        shares=np.array([both[0] for both in found]),
        wrong=np.array([both[1] for both in found]),
        now=_moment(table, mix, raw, max(1, step), kinds),
    )


def _shares(table: SampleTable, mix: Mix, raw: FloatArray, step: int, among: list[BoolArray]) -> list[FloatArray]:
    made = at_step(table, mix, raw, step)
    if mix.rule.type != "sum":  # a total that is no sum of parts has a variance without shares
        return [np.full(len(mix.terms), np.nan) for _ in among]
    return [shares(mix.advantage, made.totals, rows) for rows in among]


def _moment(table: SampleTable, mix: Mix, raw: FloatArray, step: int, kinds: dict[str, BoolArray]) -> Moment:
    sizes = np.abs(at_step(table, mix, raw, step).advantage)
    whole, *parts = _shares(table, mix, raw, step, [np.ones(len(table), dtype=bool), *kinds.values()])
    found = [
        Kind(
            name,
            len(np.unique(table.groups.index[rows])) / table.groups.count,
            part,
            float(sizes[rows].mean()) if rows.any() else 0.0,
        )
        for (name, rows), part in zip(kinds.items(), parts, strict=True)
    ]
    return Moment(step, mix.hard_share(step), whole, tuple(found))
