"""Batched writes of what a training produces: one transaction per step, keyed by (run, step).

Each write checks that the attempt still holds the run (the fence), so a process that was presumed dead
cannot write alongside its successor.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import Connection, delete, func, insert, literal, select, update

from core.common.errors import Fenced
from core.store.bulk_insert import insert_rows
from core.store.schema import evaluation, evaluation_item, point, run, run_event, sample, score
from core.store.session import writing
from core.store.steps import metric_ids
from core.store.transitions import add_event, clean

# The kinds of run events that belong to a step and are undone with it.
SWITCHED = "switched"
GUARD = "guard"
THREADS = "threads"


class ScoreRow(NamedTuple):
    """One term's part in one sample; NaN ("does not apply") is stored as NULL.

    It is a tuple because a step has hundreds of them.
    """

    term: str
    position: int
    raw: float | None
    shaped: float | None
    weight: float
    contribution: float | None


@dataclass(frozen=True)
class SampleRow:
    """One completion as it is stored."""

    split: str
    problem_id: str
    group_index: int
    index_in_group: int
    prompt: str
    completion: str
    gold: str
    parsed: str | None
    parsed_by: str | None
    parsed_start: int | None
    parsed_end: int | None
    correct: bool
    n_tokens: int
    truncated: bool
    mean_nll: float | None
    total: float | None
    advantage: float | None
    scores: tuple[ScoreRow, ...] = field(default=())
    dead: bool | None = None
    """Whether its group teaches nothing; None when it has no advantage."""
    surprise: float | None = None
    """core.analysis.agreement.surprise: reward and gold disagree about the sample when it is above 0."""
    token_nll: str | None = None
    """-log p of each token, packed by core.rewards.tokens.pack."""


@dataclass(frozen=True)
class ItemRow:
    """One held-out problem in one evaluation: `right` of its `n` completions."""

    problem_id: str
    n: int
    right: int
    greedy_right: bool | None
    majority_right: float


@dataclass(frozen=True)
class EvaluationRow:
    """One evaluation of gold accuracy.

    `pass_at`: k as text -> pass@k. `key`: equal for evaluations of the same model, problems and decoding;
    None when that is not known.
    """

    problems: int
    num_samples: int
    temperature: float
    accuracy: float
    seconds: float
    greedy_accuracy: float | None = None
    majority: float | None = None
    pass_at: Mapping[str, float] = field(default_factory=dict)
    key: str | None = None
    items: tuple[ItemRow, ...] = ()


@dataclass(frozen=True)
class StepRecord:
    """Everything that one step records. Step 0 is the state before the first update."""

    step: int
    metrics: Mapping[str, float]
    samples: Sequence[SampleRow] = ()
    evaluation: EvaluationRow | None = None
    switched: Sequence[str] = ()
    """Adaptive schedules that switched on or off."""
    guarded: Sequence[str] = ()
    """The messages of guards, one sentence each."""


def _names(of: type, but: Iterable[str] = ()) -> tuple[str, ...]:
    return tuple(f.name for f in fields(of) if f.name not in but)


TEXTS = ("problem_id", "prompt", "completion", "gold", "parsed")  # columns of a sample that are cleaned
SAMPLE = _names(SampleRow, (*TEXTS, "scores"))
ITEM = _names(ItemRow, ("problem_id",))
EVALUATION = _names(EvaluationRow, ("items",))
# The values of a row as a tuple. dataclasses.asdict copies every value, which took most of the time of
# writing a step.
_sample = attrgetter(*SAMPLE)
_item = attrgetter(*ITEM)


def finite(value: float) -> float | None:
    """The number, or None for NaN and infinities, which each database treats differently."""
    return float(value) if math.isfinite(value) else None


def _fence(c: Connection, run_id: int, attempt: int) -> None:
    current_attempt = c.execute(select(run.c.attempt).where(run.c.id == run_id).with_for_update()).scalar()
    if current_attempt != attempt:
        raise Fenced(f"run {run_id} is at attempt {current_attempt}; a write of attempt {attempt} is refused")


def _insert_samples(c: Connection, run_id: int, step: int, samples: Sequence[SampleRow]) -> None:
    rows = [
        (run_id, step, *map(clean, (s.problem_id, s.prompt, s.completion, s.gold, s.parsed)), *_sample(s))
        for s in samples
    ]
    insert_rows(c, sample, ("run_id", "step", *TEXTS, *SAMPLE), rows)
    if not any(s.scores for s in samples):
        return
    key = (sample.c.split, sample.c.group_index, sample.c.index_in_group)
    split = sample.c.split.in_({s.split for s in samples})  # the first column of the index after the run
    stored = c.execute(
        select(sample.c.id, *key).where(sample.c.run_id == run_id, split, sample.c.step == step)
    )
    ids = {tuple(place): i for i, *place in stored}
    scores = [(ids[s.split, s.group_index, s.index_in_group], *x) for s in samples for x in s.scores]
    insert_rows(c, score, ("sample_id", *ScoreRow._fields), scores)


def write_step(run_id: int, attempt: int, record: StepRecord, again: bool = False) -> None:
    """Write one step, all or nothing.

    Non-finite metric values are left out, so a chart shows a gap. `again`: an earlier try may have been
    committed although its answer was lost; if so, nothing is written.
    """
    ids = metric_ids.register(record.metrics)
    points = [
        (run_id, ids[name], record.step, float(value))
        for name, value in record.metrics.items()
        if math.isfinite(value)
    ]
    with writing() as c:
        _fence(c, run_id, attempt)
        if again and points and _is_stored(c, *points[0][:3]):
            return
        insert_rows(c, point, ("run_id", "metric_id", "step", "value"), points)
        _insert_samples(c, run_id, record.step, record.samples)
        if evaluation_row := record.evaluation:
            values = {name: getattr(evaluation_row, name) for name in EVALUATION}
            c.execute(insert(evaluation).values(run_id=run_id, step=record.step, **values))
            items = [(run_id, record.step, clean(i.problem_id), *_item(i)) for i in evaluation_row.items]
            insert_rows(c, evaluation_item, ("run_id", "step", "problem_id", *ITEM), items)
        for name in record.switched:
            add_event(c, run_id, SWITCHED, name, record.step)
        for sentence in record.guarded:
            add_event(c, run_id, GUARD, sentence, record.step)
        c.execute(update(run).where(run.c.id == run_id).values(step=record.step))


def _is_stored(c: Connection, run_id: int, metric_id: int, step: int) -> bool:
    """Whether a record's first point is stored, and so the whole record: it is one transaction."""
    key = (point.c.run_id == run_id, point.c.metric_id == metric_id, point.c.step == step)
    return c.execute(select(point.c.step).where(*key)).first() is not None


