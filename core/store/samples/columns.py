"""Reads a run's samples as columns, for many steps at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import and_, select

from core.common.groups import BoolArray, FloatArray, IntArray
from core.store.schema import sample, score
from core.store.session import reading


@dataclass(frozen=True)
class ScoreColumns:
    """The training samples of some steps as columns [n], ordered by step, group and place.

    `raw`: the raw scores [n] of each term; NaN where a sample has none.
    """

    id: IntArray
    step: IntArray
    group_index: IntArray
    correct: BoolArray
    mean_nll: FloatArray
    n_tokens: IntArray
    raw: dict[str, FloatArray]


def score_columns(run_id: int, first: int, last: int, terms: Sequence[str]) -> ScoreColumns:
    """The training samples of steps first..last (inclusive), with the raw scores of some terms."""
    columns = (
        sample.c.id,
        sample.c.step,
        sample.c.group_index,
        sample.c.correct,
        sample.c.mean_nll,
        sample.c.n_tokens,
    )
    condition = and_(sample.c.run_id == run_id, sample.c.split == "train", sample.c.step.between(first, last))
    order = (sample.c.step, sample.c.group_index, sample.c.index_in_group)
    with reading() as c:
        rows = c.execute(select(*columns).where(condition).order_by(*order)).all()
        ids, steps, groups, right, nll, tokens = zip(*rows, strict=True) if rows else ((),) * 6
        raw = {}
        for term in terms:
            of_term = and_(score.c.sample_id == sample.c.id, score.c.term == term)
            raw_scores = c.execute(
                select(score.c.raw)
                .select_from(sample.outerjoin(score, of_term))
                .where(condition)
                .order_by(*order)
            )
            raw[term] = np.array(raw_scores.scalars().all(), dtype=float)  # None becomes NaN
    return ScoreColumns(
        np.array(ids, dtype=np.int64), np.array(steps, dtype=np.int64), np.array(groups, dtype=np.int64),
        np.array(right, dtype=bool), np.array(nll, dtype=float), np.array(tokens, dtype=np.int64), raw,
    )  # fmt: skip


@dataclass(frozen=True)
class SampleText:
    """The texts of a sample, without its scores."""

    prompt: str
    completion: str
    gold: str
    problem_id: str
    truncated: bool


def sample_texts(run_id: int, first: int, last: int) -> list[SampleText]:
    """The texts of the training samples of steps first..last, in the order of `score_columns`."""
    names = (sample.c.prompt, sample.c.completion, sample.c.gold, sample.c.problem_id, sample.c.truncated)
    condition = and_(sample.c.run_id == run_id, sample.c.split == "train", sample.c.step.between(first, last))
    order = (sample.c.step, sample.c.group_index, sample.c.index_in_group)
    with reading() as c:
        return [SampleText(*r) for r in c.execute(select(*names).where(condition).order_by(*order))]
