"""`showdown export` and `showdown import`: a run as a folder of files anybody can read, and back.

run.json is written last and names every other file with its size and hash: a folder without it is an
incomplete export. pyarrow is imported where it is used; rows travel in pieces, so a run of any length fits a
small machine.
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

from cli.runs.export_texts import readme, script
from cli.server.up import open_store
from core.common.errors import DataError, SetupError
from core.common.settings import settings
from core.config.local_checks import outside
from core.config.parsing import parse
from core.config.run import RunConfig
from core.config.yaml_read import read_yaml
from core.files.regular_files import regular
from core.metrics.series import best_step
from core.store import transfer
from core.store.runs import queries
from core.store.steps.records import THREADS
from worker.state.remote import Shared, digest

FORMAT = "showdown-run"
VERSION = 1
CONFIG = "config.yaml"
RUN = "run.json"
ADAPTER = "adapter"
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
PARTS = {"run": dict, "events": list, "rows": dict, "files": dict, "from": dict}  # of run.json: key, type
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
    types = {
        "int": pa.int64(),
        "float": pa.float64(),
        "text": pa.string(),
        "json": pa.string(),
        "bool": pa.bool_(),
    }
    return pa.schema([(column, types[kind]) for column, kind in transfer.columns(name).items()])


def _write(path: Path, name: str, rows: Iterator[transfer.Row]) -> int:
    pa = _arrow()
    schema = _schema(name)
    count = 0
    with pa.parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        while piece := list(islice(rows, transfer.PIECE[name])):
            columns = [
                pa.array(values, kind)
                for values, kind in zip(zip(*piece, strict=True), schema.types, strict=True)
            ]
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
        # Buffering ahead took 400 MB more for a million samples. Texts stay as they are in the file, each
        # once: see _bounded.
        with pa.parquet.ParquetFile(path, pre_buffer=False, read_dictionary=texts) as file:
            if file.metadata.num_rows > MOST_ROWS:
                raise DataError(f"{path} has {file.metadata.num_rows:,} rows; the most is {MOST_ROWS:,}")
            for piece in file.iter_batches(transfer.PIECE[name]):
                _bounded(pa, path, piece)
                yield piece.to_pydict()
    except (pa.ArrowException, OSError, MemoryError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}") from error


def _fits(pa: Any, type_: Any, kind: str) -> bool:
    """Whether a column of this type holds values of the kind, and none that a database cannot."""
    types = pa.types
    if types.is_dictionary(type_):
        type_ = type_.value_type
    if kind in ("text", "json"):
        return bool(types.is_string(type_) or types.is_large_string(type_) or types.is_null(type_))
    is_kind = {"int": types.is_signed_integer, "float": types.is_floating, "bool": types.is_boolean}[kind]
    return bool(is_kind(type_) or types.is_null(type_))


def _bounded(pa: Any, path: Path, piece: Any) -> None:
    """Raise DataError before texts are expanded: a small file can name a large one a million times."""
    for column, name in zip(piece.columns, piece.schema.names, strict=True):
        if pa.types.is_dictionary(column.type):
            lengths = pa.compute.binary_length(column.dictionary)
            total = pa.compute.sum(lengths.take(column.indices)).as_py() or 0
            if total > MOST_TEXT:
                raise DataError(
                    f"{path}: the column {name!r} has {total:,} bytes in {len(column):,} rows; "
                    f"the most is {MOST_TEXT:,}"
                )


def export_run(run_id: int, folder: Path, samples: bool = True) -> dict[str, Any]:
    """Write a run that has ended into `folder`, which must be empty or new; return run.json's content."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} is not empty; nothing was written. Give a new folder")
    is_new = not folder.exists()
    try:
        with transfer.view(run_id) as view:
            folder.mkdir(parents=True, exist_ok=True)
            return _fill(folder, view, samples)
    except BaseException as error:
        for entry in folder.iterdir() if folder.is_dir() else ():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        if is_new and folder.is_dir():
            folder.rmdir()
        if isinstance(error, OSError):
            raise DataError(f"{folder} cannot be written: {error.strerror or error}") from error
        raise


