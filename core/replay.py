"""Replay: what another mix would have given the samples a run made. Called by the CLI and the run page.

Totals, ranks, advantages, dead groups, and who gains and loses most. It says nothing of what training with that mix would
have done: other rewards make other policies, and other policies other samples. Pure arithmetic over a SampleTable.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from core.advantage import dead
from core.agreement import auroc, spearman
from core.engine import Combined, RewardEngine, combine, signals
from core.groups import BoolArray, FloatArray, Groups, IntArray
from core.mix import Mix
from core.progress import Progress, nothing
from core.table import SampleTable

AT_ONCE = 65_536  # samples of a mix that remembers nothing: few enough that progress is told and heard


@dataclass(frozen=True)
class Outcome:
    """What a mix makes of a table: [n] total and advantage, [g] dead groups, [steps] their share in each step."""

    total: FloatArray
    advantage: FloatArray
    dead: BoolArray
    steps: IntArray
    dead_share: FloatArray


def run(table: SampleTable, mix: Mix, progress: Progress = nothing, kl: Mapping[int, float] | None = None) -> Outcome:
    """Every sample under a mix whose schedules are in steps. A mix that remembers is taken step by step, in order; any other
    in pieces of whole steps, which gives the same.

    `kl`: step -> KL to the start of the evaluation after it, which adaptive schedules may watch; the run's own.
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


def _in_pieces(table: SampleTable, mix: Mix, raw: FloatArray, progress: Progress) -> tuple[FloatArray, FloatArray, BoolArray]:
    total, advantage = np.empty(len(table)), np.empty(len(table))
    is_dead = np.zeros(table.groups.count, dtype=bool)
    before = np.cumsum(np.bincount(table.batches.index)) - 1  # samples up to the end of each step: says which piece has it
    piece = (before // AT_ONCE)[table.batches.index]
    order = np.argsort(piece, kind="stable")
    done = 0
    for rows in np.split(order, np.flatnonzero(np.diff(piece[order])) + 1):
        groups = Groups.of(table.group[rows])
        made = combine(
            mix, raw[rows], table.step[rows].astype(float), groups, Groups.of(table.step[rows]), table.correct[rows],
            table.mean_nll[rows],
        )  # fmt: skip
        total[rows], advantage[rows] = made.total, made.advantage
        is_dead[table.groups.index[rows]] = dead(mix.advantage, made.totals, made.advantage)[groups.index]
        done += len(rows)
        progress(done / max(1, len(table)))
    return total, advantage, is_dead


def _in_order(
    table: SampleTable, mix: Mix, raw: FloatArray, progress: Progress, kl: Mapping[int, float]
) -> tuple[FloatArray, FloatArray, BoolArray]:
    engine = RewardEngine(mix)
    total, advantage = np.empty(len(table)), np.empty(len(table))
    is_dead = np.zeros(table.groups.count, dtype=bool)
    members = sorted(table.batches.members(), key=lambda rows: int(table.step[rows[0]]))
    if 0 in kl:
        engine.observe_evaluation(kl[0], 0)
    starts = [int(table.step[rows[0]]) for rows in members]
    for done, rows in enumerate(members):
        groups = Groups.of(table.group[rows])
        made: Combined = combine(
            mix, raw[rows], table.step[rows].astype(float), groups, Groups.one(len(rows)), table.correct[rows],
            table.mean_nll[rows], engine.shapings, engine.adapted,
        )  # fmt: skip
        total[rows], advantage[rows] = made.total, made.advantage
        now_dead = dead(mix.advantage, made.totals, made.advantage)
        is_dead[table.groups.index[rows]] = now_dead[groups.index]
        engine.observe(signals(table.correct[rows], made.total, now_dead, groups))
        following = starts[done + 1] if done + 1 < len(starts) else float("inf")
        for step in sorted(kl):  # also of steps without samples, which trained further on these
            if starts[done] <= step < following:
                engine.observe_evaluation(kl[step], step)
        progress((done + 1) / len(members))
    return total, advantage, is_dead


@dataclass(frozen=True)
class Change:
    """Two mixes on the same samples. `rank_agreement`: mean Spearman correlation of the totals inside groups; `flipped`:
    share of samples whose advantage turned to the other sign; `gains`, `losses`: row numbers, most changed advantage first."""

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
    """What changes from one mix to another."""
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
