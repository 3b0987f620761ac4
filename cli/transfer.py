"""`showdown export` and `showdown import`: a run as a folder of files anybody can read, and back. Called by cli.main.

run.json is written last and names every other file with its size and hash: a folder without it is half an export.
pyarrow is imported where it is used; rows travel in pieces, so a run of any length fits a small machine.
"""

import json
import shutil
import socket
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import click
import yaml

from cli.export_texts import readme, script
from cli.up import open_store
from core.config import RunConfig
from core.errors import DataError, SetupError
from core.launch import outside
from core.metrics.series import best_step
from core.parsing import parse
from core.regular_files import regular
from core.settings import settings
from core.store import queries, transfer
from core.store.records import THREADS
from core.yaml_files import read_yaml
from worker.shared import Shared, digest

FORMAT, VERSION = "showdown-run", 1
CONFIG, RUN, ADAPTER = "config.yaml", "run.json", "adapter"
FILES = {  # in the order in which they are written and read: samples before their scores
    "metrics.parquet": "point",
    "samples.parquet": "sample",
    "scores.parquet": "score",
    "evaluations.parquet": "evaluation",
    "evaluation_items.parquet": "evaluation_item",
    "notes.parquet": "sample_note",
    "labels.parquet": "sample_label",
}
MOST_ROWS = 500_000_000
MOST_TEXT = 1_000_000_000  # bytes of a column in a piece
MOST_LIST = 100_000_000  # bytes of run.json
PARTS = {"run": dict, "events": list, "rows": dict, "files": dict, "from": dict}  # of it, and what each is
SAMPLES = ("samples.parquet", "scores.parquet", "notes.parquet", "labels.parquet")
AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _arrow() -> Any:
    try:
        import pyarrow
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        raise SetupError("Parquet needs pyarrow, which is not installed here: pip install pyarrow") from error
    return pyarrow


def _schema(name: str) -> Any:
    pa = _arrow()
    types = {"int": pa.int64(), "float": pa.float64(), "text": pa.string(), "json": pa.string(), "bool": pa.bool_()}
    return pa.schema([(column, types[kind]) for column, kind in transfer.columns(name).items()])


def _write(path: Path, name: str, rows: Iterator[transfer.Row]) -> int:
    pa, schema, count = _arrow(), _schema(name), 0
    with pa.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while piece := list(islice(rows, transfer.PIECE[name])):
            columns = [pa.array(values, kind) for values, kind in zip(zip(*piece, strict=True), schema.types, strict=True)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))
            count += len(piece)
    return count


def _read(path: Path, name: str) -> Iterator[dict[str, Sequence[Any]]]:
    pa = _arrow()
    kinds = transfer.columns(name)
    try:
        schema = pa.parquet.read_schema(regular(path))
        for field in schema:
            if field.name in kinds and not _fits(pa, field.type, kinds[field.name]):
                raise DataError(f"{path}: the column {field.name!r} is {field.type}, not {kinds[field.name]}")
        texts = [name for name in schema.names if kinds.get(name) in ("text", "json")]
        # Buffered ahead, a million samples took 400 MB more. Texts stay as they lie in the file, each once: see _bounded.
        with pa.parquet.ParquetFile(path, pre_buffer=False, read_dictionary=texts) as file:
            if file.metadata.num_rows > MOST_ROWS:
                raise DataError(f"{path} has {file.metadata.num_rows:,} rows; the most is {MOST_ROWS:,}")
            for piece in file.iter_batches(transfer.PIECE[name]):
                _bounded(pa, path, piece)
                yield piece.to_pydict()
    except (pa.ArrowException, OSError, MemoryError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}") from error


def _fits(pa: Any, type_: Any, kind: str) -> bool:
    """A column of this type holds values of the kind, and none that a database does not."""
    types = pa.types
    if types.is_dictionary(type_):
        type_ = type_.value_type
    if kind in ("text", "json"):
        return bool(types.is_string(type_) or types.is_large_string(type_) or types.is_null(type_))
    is_kind = {"int": types.is_signed_integer, "float": types.is_floating, "bool": types.is_boolean}[kind]
    return bool(is_kind(type_) or types.is_null(type_))


