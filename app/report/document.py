"""What a report says, as data: made from the database, written as JSON, and made again to check it.

Figures are not in it: app.report.figures draws them from the same comparison.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from core.common.errors import DataError, NotFound
from core.compare import flags as flagging
from core.compare.answer import Answer, answer
from core.compare.catalogue import SCORES
from core.compare.comparison import PRIMARY, Comparison
from core.compare.evidence import Evidence
from core.compare.settings import settings
from core.compare.table import Cell, Table
from core.compare.tables import tables
from core.compare.validity import Remark
from core.config.experiment import ExperimentConfig
from core.config.parsing import parse
from core.store.runs import comparison, queries
from core.store.runs import evidence as stored
from core.store.runs.queries import RunRow
from core.store.steps import many_runs

FORMAT = "showdown-report"
VERSION = 3
MOST_RUNS = 1000


@dataclass(frozen=True)
class Flagged:
    """A flag of one run: its rule, its step, and the steps whose samples to look at."""

    run: int
    arm: str
    seed: int
    kind: str
    title: str
    step: int
    look: tuple[int, int]
    said: str


@dataclass(frozen=True)
class Document:
    """What a report says, without its figures.

    `answers`: one for each primary score. `flags`: all of them, by run. `clean`: (flagged, of) the runs
    that nothing went wrong with. `alarms`: how many of these each rule flagged. `differ`, `same`:
    settings by path. Texts hold names that people wrote: untrusted.
    """

    experiment: int
    name: str
    question: str
    primary: tuple[str, ...]
    fixed: bool
    horizon: int
    answers: tuple[Answer, ...]
    remarks: tuple[Remark, ...]
    tables: tuple[Table, ...]
    flags: tuple[Flagged, ...]
    clean: tuple[int, int]
    alarms: Mapping[str, int]
    arms: tuple[str, ...]
    differ: Mapping[str, tuple[Any, ...]]
    same: Mapping[str, Any]
    runs: tuple[Mapping[str, Any], ...]

    @property
    def outcome(self) -> str:
        """The primary outcome, and whether it was fixed before the first run."""
        named = ", ".join(SCORES[key].title.lower() for key in self.primary)
        when = "fixed before the first run" if self.fixed else "not fixed before the runs"
        return f"Primary outcome, {when}: {named}. Gold accuracy on held-out problems, compared up to step {self.horizon}."

    def facts(self) -> dict[str, dict[str, Any]]:
        """Every number of the tables by its place, with its runs and steps; `verify` compares these."""
        facts_by_place: dict[str, dict[str, Any]] = {}
        for table in self.tables:
            for i, row in enumerate(table.rows):
                for column, cell in zip(table.columns, row, strict=True):
                    if cell.value == cell.value:
                        facts_by_place[f"{table.key}/{i + 1}/{column.key}"] = {
                            **_said(row),
                            **self._fact(cell),
                        }
        return facts_by_place

    def _fact(self, cell: Cell) -> dict[str, Any]:
        steps = [0, self.horizon] if cell.step is None else [cell.step, cell.step]
        fact: dict[str, Any] = {"text": f"{cell.text} {cell.interval}".strip(), "value": cell.value}
        fact |= {"low": cell.low, "high": cell.high} if cell.low == cell.low else {}
        return {**fact, "n": cell.n, "runs": list(cell.runs), "steps": steps}

    def as_json(self) -> dict[str, Any]:
        """The document as it is written, with facts in place of tables."""
        plain = {k: v for k, v in asdict(self).items() if k != "tables"}
        return {"format": FORMAT, "version": VERSION, **plain, "facts": self.facts()}


def _said(row: Sequence[Cell]) -> dict[str, str]:
    return {"of": ", ".join(c.text for c in row if c.value != c.value)}


@dataclass(frozen=True)
class Found:
    """A document with the data that its figures are drawn from."""

    document: Document
    comparison: Comparison
    runs: tuple[Evidence, ...]
    rows: tuple[RunRow, ...]


def experiment_named(text: str) -> int:
    """The experiment with an id, or the newest with a name; NotFound lists the newest ones."""
    experiments = queries.experiments(limit=MOST_RUNS)
    by_id = next((e.id for e in experiments if text.isdigit() and e.id == int(text)), None)
    experiment_id = by_id or next(
        (e.id for e in sorted(experiments, key=lambda e: -e.id) if e.name == text), None
    )
    if experiment_id is None:
        names = ", ".join(f"{e.id} ({e.name})" for e in experiments[:5]) or "none yet"
        raise NotFound(f"there is no experiment {text!r}; the newest are {names}")
    return experiment_id


def found(experiment_id: int) -> Found:
    """An experiment's report as the database has it now.

    Raises NotFound without the experiment, DataError without runs.
    """
    config = parse(ExperimentConfig, many_runs.experiment_config(experiment_id))
    rows = tuple(sorted(queries.run_list(experiment_id, MOST_RUNS), key=lambda r: r.id))
    if not rows:
        raise DataError(f"experiment {experiment_id} has no runs; there is nothing to report")
    runs = tuple(stored.evidence([r.id for r in rows]))
    primary = config.primary or PRIMARY
    compared = comparison.compared(runs, config.thresholds, primary)
    arm_settings, (clean, alarms) = settings(runs), _alarms(compared, runs)
    document = Document(
        experiment=experiment_id, name=config.name, question=config.question, primary=primary, fixed=bool(config.primary),
        horizon=compared.horizon, answers=tuple(answer(compared, key) for key in primary), remarks=compared.remarks,
        tables=tables(compared, config.primary), flags=tuple(_flags(compared, runs)), clean=clean,
        alarms=alarms,
        arms=arm_settings.arms, differ=arm_settings.differ, same=arm_settings.same,
        runs=tuple({"run": r.id, "arm": r.variant, "seed": r.seed, "status": str(r.status), "step": r.step} for r in rows),
    )  # fmt: skip
    return Found(document, compared, runs, rows)


def _flags(c: Comparison, runs: Sequence[Evidence]) -> list[Flagged]:
    return [
        Flagged(r.run_id, r.arm, r.seed, f.kind, flagging.TITLES[f.kind], f.step, f.look, f.said)
        for r in runs
        for f in c.flags[r.run_id]
    ]


def _alarms(c: Comparison, runs: Sequence[Evidence]) -> tuple[tuple[int, int], dict[str, int]]:
    """False alarms: flags among the runs that ended well.

    Returns (how many of these runs raised a flag, how many there are), and how many each rule flagged.
    """
    well = [{f.kind for f in c.flags[r.run_id]} for r in runs if flagging.ended_well(r, c.horizon)]
    by_rule = {
        t.removeprefix("flag: "): sum(kind in raised for raised in well)
        for kind, t in flagging.TITLES.items()
    }
    return (sum(map(bool, well)), len(well)), by_rule
