"""Faults that can be known before a model loads, where this machine is also the one that trains. Called by the forms
and the CLI at the moment of submitting.

With a broker of one's own (SHOWDOWN_BROKER_URL) the workers may be elsewhere, and paths are theirs to judge.
"""

from pathlib import Path

from core.config import DataSource, ExperimentConfig, RunConfig
from core.errors import ConfigError, DataError
from core.problems import jsonl
from core.settings import settings


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
            try:
                jsonl.read(Path(source.path).expanduser(), source.question, source.answer, source.size)
            except DataError as error:
                found.append((field, str(error)))
    return found


def check_here(config: RunConfig | ExperimentConfig) -> None:
    """ConfigError with every such fault, when this machine does the training."""
    if settings().broker_url:
        return
    run = config if isinstance(config, RunConfig) else config.runs()[0]
    found = problems_here(run)
    if found:
        raise ConfigError(found)
