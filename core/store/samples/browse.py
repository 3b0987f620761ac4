"""Lists of samples: filtered, sorted and paged, across many steps and runs.

Every filter and sort is answered from one narrow index over a bounded number of samples, newest steps first
(decision 17); `Window` names those steps. Knows nothing about pages or mixes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, and_, cast, func, or_, select, tuple_

from core.store.samples.lines import KEY, Place, same_place
from core.store.schema import run, sample, sample_label, sample_note, score
from core.store.session import reading
from core.store.transitions import clean

By = Literal["place", "total", "advantage", "surprise", "tokens", "score", "random"]
# How many samples are scanned for a list: a run of 700 steps of 64. Measured by benchmarks.samples.
LOOK = 44_800
LOOK_SCORE = 18_000  # when the score of a term is needed for each sample
LOOK_TEXT = 8_000  # when texts are searched
MOST_MARKS = 10_000
# The features of PostgreSQL's planner that are turned off.
OFF = ("jit", "enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin")
PRIME = 2_147_483_647


@dataclass(frozen=True)
class Selection:
    """The filters of a list of samples; None and "" turn a filter off.

    `first` and `last`: steps. `low` and `high`: bounds of the raw score of `term`.
    """

    runs: tuple[int, ...]
    split: str = "train"
    first: int | None = None
    last: int | None = None
    correct: bool | None = None
    truncated: bool | None = None
    dead: bool | None = None
    disagree: bool = False
    """Reward and gold disagree: `surprise` is above 0."""
    term: str = ""
    low: float | None = None
    high: float | None = None
    text: str = ""
    problem: str = ""
    label: str = ""
    noted: bool = False


@dataclass(frozen=True)
class Sort:
    """The order of a list; samples without a value come last.

    `term`: the term whose score is sorted by. `seed`: the seed of a random order.
    """

    by: By = "place"
    down: bool = True
    term: str = ""
    seed: int = 0


@dataclass(frozen=True)
class Window:
    """The steps that were scanned.

    `whole`: these are all the steps that were requested. `runs`: how many runs have a sample there.
    """

    first: int
    last: int
    whole: bool
    runs: int


@dataclass(frozen=True)
class Page:
    """One page of a list, the length of the list, and the steps that were scanned for it."""

    ids: tuple[int, ...]
    count: int
    window: Window


def budget(chosen: Selection, sort: Sort) -> int | None:
    """How many samples are scanned for a list; None when an index names the few that can match."""
    if chosen.label or chosen.noted or chosen.problem:
        return None
    if chosen.text:
        return LOOK_TEXT
    return LOOK_SCORE if chosen.low is not None or chosen.high is not None or sort.by == "score" else LOOK


def _window(c: Connection, chosen: Selection, most: int | None) -> Window:
    """The newest steps that fit into `most` samples, shared evenly by the runs that have any.

    It takes two statements, however many runs there are.
    """
    conditions = [sample.c.run_id == run.c.id, sample.c.split == chosen.split]
    if chosen.last is not None:
        conditions.append(sample.c.step <= chosen.last)
    steps = select(sample.c.step).where(*conditions).order_by(sample.c.step.desc()).limit(1).correlate(run)

    def of(ids: Sequence[int], step: Select[tuple[int]]) -> list[tuple[int, int]]:
        rows = c.execute(select(run.c.id, step.scalar_subquery()).where(run.c.id.in_(ids))).all()
        return [(run_id, step) for run_id, step in rows if step is not None]

    first = chosen.first or 0
    ends = of(chosen.runs, steps)
    newest = [step for _, step in ends]
    beyond = of([i for i, _ in ends], steps.offset(max(1, most // len(ends)))) if most and ends else []
    # All runs get the same steps, so that arms stay comparable.
    low = max([first, *(step + 1 for _, step in beyond)])
    last = max(newest, default=-1)
    low = min(low, max(last, first))
    runs_in_window = sum(step >= low for step in newest)
    return Window(low, last if chosen.last is None else min(last, chosen.last), low == first, runs_in_window)


def _ranges(chosen: Selection) -> bool:
    return bool(chosen.term) and (chosen.low is not None or chosen.high is not None)


def _says(c: Connection, wanted: str) -> ColumnElement[bool]:
    """Whether the completion or the prompt contains the text, ignoring case.

    SQLite's LIKE ignores the case of A to Z; PostgreSQL has ILIKE.
    """
    pattern = "%" + clean(wanted).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    fields = (sample.c.completion, sample.c.prompt)
    if c.dialect.name == "postgresql":
        return or_(*(x.ilike(pattern, escape="\\") for x in fields))
    return or_(*(x.like(pattern, escape="\\") for x in fields))


def _of_marks(c: Connection, chosen: Selection, seen: Window) -> list[int]:
    """The ids of the samples with the selected label, with a note, or with both, as selected.

    This query runs first: people write few marks, which a planner cannot know.
    """
    first, *others = [
        x for x, is_wanted in ((sample_label, chosen.label), (sample_note, chosen.noted)) if is_wanted
    ]

    query = select(*(first.c[name] for name in Place._fields)).where(
        first.c.run_id.in_(chosen.runs),
        first.c.split == chosen.split,
        first.c.step.between(seen.first, seen.last),
    )
    for table in others:
        query = query.join(table, same_place(first, table))
    if chosen.label:
        query = query.where(sample_label.c.name == chosen.label)
    marked = query.limit(MOST_MARKS).subquery()
    return list(c.execute(select(sample.c.id).where(tuple_(*KEY).in_(select(marked)))).scalars())


def _where(c: Connection, chosen: Selection, seen: Window) -> list[ColumnElement[bool]]:
    if chosen.label or chosen.noted:
        conditions: list[ColumnElement[bool]] = [sample.c.id.in_(_of_marks(c, chosen, seen))]
    else:
        conditions = [
            sample.c.run_id.in_(chosen.runs),
            sample.c.split == chosen.split,
            sample.c.step.between(seen.first, seen.last),
        ]
    for name in ("correct", "truncated", "dead"):
        if (value := getattr(chosen, name)) is not None:
            conditions.append(sample.c[name].is_(value))
    if chosen.disagree:
        conditions.append(sample.c.surprise > 0)
    if chosen.problem:
        conditions.append(sample.c.problem_id == clean(chosen.problem))
    if chosen.text:
        conditions.append(_says(c, chosen.text))
    return conditions


def _order(sort: Sort, raw: ColumnElement[Any] | None) -> list[ColumnElement[Any]]:
    place = [sample.c.step.desc(), sample.c.run_id, sample.c.group_index, sample.c.index_in_group]
    if sort.by == "place":
        return place if sort.down else [sample.c.step, *place[1:]]
    if sort.by == "random":
        # A number that depends on id and seed alone, so that a link always shows the same draw.
        once = (
            cast(sample.c.id, BigInteger) % PRIME * 48_271 + (sort.seed + 1) * 1_103_515_245 % PRIME
        ) % PRIME
        return [once * (once % 65_536) % PRIME, sample.c.id]
    column = raw if raw is not None else sample.c["n_tokens" if sort.by == "tokens" else sort.by]
    return [column.is_(None), column.desc() if sort.down else column, *place]


def _query(c: Connection, chosen: Selection, seen: Window, sort: Sort | None, *columns: Any) -> Select[Any]:
    """Columns of the selected samples, in the order of `sort` if it is given."""
    query = select(*columns).select_from(sample)
    if _ranges(chosen):
        ranged = score.alias()
        bounds = [ranged.c.raw >= chosen.low] if chosen.low is not None else []
        bounds += [ranged.c.raw <= chosen.high] if chosen.high is not None else []
        query = query.join(
            ranged, and_(ranged.c.sample_id == sample.c.id, ranged.c.term == chosen.term, *bounds)
        )
    query = query.where(*_where(c, chosen, seen))
    if sort is None:
        return query
    if sort.by != "score":
        return query.order_by(*_order(sort, None))
    scored = score.alias()
    query = query.outerjoin(scored, and_(scored.c.sample_id == sample.c.id, scored.c.term == sort.term))
    return query.order_by(*_order(sort, scored.c.raw))


@contextmanager
def _by_index() -> Iterator[Connection]:
    """A reading connection whose planner uses the index.

    PostgreSQL may estimate that reading a whole table is cheaper than the index, which is wrong for a list of
    bounded length.
    """
    with reading() as c:
        if c.dialect.name == "postgresql":
            off = (func.set_config(name, "off", True) for name in OFF)
            c.execute(select(*off, func.set_config("max_parallel_workers_per_gather", "0", True)))
        yield c


def page(chosen: Selection, sort: Sort, number: int, size: int) -> Page:
    """The ids of one page of a list; the first page has number 1."""
    with _by_index() as c:
        window = _window(c, chosen, budget(chosen, sort))
        skip = (number - 1) * size
        # Counting in the same pass keeps every row, which only pays off when each sample is expensive to
        # check.
        if chosen.text or _ranges(chosen):
            rows = c.execute(
                _query(c, chosen, window, sort, sample.c.id, func.count().over()).limit(size).offset(skip)
            ).all()
            ids = [r[0] for r in rows]
            count = rows[0][1] if rows else 0
        else:
            ids = list(
                c.execute(_query(c, chosen, window, sort, sample.c.id).limit(size).offset(skip)).scalars()
            )
            count = 0
        if 0 < len(ids) < size:  # the last page
            count = skip + len(ids)
        elif not count and (ids or number > 1):
            count = c.execute(_query(c, chosen, window, None, func.count())).scalar_one()
    return Page(tuple(ids), count, window)


def every(chosen: Selection, sort: Sort, most: int, whole: bool = False) -> list[int]:
    """The first `most` ids of the list that `page` shows, for a file.

    `whole`: read all steps, however many there are.
    """
    with _by_index() as c:
        window = _window(c, chosen, None if whole else budget(chosen, sort))
        return list(c.execute(_query(c, chosen, window, sort, sample.c.id).limit(most)).scalars())
