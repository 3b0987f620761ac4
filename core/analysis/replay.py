"""Replay: what another mix would have given the samples of a run.

Totals, ranks, advantages, dead groups, and who gains and loses most. It says nothing about what training with
that mix would have done: other rewards make other policies, and other policies other samples. Pure arithmetic
over a SampleTable.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.analysis.agreement import auroc, spearman
from core.analysis.sample_table import SampleTable
from core.common.groups import BoolArray, FloatArray, Groups, IntArray
from core.common.progress import Progress, nothing
from core.rewards.advantage import dead
from core.rewards.engine import Combined, RewardEngine, combine, signals
from core.rewards.mix import Mix

AT_ONCE = 65_536  # samples of a mix without memory: few enough for regular progress and cancelling


@dataclass(frozen=True)
class Outcome:
    """What a mix makes of a table.

    [n] total and advantage, [g] dead groups, [steps] the share of dead groups in each step.
    """

    total: FloatArray
    advantage: FloatArray
    dead: BoolArray
    steps: IntArray
    dead_share: FloatArray


def run(
    table: SampleTable, mix: Mix, progress: Progress = nothing, kl: Mapping[int, float] | None = None
) -> Outcome:
    """Score every sample under a mix whose schedules are in steps.

    A mix with memory is taken step by step, in order; any other in pieces of whole steps, which gives the
    same result. `kl`: step -> KL to the start, as the evaluation after that step of the run measured it;
    adaptive schedules may watch it.
    """
    raw = table.matrix(mix)
    if mix.stateless:
        total, advantage, is_dead = _in_pieces(table, mix, raw, progress)
    else:
        total, advantage, is_dead = _in_order(table, mix, raw, progress, kl or {})
    order = np.unique(table.step)
    of_group = np.zeros(table.groups.count, dtype=np.int64)
    of_group[table.groups.index] = np.searchsorted(order, table.step)
    counts = np.maximum(np.bincount(of_group, minlength=len(order)), 1)
    return Outcome(total, advantage, is_dead, order, np.bincount(of_group, is_dead, len(order)) / counts)


def _in_pieces(
    table: SampleTable, mix: Mix, raw: FloatArray, progress: Progress
) -> tuple[FloatArray, FloatArray, BoolArray]:
    total = np.empty(len(table))
    advantage = np.empty(len(table))
    is_dead = np.zeros(table.groups.count, dtype=bool)
    # the last sample of each step, which says which piece has the step
    last_sample = np.cumsum(np.bincount(table.batches.index)) - 1
    piece = (last_sample // AT_ONCE)[table.batches.index]
    order = np.argsort(piece, kind="stable")
    processed = 0
    for rows in np.split(order, np.flatnonzero(np.diff(piece[order])) + 1):
        groups = Groups.of(table.group[rows])
        combined = combine(
            mix, raw[rows], table.step[rows].astype(float), groups, Groups.of(table.step[rows]),
            table.correct[rows], table.mean_nll[rows],
        )  # fmt: skip
        total[rows] = combined.total
        advantage[rows] = combined.advantage
        is_dead[table.groups.index[rows]] = dead(mix.advantage, combined.totals, combined.advantage)[
            groups.index
        ]
        processed += len(rows)
        progress(processed / max(1, len(table)))
    return total, advantage, is_dead


def _in_order(
    table: SampleTable, mix: Mix, raw: FloatArray, progress: Progress, kl: Mapping[int, float]
) -> tuple[FloatArray, FloatArray, BoolArray]:
    engine = RewardEngine(mix)
    total = np.empty(len(table))
    advantage = np.empty(len(table))
    is_dead = np.zeros(table.groups.count, dtype=bool)
    members = sorted(table.batches.members(), key=lambda rows: int(table.step[rows[0]]))
    if 0 in kl:
        engine.observe_evaluation(kl[0], 0)
    starts = [int(table.step[rows[0]]) for rows in members]
    for index, rows in enumerate(members):
        groups = Groups.of(table.group[rows])
        combined: Combined = combine(
            mix, raw[rows], table.step[rows].astype(float), groups, Groups.one(len(rows)),
            table.correct[rows], table.mean_nll[rows], engine.shapings, engine.adapted,
        )  # fmt: skip
        total[rows] = combined.total
        advantage[rows] = combined.advantage
        dead_groups = dead(mix.advantage, combined.totals, combined.advantage)
        is_dead[table.groups.index[rows]] = dead_groups[groups.index]
        engine.observe(signals(table.correct[rows], combined.total, dead_groups, groups))
        following = starts[index + 1] if index + 1 < len(starts) else float("inf")
        for step in sorted(kl):  # also for steps without samples, which trained further on these
            if starts[index] <= step < following:
                engine.observe_evaluation(kl[step], step)
        progress((index + 1) / len(members))
    return total, advantage, is_dead


@dataclass(frozen=True)
class Change:
    """The difference between two mixes on the same samples.

    `rank_agreement`: mean Spearman correlation of the totals inside groups. `flipped`: share of samples whose
    advantage changed its sign. `gains`, `losses`: row numbers, most changed advantage first.
    """

    samples: int
    dead_before: float
    dead_after: float
    auroc_before: float
    auroc_after: float
    rank_agreement: float
    flipped: float
    gains: IntArray
    losses: IntArray


def compare(table: SampleTable, before: Outcome, after: Outcome, most: int = 20) -> Change:
    """What changes from one mix to another. `most`: how many gains and losses are listed."""
    moved = after.advantage - before.advantage
    order = np.argsort(moved, kind="stable")
    return Change(
        samples=len(table),
        dead_before=float(before.dead.mean()),
        dead_after=float(after.dead.mean()),
        auroc_before=auroc(before.total, table.correct, table.groups),
        auroc_after=auroc(after.total, table.correct, table.groups),
        rank_agreement=spearman(before.total, after.total, table.groups),
        flipped=float((before.advantage * after.advantage < 0).mean()),
        gains=order[::-1][:most][moved[order[::-1][:most]] > 0],
        losses=order[:most][moved[order[:most]] < 0],
    )