def rewind(run_id: int, attempt: int, step: int) -> None:
    """Remove everything after `step`, which a resumed run writes again; -1 removes everything."""
    with writing() as c:
        _fence(c, run_id, attempt)
        for table in (point, sample, evaluation, evaluation_item):
            c.execute(delete(table).where(table.c.run_id == run_id, table.c.step > step))
        undone = (
            run_event.c.run_id == run_id,
            run_event.c.kind.in_((SWITCHED, GUARD, THREADS)),
            run_event.c.step > step,
        )
        c.execute(delete(run_event).where(*undone))
        # An older attempt's checkpoint does not belong to a run that begins anew.
        fresh = {"checkpoint_step": None} if step < 0 else {}
        c.execute(update(run).where(run.c.id == run_id).values(step=max(step, 0), **fresh))
        if step >= 0:
            add_event(c, run_id, "resumed", f"attempt {attempt}, from the checkpoint of step {step}", step)


def write_environment(run_id: int, attempt: int, environment: Mapping[str, object]) -> None:
    """Record the run's environment: versions, device, fingerprints."""
    with writing() as c:
        _fence(c, run_id, attempt)
        c.execute(update(run).where(run.c.id == run_id).values(environment=dict(environment)))


def copy_base(run_id: int, attempt: int, key: str, switched: Sequence[str] = ()) -> bool:
    """Copy step 0 from a run that evaluated the same model, problems and decoding; False if none did.

    `key`: the EvaluationRow.key to look for. `switched`: this run's adaptive schedules that the evaluation
    switches.
    """
    with writing() as c:
        _fence(c, run_id, attempt)
        conditions = (evaluation.c.key == key, evaluation.c.step == 0, evaluation.c.run_id != run_id)
        source = c.execute(
            select(evaluation.c.run_id).where(*conditions).order_by(evaluation.c.run_id).limit(1)
        ).scalar()
        if source is None:
            return False
        for table in (evaluation, evaluation_item, point, sample):
            columns = [x for x in table.c if x.name not in ("run_id", "id")]
            rows = select(literal(run_id), *columns).where(table.c.run_id == source, table.c.step == 0)
            c.execute(insert(table).from_select(["run_id", *(x.name for x in columns)], rows))
        add_event(c, run_id, "base", f"evaluation of the base model taken from run {source}", 0)
        for name in switched:
            add_event(c, run_id, SWITCHED, name, 0)
        return True


def write_checkpoint(run_id: int, attempt: int, step: int) -> None:
    """Record that the run's folder holds a complete checkpoint of `step`; a repeat changes nothing."""
    with writing() as c:
        _fence(c, run_id, attempt)
        recorded_step = func.coalesce(run.c.checkpoint_step, -1)
        if c.execute(
            update(run).where(run.c.id == run_id, recorded_step != step).values(checkpoint_step=step)
        ).rowcount:
            add_event(c, run_id, "checkpoint", step=step)


def write_event(run_id: int, attempt: int, kind: str, detail: str = "", step: int | None = None) -> None:
    """Add one line to the history of a run that this attempt holds."""
    with writing() as c:
        _fence(c, run_id, attempt)
        add_event(c, run_id, kind, detail, step)