def _fill(folder: Path, seen: transfer.View, samples: bool) -> dict[str, Any]:
    head = dict(seen.head)
    values = head.pop("config")
    (folder / CONFIG).write_text(
        yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8"
    )
    rows = {}
    for file, name in FILES.items():
        if samples or file not in SAMPLES:
            rows[file] = _write(folder / file, name, seen.rows(name))
    adapter = _give_adapter(seen.run_id, head["step"], folder / ADAPTER)
    best = _best(seen)
    own_version = version("showdown")
    mixed_threads = any(event["kind"] == THREADS for event in seen.events)
    text = script(
        parse(RunConfig, values), seen.run_id, own_version, head["environment"] or {}, mixed_threads
    )
    (folder / "train_standalone.py").write_text(text, encoding="utf-8")
    (folder / "README.md").write_text(
        readme(seen.run_id, head, rows, adapter, best, mixed_threads), encoding="utf-8"
    )
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "showdown": own_version,
        "exported_at": time.time(),
        "from": {"run": seen.run_id, "host": socket.gethostname(), "experiment": seen.experiment},
        "run": head,
        "best": best,
        "events": seen.events,
        "rows": rows,
        "files": {
            p.relative_to(folder).as_posix(): digest(p) for p in sorted(folder.rglob("*")) if p.is_file()
        },
    }
    part_file = folder / f"{RUN}.part"
    part_file.write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    part_file.replace(folder / RUN)
    return manifest


def _give_adapter(run_id: int, step: int, target: Path) -> bool:
    """Copy the adapter of the run's last step to `target`; returns whether there was one.

    From the shared place, since another machine may have continued the run, else from this machine.
    """
    if settings().checkpoints:
        shared = Shared(run_id)
        record = shared.files(ADAPTER)
        if record and record["step"] == step:
            return shared.fetch(ADAPTER, target)
    local_folder = settings().run_folder(run_id) / ADAPTER
    if local_folder.is_dir():
        shutil.copytree(local_folder, target)
    return local_folder.is_dir()


def _best(seen: transfer.View) -> dict[str, Any] | None:
    """The evaluation with the highest accuracy; None where there is none.

    worker.state.checkpoint_manager keeps the checkpoint of the same step.
    """
    names = list(transfer.columns("evaluation"))
    accuracy_by_step = {
        row[names.index("step")]: row[names.index("accuracy")] for row in seen.rows("evaluation")
    }
    step = best_step(accuracy_by_step)
    return None if step is None else {"step": step, "accuracy": accuracy_by_step[step]}


def _whole(folder: Path) -> dict[str, Any]:
    """Read run.json, and check that its folder is complete and unchanged; DataError otherwise."""
    try:
        if regular(folder / RUN).stat().st_size > MOST_LIST:
            raise DataError(f"{folder / RUN} has more than {MOST_LIST:,} bytes: it is no export's")
        manifest = json.loads((folder / RUN).read_text(encoding="utf-8"))
        # a lone surrogate, which JSON can hold and a database cannot
        json.dumps(manifest, ensure_ascii=False).encode("utf-8")
    except FileNotFoundError as error:
        raise DataError(f"{folder} has no {RUN}: it is no export, or one that was not finished") from error
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{folder / RUN} cannot be read: {error}") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise DataError(f"{folder / RUN} does not describe an exported run")
    if manifest.get("version") != VERSION:
        raise DataError(
            f"{folder} is an export of version {manifest.get('version')} "
            f"(by Showdown {manifest.get('showdown')}); "
            f"this Showdown {version('showdown')} reads version {VERSION}"
        )
    missing = sorted(name for name, kind in PARTS.items() if not isinstance(manifest.get(name), kind))
    if missing:
        raise DataError(f"{folder / RUN} says nothing of {missing[0]!r}: it was changed after the export")
    if not all(isinstance(event, dict) for event in manifest["events"]) or not {"run", "host"} <= set(
        manifest["from"]
    ):
        raise DataError(
            f"{folder / RUN} has events or an origin that are none: it was changed after the export"
        )
    for name in sorted(
        {CONFIG, *manifest["rows"], *(f for f in FILES if f not in SAMPLES)} - set(manifest["files"])
    ):
        raise DataError(f"{folder / RUN} does not name {name}: it was changed after the export")
    for name, expected in manifest["files"].items():
        path = folder / name
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            raise DataError(f"{folder / RUN} names {name!r}, which lies outside the folder")
        if not path.is_file():
            raise DataError(f"{folder} is incomplete: {name} is missing")
        if any(p.is_symlink() for p in (path, *path.parents) if p != folder and p.is_relative_to(folder)):
            raise DataError(f"{path} is a link: only files of the folder itself are taken")
        if digest(path) != expected:
            raise DataError(f"{path} is not what was exported: its size or hash differs")
    return manifest


