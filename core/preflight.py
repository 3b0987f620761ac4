"""Faults that can be known before a model loads, where this machine is also the one that trains. Called by the forms
and the CLI at the moment of submitting.

With a broker of one's own (SHOWDOWN_BROKER_URL) the workers may be elsewhere, and paths are theirs to judge.
"""

from pathlib import Path
from typing import TypeVar

from core.config import SHIPPED_MODELS, DataConfig, DataSource, ExperimentConfig, ModelConfig, RunConfig
from core.errors import ConfigError, DataError
from core.problems import jsonl
from core.settings import settings

T = TypeVar("T", RunConfig, ExperimentConfig)


def problems_here(config: RunConfig) -> list[tuple[str, str]]:
    """(field path, message) for model folders and data files that cannot work on this machine."""
    found: list[tuple[str, str]] = []
    path = config.model.path
    local = Path(path).expanduser()
    if local.is_absolute() or path.startswith("."):
        if not local.is_dir():
            found.append(("model.path", f"{path!r} does not exist; give a folder, a hub name, tiny or tiny-sparse"))
        elif not (local / "config.json").is_file():
            found.append(("model.path", f"{path!r} has no config.json; give a folder written by save_pretrained"))
    sources: list[tuple[str, DataSource]] = [("data.train.path", config.data.train), ("data.eval.path", config.data.eval)]
    for field, source in sources:
        if source.path:
            try:  # the file is parsed whole: a bad line is said now
                jsonl.read(Path(source.path).expanduser(), source.question, source.answer, source.size)
            except DataError as error:
                found.append((field, str(error)))
    return found


def _whole(path: str) -> str:
    """A local path from the root; hub names and the shipped models as they are."""
    local = Path(path).expanduser()
    return str(local.absolute()) if path and (local.exists() or path.startswith((".", "~"))) else path


def _with_whole_paths(run: RunConfig) -> dict[str, ModelConfig | DataConfig]:
    model, data = run.model, run.data
    if model.path not in SHIPPED_MODELS:
        model = model.model_copy(update={"path": _whole(model.path)})
    train, held_out = (s.model_copy(update={"path": _whole(s.path)}) for s in (data.train, data.eval))
    return {"model": model, "data": data.model_copy(update={"train": train, "eval": held_out})}


def settled(config: T) -> T:
    """The config as it is queued: ConfigError with every such fault, and local paths whole, because the training is not
    started in the directory in which they were typed."""
    if settings().broker_url:
        return config
    run = config if isinstance(config, RunConfig) else config.runs()[0]
    found = problems_here(run)
    if found:
        raise ConfigError(found)
    whole = _with_whole_paths(run)
    if isinstance(config, RunConfig):
        return config.model_copy(update=whole)
    return config.model_copy(update={"run": {**config.run, **{k: v.model_dump(mode="json") for k, v in whole.items()}}})
