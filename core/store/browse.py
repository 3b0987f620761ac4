"""Lists of samples: filtered, sorted, page by page, over many steps and runs. Called by app.cache and core.sample_files.

Every filter and sort is answered from one narrow index over a bounded number of samples, the newest steps first
(decision 17): `window` says which steps that are. Knows no page and no mix.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, and_, cast, func, or_, select, tuple_

from core.store.lines import KEY, Place, same_place
from core.store.moves import clean
from core.store.session import reading
from core.store.tables import run, sample, sample_label, sample_note, score

By = Literal["place", "total", "advantage", "surprise", "tokens", "score", "random"]
LOOK = 44_800  # samples looked through for a list: a run of 700 steps of 64; measured by benchmarks.samples
LOOK_SCORE = 18_000  # where a term's score is asked of each
LOOK_TEXT = 8_000  # where texts are searched
MOST_MARKS = 10_000
OFF = ("jit", "enable_seqscan", "enable_bitmapscan", "enable_hashjoin", "enable_mergejoin")  # of PostgreSQL's planner
PRIME = 2_147_483_647


@dataclass(frozen=True)
class Selection:
    """Which samples. None and "" leave a filter out; `first` and `last`: steps; `low` and `high`: of `term`'s raw score."""

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
    """In which order; what has no value comes last. `term`: whose score; `seed`: of a random order."""

    by: By = "place"
    down: bool = True
    term: str = ""
    seed: int = 0


@dataclass(frozen=True)
class Window:
    """The steps looked through. `whole`: all that were asked for; `runs`: how many have a sample there."""

    first: int
    last: int
    whole: bool
    runs: int


@dataclass(frozen=True)
class Page:
    """Some of a list, how long it is, and what was looked through for it."""

    ids: tuple[int, ...]
    count: int
    window: Window


def budget(chosen: Selection, sort: Sort) -> int | None:
    """How many samples are looked through for a list; None: an index names the few that can be in it."""
    if chosen.label or chosen.noted or chosen.problem:
        return None
    if chosen.text:
        return LOOK_TEXT
    return LOOK_SCORE if chosen.low is not None or chosen.high is not None or sort.by == "score" else LOOK