def _bounded(pa: Any, path: Path, piece: Any) -> None:
    """DataError before texts are written out, of which a small file can name a large one a million times."""
    for column, name in zip(piece.columns, piece.schema.names, strict=True):
        if pa.types.is_dictionary(column.type):
            lengths = pa.compute.binary_length(column.dictionary)
            total = pa.compute.sum(lengths.take(column.indices)).as_py() or 0
            if total > MOST_TEXT:
                raise DataError(
                    f"{path}: the column {name!r} has {total:,} bytes in {len(column):,} rows; the most is {MOST_TEXT:,}"
                )


def export_run(run_id: int, folder: Path, samples: bool = True) -> dict[str, Any]:
    """Write a run that has ended into `folder`, which must be empty or new. Returns what run.json says."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is not empty; nothing was written. Give a new folder")
    new = not folder.exists()
    try:
        with transfer.view(run_id) as seen:
            folder.mkdir(parents=True, exist_ok=True)
            return _fill(folder, seen, samples)
    except BaseException as error:
        for left in folder.iterdir() if folder.is_dir() else ():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        if new and folder.is_dir():
            folder.rmdir()
        if isinstance(error, OSError):
            raise DataError(f"{folder} cannot be written: {error.strerror or error}") from error
        raise


def _fill(folder: Path, seen: transfer.View, samples: bool) -> dict[str, Any]:
    head = dict(seen.head)
    values = head.pop("config")
    (folder / CONFIG).write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")
    rows = {}
    for file, name in FILES.items():
        if samples or file not in SAMPLES:
            rows[file] = _write(folder / file, name, seen.rows(name))
    adapter = _give_adapter(seen.run_id, head["step"], folder / ADAPTER)
    best = _best(seen)
    own, mixed = version("showdown"), any(event["kind"] == THREADS for event in seen.events)
    text = script(parse(RunConfig, values), seen.run_id, own, head["environment"] or {}, mixed)
    (folder / "train_standalone.py").write_text(text, encoding="utf-8")
    (folder / "README.md").write_text(readme(seen.run_id, head, rows, adapter, best, mixed), encoding="utf-8")
    made = {
        "format": FORMAT,
        "version": VERSION,
        "showdown": own,
        "exported_at": time.time(),
        "from": {"run": seen.run_id, "host": socket.gethostname(), "experiment": seen.experiment},
        "run": head,
        "best": best,
        "events": seen.events,
        "rows": rows,
        "files": {p.relative_to(folder).as_posix(): digest(p) for p in sorted(folder.rglob("*")) if p.is_file()},
    }
    half = folder / f"{RUN}.part"
    half.write_text(json.dumps(made, indent=1), encoding="utf-8")
    half.replace(folder / RUN)
    return made


def _give_adapter(run_id: int, step: int, target: Path) -> bool:
    """The adapter of the run's last step: from the shared place, for another machine may have gone on, else from here."""
    if settings().checkpoints:
        shared = Shared(run_id)
        said = shared.files(ADAPTER)
        if said and said["step"] == step:
            return shared.fetch(ADAPTER, target)
    here = settings().run_folder(run_id) / ADAPTER
    if here.is_dir():
        shutil.copytree(here, target)
    return here.is_dir()


def _best(seen: transfer.View) -> dict[str, Any] | None:
    """The evaluation with the highest accuracy; worker.keeper keeps the checkpoint of the same step."""
    names = list(transfer.columns("evaluation"))
    rated = {row[names.index("step")]: row[names.index("accuracy")] for row in seen.rows("evaluation")}
    step = best_step(rated)
    return None if step is None else {"step": step, "accuracy": rated[step]}


