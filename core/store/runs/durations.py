"""The time and memory that runs of a model took: seconds per step, per evaluation and to start."""

from statistics import median
from typing import Any

from sqlalchemy import Connection, and_, func, select

from core.common.errors import ConfigError
from core.config.estimate import Past, seconds_per_step
from core.config.parsing import parse
from core.config.run import RunConfig
from core.store.schema import evaluation, metric, point, run, run_event
from core.store.session import reading

LOOKED_AT = 300  # runs that are searched for those of the model
TAKEN = 8  # how many of those count
LAST_STEPS = 50  # the last steps of each run, whose median counts
ROLLOUT = ("speed/generate_seconds", "speed/score_seconds")
FEWEST = 3  # a run with fewer steps is not informative yet


def past_runs(model: str) -> list[Past]:
    """The timings of the newest runs that trained this model, newest first."""
    columns = (run.c.id, run.c.step, run.c.config, run.c.environment)
    with reading() as c:
        rows = c.execute(
            select(*columns).where(run.c.step >= FEWEST).order_by(run.c.id.desc()).limit(LOOKED_AT)
        ).all()
        recent = [r for r in rows if r.environment and r.config.get("model", {}).get("path") == model][:TAKEN]
        pasts = [_past(c, r, _values(c, r.id, r.step)) for r in recent]
    return [p for p in pasts if p is not None]


def _values(c: Connection, run_id: int, step: int) -> dict[str, list[float]]:
    names = ("speed/step_seconds", "memory/peak", *ROLLOUT)
    query = select(metric.c.name, point.c.value).join(metric, metric.c.id == point.c.metric_id)
    condition = and_(point.c.run_id == run_id, metric.c.name.in_(names), point.c.step > step - LAST_STEPS)
    values_by_name: dict[str, list[float]] = {name: [] for name in names}
    for name, value in c.execute(query.where(condition).order_by(point.c.step)):
        values_by_name[name].append(value)
    return values_by_name


def _past(c: Connection, row: Any, values: dict[str, list[float]]) -> Past | None:
    seconds = values["speed/step_seconds"]
    memory = values["memory/peak"]
    if not seconds:
        return None
    try:
        config = parse(RunConfig, row.config)
    except ConfigError:  # stored by another version
        return None
    evaluation_seconds = list(
        c.execute(
            select(evaluation.c.seconds).where(evaluation.c.run_id == row.id, evaluation.c.step > 0)
        ).scalars()
    )
    times = {
        kind: c.execute(
            select(func.max(run_event.c.at)).where(run_event.c.run_id == row.id, run_event.c.kind == kind)
        ).scalar()
        for kind in ("starting", "running")
    }
    start = (
        times["running"] - times["starting"]
        if times["running"] and times["starting"] and times["running"] > times["starting"]
        else None
    )
    host, device = (str(row.environment.get(k) or "an unknown machine") for k in ("host", "device"))
    return Past(
        run_id=row.id,
        host=host,
        device=device,
        config=config,
        step_seconds=seconds_per_step(seconds, config.grpo.num_iterations),
        evaluation_seconds=median(evaluation_seconds) if evaluation_seconds else None,
        start_seconds=start,
        memory=max(memory, default=None),
        rollout_seconds=sum(median(values[name]) for name in ROLLOUT if values[name]),
    )
