"""Everything a finished run has left behind, to be compared bit for bit with the same run left alone."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, select

from core.common.settings import settings
from core.store.schema import evaluation, evaluation_item, metric, point, run, run_event, sample, score
from core.store.session import reading
from core.store.steps.records import GUARD, SWITCHED, THREADS
from worker.state.remote import digest

# By the clock or the machine's memory, so that no two runs agree: of these only where and how often they
# stand is compared.
CLOCKED_METRICS, CLOCKED_PREFIXES = ("eval/seconds",), ("speed/", "memory/")
CLOCKED_COLUMNS = ("seconds",)  # of an evaluation: how long it took
NUMBERED = ("id", "run_id", "sample_id")  # given out by the database in the order of writing
PLACE = ("split", "step", "group_index", "index_in_group")  # of a sample in its run
WEIGHTS, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"

Key = tuple[Any, ...]
Rows = dict[Key, list[Key]]


@dataclass(frozen=True)
class Ledger:
    """Table -> key -> the values under it: one tuple where all is well. `adapter`: file -> SHA-256 of the
    weights' bytes, the config's content."""

    rows: dict[str, Rows]
    adapter: dict[str, Any]

    def count(self, table: str) -> int:
        """Rows of a table; 1 for the adapter."""
        return 1 if table == "adapter" else sum(map(len, self.rows[table].values()))

    def steps(self) -> int:
        """How many steps have stored a loss."""
        return sum(key[0] == "policy/loss" for key in self.rows["point"])


@dataclass
class Difference:
    """Keys that are lost, stored more than once or not at all in the other, and those with other values."""

    lost: list[Key] = field(default_factory=list)
    doubled: list[Key] = field(default_factory=list)
    changed: list[Key] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.lost or self.doubled or self.changed)

    def __add__(self, other: "Difference") -> "Difference":
        return Difference(self.lost + other.lost, self.doubled + other.doubled, self.changed + other.changed)


def ledger(run_id: int) -> Ledger:
    """That of a run of this process's database and data directory."""
    samples, scores = sample.c.run_id == run_id, score.join(sample)
    tables: dict[str, Rows] = {
        "point": _rows(
            select(metric.c.name, point).join(metric).where(point.c.run_id == run_id),
            ("name", "step"),
            ("metric_id",),
        ),
        "sample": _rows(select(sample).where(samples), PLACE),
        "score": _rows(
            select(*(sample.c[n] for n in PLACE), score).select_from(scores).where(samples), (*PLACE, "term")
        ),
        "evaluation": _rows(select(evaluation).where(evaluation.c.run_id == run_id), ("step",)),
        "evaluation_item": _rows(
            select(evaluation_item).where(evaluation_item.c.run_id == run_id), ("step", "problem_id")
        ),
        "run": _rows(select(run.c.status, run.c.step, run.c.max_steps).where(run.c.id == run_id), ()),
        "event": _rows(_events(run_id), ("kind", "step", "detail")),
    }
    tables["point"] = {
        key: [() if _clocked(key[0]) else v for v in values] for key, values in tables["point"].items()
    }
    folder = settings().run_folder(run_id) / "adapter"
    config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    # a set, which peft writes in the order of the process's hashes
    config["target_modules"] = sorted(config["target_modules"])
    return Ledger(tables, {WEIGHTS: digest(folder / WEIGHTS), ADAPTER_CONFIG: config})


def _events(run_id: int) -> Select[Any]:
    """What belongs to a step and is undone with it, and the end; how often a run was resumed is no part of
    its result."""
    kinds = (SWITCHED, GUARD, THREADS, "done")
    columns = (run_event.c.kind, run_event.c.step, run_event.c.detail)
    return select(*columns).where(run_event.c.run_id == run_id, run_event.c.kind.in_(kinds))


def _clocked(name: str) -> bool:
    return name in CLOCKED_METRICS or name.startswith(CLOCKED_PREFIXES)


def _rows(query: Select[Any], key: Iterable[str], left_out: Iterable[str] = ()) -> Rows:
    """The rows of a query by their key."""
    names, rows = tuple(key), defaultdict(list)
    omitted = {*names, *left_out, *NUMBERED, *CLOCKED_COLUMNS}
    with reading() as c:
        for row in c.execute(query).mappings():
            rows[tuple(row[n] for n in names)].append(
                tuple(_plain(v) for n, v in row.items() if n not in omitted)
            )
    return dict(rows)


def _plain(value: Any) -> Any:
    """A JSON column's object as something that keys and tuples can hold."""
    return tuple(sorted(value.items())) if isinstance(value, Mapping) else value


def compared(there: Ledger, straight: Ledger) -> dict[str, Difference]:
    """Table -> how a run differs from the one that was left alone. Numbers are compared with ==."""
    differences = {table: _compared(there.rows[table], rows) for table, rows in straight.rows.items()}
    differences["adapter"] = Difference(
        changed=[(name,) for name in there.adapter if there.adapter[name] != straight.adapter[name]]
    )
    return differences


def _compared(there: Rows, straight: Rows) -> Difference:
    found = Difference()
    for key in {**straight, **there}:
        here, once = there.get(key, []), straight.get(key, [])
        if len(here) < len(once):
            found.lost.append(key)
        elif len(here) > len(once):
            found.doubled.append(key)
        elif here != once:
            found.changed.append(key)
    return found
