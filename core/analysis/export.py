"""Writes a list of samples to a file: JSONL, Parquet, or a preference data set.

Writes in pieces, so that memory holds one piece whatever the list's length. Imports pyarrow only where it is
used.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from core.analysis.preference import Rule, pair, row
from core.common.errors import SetupError
from core.common.progress import Progress
from core.config.parsing import parse
from core.config.run import RunConfig
from core.config.sweep import said
from core.store.runs import queries
from core.store.runs.queries import SampleView
from core.store.samples import browse, lines, notes
from core.store.samples.browse import Selection, Sort
from core.store.samples.lines import Place
from core.store.samples.notes import Marks

Kind = Literal["jsonl", "parquet", "preferences"]
EVERYTHING = 2**62
PIECE = 250  # samples held at once: texts may be long
SCORE = ("term", "raw", "shaped", "weight", "contribution")
OWN = ("id", "scores", "token_nll")  # keys of this database, and values with columns of their own


def write(
    path: Path,
    kind: Kind,
    chosen: Selection,
    sort: Sort,
    progress: Progress,
    rule: Rule = "gold",
    most: int | None = None,
) -> int:
    """Write selected samples, or the preference pairs of their groups; returns the number of rows.

    `most`: only the first `most` samples of the list that a page shows; None: all samples selected.
    """
    ids = browse.every(chosen, sort, most or EVERYTHING, whole=most is None)
    rows = _pairs(ids, rule, progress) if kind == "preferences" else _samples(ids, chosen.runs, progress)
    return _parquet(path, rows) if kind == "parquet" else _jsonl(path, rows)


def _pieces(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[start : start + PIECE] for start in range(0, len(ids), PIECE))


def _samples(ids: Sequence[int], runs: Sequence[int], progress: Progress) -> Iterator[dict[str, Any]]:
    rows = (queries.run_detail(run_id).row for run_id in runs)
    names = {r.id: (r.experiment, r.arm, said(r.swept), r.seed) for r in rows}
    marked = notes.marks_of(runs)
    processed = 0
    for piece in _pieces(ids):
        for s in queries.samples_by_id(piece):
            yield _plain(s, *names[s.run_id], marked.get(lines.place_of(s), Marks()))
        processed += len(piece)
        progress(processed / len(ids))


def _plain(s: SampleView, experiment: str, arm: str, swept: str, seed: int, marks: Marks) -> dict[str, Any]:
    values = {name: getattr(s, name) for name in SampleView.__dataclass_fields__ if name not in OWN}
    scores = [{name: getattr(x, name) for name in SCORE} for x in s.scores]
    origin = {"experiment": experiment, "arm": arm, "swept": swept, "seed": seed}
    return origin | values | {"scores": scores, "note": marks.note, "labels": list(marks.labels)}


def _pairs(ids: Sequence[int], rule: Rule, progress: Progress) -> Iterator[dict[str, Any]]:
    """The preference pair of each group with a sample in the list: the group whole, and once."""
    processed = 0
    exported = set[Place]()
    instructions: dict[int, str] = {}
    for piece in _pieces(ids):
        for line in lines.lines(piece):
            first = line.place._replace(index_in_group=0)
            if first in exported:
                continue
            exported.add(first)
            preference = pair(lines.group(first), rule)
            if preference is None:
                continue
            better, worse = queries.samples_by_id([x.id for x in preference])
            if better.completion == worse.completion:
                continue
            if line.run_id not in instructions:
                config = parse(RunConfig, queries.run_detail(line.run_id).config)
                instructions[line.run_id] = config.data.instruction
            yield row(better.prompt, instructions[line.run_id], better.completion, worse.completion)
        processed += len(piece)
        progress(processed / len(ids))


def _jsonl(path: Path, rows: Iterator[dict[str, Any]]) -> int:
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for record in rows:
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
            count += 1
    return count


def _parquet(path: Path, rows: Iterator[dict[str, Any]]) -> int:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise SetupError("Parquet needs pyarrow, which is not installed here: pip install pyarrow") from error
    count = 0
    schema = _schema(pa)
    with pq.ParquetWriter(path, schema, compression="zstd") as file:
        while piece := list(islice(rows, PIECE)):
            file.write_table(pa.Table.from_pylist(piece, schema=schema))
            count += len(piece)
    return count


def _schema(pa: Any) -> Any:
    number = pa.float64()
    text = pa.string()
    yes = pa.bool_()
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
    kinds |= dict.fromkeys(
        ("split", "problem_id", "prompt", "completion", "gold", "parsed", "parsed_by"), text
    )
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
