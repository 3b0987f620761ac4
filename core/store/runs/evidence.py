"""Reads the stored results of runs as evidence for a comparison, in a few queries for any number of runs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import and_, func, select

from core.compare.evidence import READ, Evidence
from core.compare.preference import Rewarded
from core.config.sweep import variant
from core.store.schema import evaluation, evaluation_item, run, sample
from core.store.session import reading
from core.store.steps.metric_ids import ids_of
from core.store.steps.points import points


def evidence(run_ids: Sequence[int], names: Sequence[str] = READ) -> list[Evidence]:
    """The evidence of some runs, in the order of their ids; missing runs are left out.

    `names`: the metrics that are read.
    """
    columns = ("id", "arm", "swept", "seed", "status", "step", "max_steps", "config", "environment")
    settings_by_run = _held_out(run_ids)
    with reading() as c:
        ids = {number: name for name, number in ids_of(c, names).items()}
        rows = c.execute(
            select(*(run.c[n] for n in columns)).where(run.c.id.in_(run_ids)).order_by(run.c.id)
        ).all()
        lines = {r.id: {name: line.packed() for name, line in points(c, r.id, ids).items()} for r in rows}
    return [
        Evidence(
            run_id=r.id,
            arm=variant(r.arm, r.swept if isinstance(r.swept, dict) else None),
            seed=r.seed,
            status=r.status,
            step=r.step,
            max_steps=r.max_steps,
            series=lines[r.id],
            config=r.config or {},
            environment=r.environment or {},
            **settings_by_run.get(r.id, {}),
        )
        for r in rows
    ]


def _held_out(run_ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    """The settings of each run's last evaluation."""
    columns = (evaluation.c.problems, evaluation.c.num_samples, evaluation.c.temperature)
    in_runs = evaluation.c.run_id.in_(run_ids)
    last = (
        select(evaluation.c.run_id, func.max(evaluation.c.step).label("step"))
        .where(in_runs)
        .group_by(evaluation.c.run_id)
    )
    newest = last.subquery()
    same_evaluation = and_(evaluation.c.run_id == newest.c.run_id, evaluation.c.step == newest.c.step)
    with reading() as c:
        rows = c.execute(select(evaluation.c.run_id, *columns).join(newest, same_evaluation))
        return {
            r.run_id: {"problems": r.problems, "num_samples": r.num_samples, "temperature": r.temperature}
            for r in rows
        }


def answers(at: Mapping[int, int]) -> dict[int, dict[str, tuple[int, int]]]:
    """The answers to held-out problems: run -> problem id -> (right completions, completions).

    `at`: run -> the step whose evaluation is read. A greedy evaluation answers a problem several times with
    equal completions; they count once.
    """
    columns = (evaluation_item.c.problem_id, evaluation_item.c.n, evaluation_item.c.right)
    answers_by_run: dict[int, dict[str, tuple[int, int]]] = {}
    with reading() as c:
        for run_id, step in at.items():
            condition = and_(evaluation_item.c.run_id == run_id, evaluation_item.c.step == step)
            temperature_query = select(evaluation.c.temperature).where(
                evaluation.c.run_id == run_id, evaluation.c.step == step
            )
            greedy = c.execute(temperature_query).scalar() == 0
            rows = c.execute(select(*columns).where(condition).order_by(evaluation_item.c.problem_id))
            answers_by_run[run_id] = {
                r.problem_id: (int(r.right > 0), 1) if greedy else (r.right, r.n) for r in rows
            }
    return answers_by_run


def rewarded(run_id: int, steps: Sequence[int]) -> Rewarded:
    """The training samples of some steps, as flags read them; a missing total is NaN."""
    columns = (sample.c.step, sample.c.group_index, sample.c.correct, sample.c.total)
    condition = and_(sample.c.run_id == run_id, sample.c.split == "train", sample.c.step.in_(steps))
    order = (sample.c.step, sample.c.group_index, sample.c.index_in_group)
    with reading() as c:
        rows = c.execute(select(*columns).where(condition).order_by(*order)).all()
    steps, groups, right, totals = zip(*rows, strict=True) if rows else ((),) * 4
    return Rewarded(
        np.array(steps, dtype=np.int64),
        np.array(groups, dtype=np.int64),
        np.array(right, dtype=bool),
        np.array(totals, dtype=float),
    )
