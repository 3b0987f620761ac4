"""What runs left behind, as a comparison reads it: a few queries however many runs. Called by app.cache and the CLI."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sqlalchemy import and_, func, select

from core.compare.evidence import READ, Evidence
from core.compare.preference import Rewarded
from core.store.metric_ids import ids_of
from core.store.points import points
from core.store.session import reading
from core.store.tables import evaluation, evaluation_item, run, sample
from core.sweep import variant


def evidence(run_ids: Sequence[int], names: Sequence[str] = READ) -> list[Evidence]:
    """Some runs, in the order of their ids; one that does not exist is left out. `names`: the metrics that are read."""
    columns = ("id", "arm", "swept", "seed", "status", "step", "max_steps", "config", "environment")
    held = _held_out(run_ids)
    with reading() as c:
        ids = {number: name for name, number in ids_of(c, names).items()}
        rows = c.execute(select(*(run.c[n] for n in columns)).where(run.c.id.in_(run_ids)).order_by(run.c.id)).all()
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
            **held.get(r.id, {}),
        )
        for r in rows
    ]


def _held_out(run_ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    """How each run was evaluated last."""
    columns = (evaluation.c.problems, evaluation.c.num_samples, evaluation.c.temperature)
    here = evaluation.c.run_id.in_(run_ids)
    last = select(evaluation.c.run_id, func.max(evaluation.c.step).label("step")).where(here).group_by(evaluation.c.run_id)
    newest = last.subquery()
    both = and_(evaluation.c.run_id == newest.c.run_id, evaluation.c.step == newest.c.step)
    with reading() as c:
        rows = c.execute(select(evaluation.c.run_id, *columns).join(newest, both))
        return {r.run_id: {"problems": r.problems, "num_samples": r.num_samples, "temperature": r.temperature} for r in rows}


def answers(at: Mapping[int, int]) -> dict[int, dict[str, tuple[int, int]]]:
    """Run -> its step to look at, as run -> problem id -> (right completions, completions) of that evaluation.

    Greedy evaluations ask each problem as often as they sample, and always get the same: they count once.
    """
    columns = (evaluation_item.c.problem_id, evaluation_item.c.n, evaluation_item.c.right)
    found: dict[int, dict[str, tuple[int, int]]] = {}
    with reading() as c:
        for run_id, step in at.items():
            here = and_(evaluation_item.c.run_id == run_id, evaluation_item.c.step == step)
            drawn = select(evaluation.c.temperature).where(evaluation.c.run_id == run_id, evaluation.c.step == step)
            greedy = c.execute(drawn).scalar() == 0
            rows = c.execute(select(*columns).where(here).order_by(evaluation_item.c.problem_id))
            found[run_id] = {r.problem_id: (int(r.right > 0), 1) if greedy else (r.right, r.n) for r in rows}
    return found


def rewarded(run_id: int, steps: Sequence[int]) -> Rewarded:
    """The trained samples of some steps, as flags read them; a total that is no number is NaN."""
    columns = (sample.c.step, sample.c.group_index, sample.c.correct, sample.c.total)
    here = and_(sample.c.run_id == run_id, sample.c.split == "train", sample.c.step.in_(steps))
    order = (sample.c.step, sample.c.group_index, sample.c.index_in_group)
    with reading() as c:
        rows = c.execute(select(*columns).where(here).order_by(*order)).all()
    steps, groups, right, totals = zip(*rows, strict=True) if rows else ((),) * 4
    return Rewarded(
        np.array(steps, dtype=np.int64),
        np.array(groups, dtype=np.int64),
        np.array(right, dtype=bool),
        np.array(totals, dtype=float),
    )
