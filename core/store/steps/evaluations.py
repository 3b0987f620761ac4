"""Reads evaluations: their held-out problems and the answers to them."""

from dataclasses import dataclass

from sqlalchemy import and_, select

from core.store.schema import evaluation, evaluation_item, metric, point
from core.store.session import reading


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
    condition = and_(evaluation_item.c.run_id == run_id, evaluation_item.c.step == step)
    with reading() as c:
        return [
            Item(*r)
            for r in c.execute(select(*columns).where(condition).order_by(evaluation_item.c.problem_id))
        ]


def held_out(run_id: int) -> int:
    """The number of independent completions in the run's newest evaluation.

    Greedy completions of a problem are all equal and count once.
    """
    columns = (evaluation.c.problems, evaluation.c.num_samples, evaluation.c.temperature)
    query = select(*columns).where(evaluation.c.run_id == run_id).order_by(evaluation.c.step.desc()).limit(1)
    with reading() as c:
        row = c.execute(query).first()
    return 0 if row is None else row.problems * (row.num_samples if row.temperature else 1)


def evaluated(run_id: int, step: int) -> bool:
    """Whether the run's policy after this step has been evaluated."""
    with reading() as c:
        return (
            c.execute(
                select(evaluation.c.step).where(evaluation.c.run_id == run_id, evaluation.c.step == step)
            ).first()
            is not None
        )


def accuracies(run_id: int) -> dict[int, float]:
    """The metric eval/accuracy of a run, by step."""
    own = (point.c.run_id == run_id, metric.c.name == "eval/accuracy")
    with reading() as c:
        return {
            row.step: row.value
            for row in c.execute(select(point.c.step, point.c.value).join(metric).where(*own))
        }
