"""Reads of evaluations: what was asked, and how much of it was right. Called by app.cache, the CLI and the worker."""

from dataclasses import dataclass

from sqlalchemy import and_, select

from core.store.session import reading
from core.store.tables import evaluation, evaluation_item, metric, point


@dataclass(frozen=True)
class Item:
    """One held-out problem in one evaluation: `right` of its `n` completions."""

    problem_id: str
    n: int
    right: int
    greedy_right: bool | None
    majority_right: float


def items(run_id: int, step: int) -> list[Item]:
    """The held-out problems of one evaluation, by id."""
    columns = [evaluation_item.c[name] for name in Item.__dataclass_fields__]
    here = and_(evaluation_item.c.run_id == run_id, evaluation_item.c.step == step)
    with reading() as c:
        return [Item(*r) for r in c.execute(select(*columns).where(here).order_by(evaluation_item.c.problem_id))]


def held_out(run_id: int) -> int:
    """Independent completions in the run's newest evaluation: greedy ones of a problem are all the same, and count once."""
    columns = (evaluation.c.problems, evaluation.c.num_samples, evaluation.c.temperature)
    query = select(*columns).where(evaluation.c.run_id == run_id).order_by(evaluation.c.step.desc()).limit(1)
    with reading() as c:
        row = c.execute(query).first()
    return 0 if row is None else row.problems * (row.num_samples if row.temperature else 1)


def evaluated(run_id: int, step: int) -> bool:
    """The run's policy after this step has been evaluated."""
    with reading() as c:
        return (
            c.execute(select(evaluation.c.step).where(evaluation.c.run_id == run_id, evaluation.c.step == step)).first()
            is not None
        )


def accuracies(run_id: int) -> dict[int, float]:
    """Step -> eval/accuracy of a run."""
    own = (point.c.run_id == run_id, metric.c.name == "eval/accuracy")
    with reading() as c:
        return {row.step: row.value for row in c.execute(select(point.c.step, point.c.value).join(metric).where(*own))}