def _window(c: Connection, chosen: Selection, most: int | None) -> Window:
    """As many samples of each run as the others leave it: of those that have any. In two statements, however many runs."""
    here = [sample.c.run_id == run.c.id, sample.c.split == chosen.split]
    if chosen.last is not None:
        here.append(sample.c.step <= chosen.last)
    steps = select(sample.c.step).where(*here).order_by(sample.c.step.desc()).limit(1).correlate(run)

    def of(ids: Sequence[int], step: Select[tuple[int]]) -> list[tuple[int, int]]:
        found = c.execute(select(run.c.id, step.scalar_subquery()).where(run.c.id.in_(ids))).all()
        return [(run_id, step) for run_id, step in found if step is not None]

    first, ends = chosen.first or 0, of(chosen.runs, steps)
    newest = [step for _, step in ends]
    beyond = of([i for i, _ in ends], steps.offset(max(1, most // len(ends)))) if most and ends else []
    low = max([first, *(step + 1 for _, step in beyond)])  # the same steps of every run: arms stay comparable
    last = max(newest, default=-1)
    low = min(low, max(last, first))
    seen = sum(step >= low for step in newest)
    return Window(low, last if chosen.last is None else min(last, chosen.last), low == first, seen)


def _ranges(chosen: Selection) -> bool:
    return bool(chosen.term) and (chosen.low is not None or chosen.high is not None)


def _says(c: Connection, wanted: str) -> ColumnElement[bool]:
    """The text, in any case, in completion or prompt. SQLite's LIKE asks for no case (of A to Z); PostgreSQL has its own."""
    pattern = "%" + clean(wanted).replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    fields = (sample.c.completion, sample.c.prompt)
    if c.dialect.name == "postgresql":
        return or_(*(x.ilike(pattern, escape="\\") for x in fields))
    return or_(*(x.like(pattern, escape="\\") for x in fields))


def _of_marks(c: Connection, chosen: Selection, seen: Window) -> list[int]:
    """Ids of the samples with the note and the label asked for. Asked first: people write few, and a planner cannot know."""
    first, *others = [x for x, wanted in ((sample_label, chosen.label), (sample_note, chosen.noted)) if wanted]

    query = select(*(first.c[name] for name in Place._fields)).where(
        first.c.run_id.in_(chosen.runs), first.c.split == chosen.split, first.c.step.between(seen.first, seen.last)
    )
    for other in others:
        query = query.join(other, same_place(first, other))
    if chosen.label:
        query = query.where(sample_label.c.name == chosen.label)
    marked = query.limit(MOST_MARKS).subquery()
    return list(c.execute(select(sample.c.id).where(tuple_(*KEY).in_(select(marked)))).scalars())


def _where(c: Connection, chosen: Selection, seen: Window) -> list[ColumnElement[bool]]:
    if chosen.label or chosen.noted:
        where: list[ColumnElement[bool]] = [sample.c.id.in_(_of_marks(c, chosen, seen))]
    else:
        where = [sample.c.run_id.in_(chosen.runs), sample.c.split == chosen.split, sample.c.step.between(seen.first, seen.last)]
    for name in ("correct", "truncated", "dead"):
        if (wanted := getattr(chosen, name)) is not None:
            where.append(sample.c[name].is_(wanted))
    if chosen.disagree:
        where.append(sample.c.surprise > 0)
    if chosen.problem:
        where.append(sample.c.problem_id == clean(chosen.problem))
    if chosen.text:
        where.append(_says(c, chosen.text))
    return where


def _order(sort: Sort, raw: ColumnElement[Any] | None) -> list[ColumnElement[Any]]:
    place = [sample.c.step.desc(), sample.c.run_id, sample.c.group_index, sample.c.index_in_group]
    if sort.by == "place":
        return place if sort.down else [sample.c.step, *place[1:]]
    if sort.by == "random":  # a number that follows from id and seed alone: the same link shows the same draw
        once = (cast(sample.c.id, BigInteger) % PRIME * 48_271 + (sort.seed + 1) * 1_103_515_245 % PRIME) % PRIME
        return [once * (once % 65_536) % PRIME, sample.c.id]
    column = raw if raw is not None else sample.c["n_tokens" if sort.by == "tokens" else sort.by]
    return [column.is_(None), column.desc() if sort.down else column, *place]


def _query(c: Connection, chosen: Selection, seen: Window, sort: Sort | None, *columns: Any) -> Select[Any]:
    """Columns of the samples chosen; in the order of `sort`, where it is given."""
    query = select(*columns).select_from(sample)
    if _ranges(chosen):
        ranged = score.alias()
        bounds = [ranged.c.raw >= chosen.low] if chosen.low is not None else []
        bounds += [ranged.c.raw <= chosen.high] if chosen.high is not None else []
        query = query.join(ranged, and_(ranged.c.sample_id == sample.c.id, ranged.c.term == chosen.term, *bounds))
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
    """PostgreSQL may guess that reading a whole table costs less than the index: it is wrong for a list of bounded length."""
    with reading() as c:
        if c.dialect.name == "postgresql":
            off = (func.set_config(name, "off", True) for name in OFF)
            c.execute(select(*off, func.set_config("max_parallel_workers_per_gather", "0", True)))
        yield c


def page(chosen: Selection, sort: Sort, number: int, size: int) -> Page:
    """The ids of one page of a list (numbers from 1)."""
    with _by_index() as c:
        seen = _window(c, chosen, budget(chosen, sort))
        skip = (number - 1) * size
        # Counting in the same pass keeps every row for it: that is dearer, but where each sample costs something to look at.
        if chosen.text or _ranges(chosen):
            rows = c.execute(_query(c, chosen, seen, sort, sample.c.id, func.count().over()).limit(size).offset(skip)).all()
            ids, count = [r[0] for r in rows], rows[0][1] if rows else 0
        else:
            ids, count = list(c.execute(_query(c, chosen, seen, sort, sample.c.id).limit(size).offset(skip)).scalars()), 0
        if 0 < len(ids) < size:  # the last page
            count = skip + len(ids)
        elif not count and (ids or number > 1):
            count = c.execute(_query(c, chosen, seen, None, func.count())).scalar_one()
    return Page(tuple(ids), count, seen)


def every(chosen: Selection, sort: Sort, most: int, whole: bool = False) -> list[int]:
    """The ids of a list from its beginning, for a file: the list that `page` shows; `whole`: of all steps, however long."""
    with _by_index() as c:
        seen = _window(c, chosen, None if whole else budget(chosen, sort))
        return list(c.execute(_query(c, chosen, seen, sort, sample.c.id).limit(most)).scalars())