def _whole(folder: Path) -> dict[str, Any]:
    """What run.json says of a folder, which is then known to be complete and unchanged. DataError otherwise."""
    try:
        if regular(folder / RUN).stat().st_size > MOST_LIST:
            raise DataError(f"{folder / RUN} has more than {MOST_LIST:,} bytes: it is no export's")
        made = json.loads((folder / RUN).read_text(encoding="utf-8"))
        json.dumps(made, ensure_ascii=False).encode("utf-8")  # half a character, which JSON can write and a database cannot
    except FileNotFoundError as error:
        raise DataError(f"{folder} has no {RUN}: it is no export, or one that was not finished") from error
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{folder / RUN} cannot be read: {error}") from error
    if not isinstance(made, dict) or made.get("format") != FORMAT:
        raise DataError(f"{folder / RUN} does not describe an exported run")
    if made.get("version") != VERSION:
        raise DataError(
            f"{folder} is an export of version {made.get('version')} (by Showdown {made.get('showdown')}); "
            f"this Showdown {version('showdown')} reads version {VERSION}"
        )
    missing = sorted(name for name, kind in PARTS.items() if not isinstance(made.get(name), kind))
    if missing:
        raise DataError(f"{folder / RUN} says nothing of {missing[0]!r}: it was changed after the export")
    if not all(isinstance(event, dict) for event in made["events"]) or not {"run", "host"} <= set(made["from"]):
        raise DataError(f"{folder / RUN} has events or an origin that are none: it was changed after the export")
    for name in sorted({CONFIG, *made["rows"], *(f for f in FILES if f not in SAMPLES)} - set(made["files"])):
        raise DataError(f"{folder / RUN} does not name {name}: it was changed after the export")
    for name, said in made["files"].items():
        path = folder / name
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise DataError(f"{folder / RUN} names {name!r}, which lies outside the folder")
        if not path.is_file():
            raise DataError(f"{folder} is incomplete: {name} is missing")
        if any(p.is_symlink() for p in (path, *path.parents) if p != folder and p.is_relative_to(folder)):
            raise DataError(f"{path} is a link: only files of the folder itself are taken")
        if digest(path) != said:
            raise DataError(f"{path} is not what was exported: its size or hash differs")
    return made


def import_run(folder: Path) -> int:
    """Take an exported run in as a new one; returns its id. All of it or, with an error, nothing."""
    made = _whole(folder)
    head = {**made["run"], "config": read_yaml(folder / CONFIG)}
    files = [f for f in FILES if f in made["rows"]]
    names = {m for piece in _read(folder / "metrics.parquet", "point") for m in piece["metric"]}
    whence = f"run {made['from']['run']} of {made['from']['host']}"
    home: Path | None = None
    try:
        with transfer.restoring(head, made["events"], names, whence) as restore:
            for file in files:
                for piece in _read(folder / file, FILES[file]):
                    if file == "evaluations.parquet" and "samples.parquet" not in files:
                        piece["key"] = [None] * len(piece["step"])  # no other run may take a base from here without samples
                    restore.add(FILES[file], piece)
            home = settings().run_folder(restore.run_id)
            _take_adapter(folder, made["files"], home)
    except BaseException as error:
        if home is not None:
            shutil.rmtree(home / ADAPTER, ignore_errors=True)
        if isinstance(error, OSError):
            raise DataError(f"the adapter cannot be copied to {home}: {error.strerror or error}") from error
        raise
    return restore.run_id


def _take_adapter(folder: Path, files: dict[str, Any], home: Path) -> None:
    shutil.rmtree(home / ADAPTER, ignore_errors=True)  # of a run of an older database: this id is new
    for name in files:
        if name.startswith(f"{ADAPTER}/"):
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder / name, home / name)


@click.command("export")
@click.argument("run_id", metavar="RUN", type=int)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--no-samples", is_flag=True, help="Leave the completions and their scores out.")
@AS_JSON
def export_command(run_id: int, folder: Path, no_samples: bool, as_json: bool) -> None:
    """Write a run that has ended into a new folder DIR: config, metrics, samples, adapter, a script that trains it again."""
    open_store()
    began = time.perf_counter()
    made = export_run(run_id, folder.absolute(), samples=not no_samples)
    size = sum(f["bytes"] for f in made["files"].values())
    if as_json:
        found = {"run": run_id, "folder": str(folder), "rows": made["rows"], "files": sorted(made["files"]), "bytes": size}
        click.echo(json.dumps(found))
        return
    spent = time.perf_counter() - began
    click.echo(
        f"exported run {run_id} to {folder}: {size / 1e6:.1f} MB in {spent:.1f} s; {folder / 'README.md'} says what is what"
    )


@click.command("import")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@AS_JSON
def import_command(folder: Path, as_json: bool) -> None:
    """Take a folder that `showdown export` wrote back in, as a new run."""
    open_store()
    run_id = import_run(folder.absolute())
    for field, why in outside(parse(RunConfig, queries.run_detail(run_id).config)):
        click.echo(f"showdown: run {run_id} can be looked at but not trained here: {field}: {why}", err=True)
    click.echo(json.dumps({"run": run_id}) if as_json else f"imported {folder} as run {run_id}")