def import_run(folder: Path) -> int:
    """Import an exported run as a new one and return its id; on an error nothing is imported."""
    manifest = _whole(folder)
    head = {**manifest["run"], "config": read_yaml(folder / CONFIG)}
    files = [f for f in FILES if f in manifest["rows"]]
    names = {m for piece in _read(folder / "metrics.parquet", "point") for m in piece["metric"]}
    origin = f"run {manifest['from']['run']} of {manifest['from']['host']}"
    home: Path | None = None
    try:
        with transfer.restoring(head, manifest["events"], names, origin) as restore:
            for file in files:
                for piece in _read(folder / file, FILES[file]):
                    if file == "evaluations.parquet" and "samples.parquet" not in files:
                        # without samples no other run may take its base evaluation from here
                        piece["key"] = [None] * len(piece["step"])
                    restore.add(FILES[file], piece)
            home = settings().run_folder(restore.run_id)
            _take_adapter(folder, manifest["files"], home)
    except BaseException as error:
        if home is not None:
            shutil.rmtree(home / ADAPTER, ignore_errors=True)
        if isinstance(error, OSError):
            raise DataError(f"the adapter cannot be copied to {home}: {error.strerror or error}") from error
        raise
    return restore.run_id


def _take_adapter(folder: Path, files: dict[str, Any], home: Path) -> None:
    shutil.rmtree(home / ADAPTER, ignore_errors=True)  # left by a run of an older database: this id is new
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
    """Write a run that has ended into a new folder DIR: config, metrics, samples, adapter, a script that
    trains it again."""
    open_store()
    began = time.perf_counter()
    manifest = export_run(run_id, folder.absolute(), samples=not no_samples)
    size = sum(f["bytes"] for f in manifest["files"].values())
    if as_json:
        result = {
            "run": run_id,
            "folder": str(folder),
            "rows": manifest["rows"],
            "files": sorted(manifest["files"]),
            "bytes": size,
        }
        click.echo(json.dumps(result))
        return
    seconds = time.perf_counter() - began
    click.echo(
        f"exported run {run_id} to {folder}: {size / 1e6:.1f} MB in {seconds:.1f} s; "
        f"{folder / 'README.md'} says what is what"
    )


@click.command("import")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@AS_JSON
def import_command(folder: Path, as_json: bool) -> None:
    """Take a folder that `showdown export` wrote back in, as a new run."""
    open_store()
    run_id = import_run(folder.absolute())
    for field, fault in outside(parse(RunConfig, queries.run_detail(run_id).config)):
        click.echo(
            f"showdown: run {run_id} can be looked at but not trained here: {field}: {fault}", err=True
        )
    click.echo(json.dumps({"run": run_id}) if as_json else f"imported {folder} as run {run_id}")
