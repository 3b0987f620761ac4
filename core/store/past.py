"""What runs of a model took: seconds of a step, an evaluation and the start; memory. Called by app.cache for core.estimate."""

from statistics import median
from typing import Any

from sqlalchemy import Connection, and_, func, select

from core.config import RunConfig
from core.errors import ConfigError
from core.estimate import Past, seconds_per_step
from core.parsing import parse
from core.store.session import reading
from core.store.tables import evaluation, metric, point, run, run_event

LOOKED_AT, TAKEN = 300, 8  # runs that are looked through for the model's, and how many of those count
LAST_STEPS = 50  # steps of each whose median counts
ROLLOUT = ("speed/generate_seconds", "speed/score_seconds")
FEWEST = 3  # a run with fewer steps says nothing yet


def past_runs(model: str) -> list[Past]:
    """Its newest runs that trained, newest first."""
    columns = (run.c.id, run.c.step, run.c.config, run.c.environment)
    with reading() as c:
        rows = c.execute(select(*columns).where(run.c.step >= FEWEST).order_by(run.c.id.desc()).limit(LOOKED_AT)).all()
        mine = [r for r in rows if r.environment and r.config.get("model", {}).get("path") == model][:TAKEN]
        found = [_past(c, r, _values(c, r.id, r.step)) for r in mine]
    return [p for p in found if p is not None]


def _values(c: Connection, run_id: int, step: int) -> dict[str, list[float]]:
    names = ("speed/step_seconds", "memory/peak", *ROLLOUT)
    query = select(metric.c.name, point.c.value).join(metric, metric.c.id == point.c.metric_id)
    here = and_(point.c.run_id == run_id, metric.c.name.in_(names), point.c.step > step - LAST_STEPS)
    found: dict[str, list[float]] = {name: [] for name in names}
    for name, value in c.execute(query.where(here).order_by(point.c.step)):
        found[name].append(value)
    return found


def _past(c: Connection, row: Any, values: dict[str, list[float]]) -> Past | None:
    seconds, memory = values["speed/step_seconds"], values["memory/peak"]
    if not seconds:
        return None
    try:
        config = parse(RunConfig, row.config)
    except ConfigError:  # stored by another version
        return None
    spent = list(c.execute(select(evaluation.c.seconds).where(evaluation.c.run_id == row.id, evaluation.c.step > 0)).scalars())
    at = {
        kind: c.execute(select(func.max(run_event.c.at)).where(run_event.c.run_id == row.id, run_event.c.kind == kind)).scalar()
        for kind in ("starting", "running")
    }
    start = at["running"] - at["starting"] if at["running"] and at["starting"] and at["running"] > at["starting"] else None
    host, device = (str(row.environment.get(k) or "an unknown machine") for k in ("host", "device"))
    return Past(
        run_id=row.id,
        host=host,
        device=device,
        config=config,
        step_seconds=seconds_per_step(seconds, config.grpo.num_iterations),
        evaluation_seconds=median(spent) if spent else None,
        start_seconds=start,
        memory=max(memory, default=None),
        rollout_seconds=sum(median(values[name]) for name in ROLLOUT if values[name]),
    )
