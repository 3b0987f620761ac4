"""Reads data of many runs at once, with one query each, however many runs there are."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from core.common.errors import NotFound
from core.metrics.series import Series, by_key
from core.store.schema import evaluation, experiment, point, run
from core.store.session import reading
from core.store.steps.metric_ids import ids_of


def gold(run_ids: Sequence[int]) -> dict[int, Series]:
    """Gold accuracy by step for each run, in one query; runs without an evaluation are left out."""
    columns = (evaluation.c.run_id, evaluation.c.step, evaluation.c.accuracy)
    query = (
        select(*columns)
        .where(evaluation.c.run_id.in_(run_ids))
        .order_by(evaluation.c.run_id, evaluation.c.step)
    )
    with reading() as c:
        return by_key(c.execute(query))


def configs(run_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The configs of some runs, by run id."""
    with reading() as c:
        return {
            row.id: row.config or {}
            for row in c.execute(select(run.c.id, run.c.config).where(run.c.id.in_(run_ids)))
        }


def metric_names() -> list[str]:
    """Every metric that any run has recorded, by name."""
    with reading() as c:
        return sorted(ids_of(c, None))


def newest_of(run_ids: Sequence[int], name: str) -> dict[int, float]:
    """The newest value of one metric for each run: one lookup at the end of an index per run."""
    with reading() as c:
        metric_id = ids_of(c, [name]).get(name)
        conditions = (point.c.run_id == run.c.id, point.c.metric_id == metric_id)
        last = (
            select(point.c.value).where(*conditions).order_by(point.c.step.desc()).limit(1).scalar_subquery()
        )
        rows = c.execute(select(run.c.id, last.label("value")).where(run.c.id.in_(run_ids)))
        return {row.id: row.value for row in rows if row.value is not None}


def experiment_config(experiment_id: int) -> dict[str, Any]:
    """The config of an experiment as it was queued; NotFound when there is no such experiment."""
    with reading() as c:
        row = c.execute(select(experiment.c.config).where(experiment.c.id == experiment_id)).first()
    if row is None:
        raise NotFound(f"there is no experiment {experiment_id}")
    return row.config if isinstance(row.config, dict) else {}
