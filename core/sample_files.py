"""A list of samples as a file: JSONL, Parquet, or a preference data set. Called by the Samples page and the CLI.

Written in pieces, so that memory holds one piece whatever the list's length. pyarrow is imported where it is used.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from core.config import RunConfig
from core.errors import SetupError
from core.parsing import parse
from core.preference import Rule, pair, row
from core.progress import Progress
from core.store import browse, lines, notes, queries
from core.store.browse import Selection, Sort
from core.store.lines import Place
from core.store.notes import Marks
from core.store.queries import SampleView
from core.sweep import said

Kind = Literal["jsonl", "parquet", "preferences"]
EVERYTHING = 2**62
PIECE = 250  # samples held at once: texts may be long
SCORE = ("term", "raw", "shaped", "weight", "contribution")
OWN = ("id", "scores", "token_nll")  # keys of this database, and what has a column of its own


def write(
    path: Path, kind: Kind, chosen: Selection, sort: Sort, progress: Progress, rule: Rule = "gold", most: int | None = None
) -> int:
    """Write the first `most` samples of the list a page shows, or without it all samples chosen; or the pairs of their groups.
    How many rows were written."""
    ids = browse.every(chosen, sort, most or EVERYTHING, whole=most is None)
    made = _pairs(ids, rule, progress) if kind == "preferences" else _samples(ids, chosen.runs, progress)
    return _parquet(path, made) if kind == "parquet" else _jsonl(path, made)


def _pieces(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[at : at + PIECE] for at in range(0, len(ids), PIECE))


def _samples(ids: Sequence[int], runs: Sequence[int], progress: Progress) -> Iterator[dict[str, Any]]:
    rows = (queries.run_detail(run_id).row for run_id in runs)
    names = {r.id: (r.experiment, r.arm, said(r.swept), r.seed) for r in rows}
    marked, done = notes.marks_of(runs), 0
    for some in _pieces(ids):
        for s in queries.samples_by_id(some):
            yield _plain(s, *names[s.run_id], marked.get(lines.place_of(s), Marks()))
        done += len(some)
        progress(done / len(ids))


def _plain(s: SampleView, experiment: str, arm: str, swept: str, seed: int, marks: Marks) -> dict[str, Any]:
    values = {name: getattr(s, name) for name in SampleView.__dataclass_fields__ if name not in OWN}
    scores = [{name: getattr(x, name) for name in SCORE} for x in s.scores]
    where = {"experiment": experiment, "arm": arm, "swept": swept, "seed": seed}
    return where | values | {"scores": scores, "note": marks.note, "labels": list(marks.labels)}


def _pairs(ids: Sequence[int], rule: Rule, progress: Progress) -> Iterator[dict[str, Any]]:
    """Each group of which the list has a sample, whole, once."""
    done, seen = 0, set[Place]()
    instructions: dict[int, str] = {}
    for some in _pieces(ids):
        for line in lines.lines(some):
            first = line.place._replace(index_in_group=0)
            if first in seen:
                continue
            seen.add(first)
            found = pair(lines.group(first), rule)
            if found is None:
                continue
            better, worse = queries.samples_by_id([x.id for x in found])
            if better.completion == worse.completion:
                continue
            if line.run_id not in instructions:
                config = parse(RunConfig, queries.run_detail(line.run_id).config)
                instructions[line.run_id] = config.data.instruction
            yield row(better.prompt, instructions[line.run_id], better.completion, worse.completion)
        done += len(some)
        progress(done / len(ids))


def _jsonl(path: Path, rows: Iterator[dict[str, Any]]) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for made in rows:
            file.write(json.dumps(made, ensure_ascii=False) + "\n")
            count += 1
    return count


def _parquet(path: Path, rows: Iterator[dict[str, Any]]) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise SetupError("Parquet needs pyarrow, which is not installed here: pip install pyarrow") from error
    count, schema = 0, _schema(pa)
    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        while some := list(islice(rows, PIECE)):
            file.write_table(pa.Table.from_pylist(some, schema=schema))
            count += len(some)
    return count


def _schema(pa: Any) -> Any:
    number, text, yes = pa.float64(), pa.string(), pa.bool_()
    kinds = {
        "correct": yes,
        "truncated": yes,
        "dead": yes,
        "note": text,
        "experiment": text,
        "arm": text,
        "swept": text,
        "labels": pa.list_(text),
    }
    kinds |= dict.fromkeys(("mean_nll", "total", "advantage", "surprise"), number)
    kinds |= dict.fromkeys(("split", "problem_id", "prompt", "completion", "gold", "parsed", "parsed_by"), text)
    kinds["scores"] = pa.list_(pa.struct([(name, text if name == "term" else number) for name in SCORE]))
    order = [
        "experiment",
        "arm",
        "swept",
        "seed",
        *(n for n in SampleView.__dataclass_fields__ if n not in OWN),
        "scores",
        "note",
        "labels",
    ]
    return pa.schema([(name, kinds.get(name, pa.int64())) for name in order])
