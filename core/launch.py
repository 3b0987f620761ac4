"""Faults that can be known before a model loads, where this machine is also the one that trains. Called by the forms
and the CLI at the moment of submitting.

With a broker of one's own (SHOWDOWN_BROKER_URL) the workers may be elsewhere, and paths are theirs to judge.
"""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from core import model_folders, roots
from core.config import SHIPPED_MODELS, DataConfig, DataSource, ModelConfig, RunConfig
from core.errors import ConfigError, DataError, OutsideRoots
from core.experiment import ExperimentConfig
from core.mix import Mix
from core.problems import jsonl
from core.rewards import reward_model
from core.settings import settings

PATHS = ("model.path", "data.train.path", "data.eval.path")  # settings that may name something on this machine
T = TypeVar("T", RunConfig, ExperimentConfig, RunConfig | ExperimentConfig)


def _folder_fault(path: str, otherwise: str) -> str | None:
    """Why a model's path cannot work on this machine; None for a usable folder and for every hub name."""
    if path in SHIPPED_MODELS:
        return None
    if not roots.is_path(path):
        slip = get_close_matches(path, SHIPPED_MODELS, 1, 0.7)
        return f"{path!r} is no model; did you mean {slip[0]}?" if slip else None
    try:
        folder = roots.folder(path)
    except OutsideRoots as error:
        return str(error)
    if not os.path.isdir(folder):
        return f"{roots.shown(path)} does not exist; give {otherwise}"
    why = model_folders.fault(folder)
    return f"{path!r} {why}" if why else None


def _mixes(config: RunConfig | ExperimentConfig) -> list[tuple[str, Mix]]:
    """(field path, mix) of a run, or of every arm."""
    if isinstance(config, RunConfig):
        return [("mix", config.mix)]
    return [(f"arms.{i}.mix", arm.mix) for i, arm in enumerate(config.arms)]


@lru_cache(maxsize=64)  # the runs of a sweep share their files
def _unreadable(path: str, question: str, answer: str, size: int | None, _changed: float) -> str:
    try:  # the file is parsed whole: a bad line is said now
        jsonl.read(Path(path), question, answer, size, roots.open_text)
    except (DataError, OutsideRoots) as error:
        return str(error)
    return ""


def _file_fault(source: DataSource) -> str:
    """Why a data file cannot be used; empty for a good one."""
    if why := roots.fault(source.path):
        return why
    path = os.path.expanduser(source.path)
    changed = os.stat(path).st_mtime if os.path.isfile(path) else 0.0
    return _unreadable(path, source.question, source.answer, source.size, changed)


def packages_used(run: RunConfig) -> list[tuple[str, str, str]]:
    """(field path, package, how to install it) for the settings that need a package of an optional extra."""
    extra = "run pip install -e '.[{}]' in Showdown's folder".format
    optional = [
        ("grpo.use_vllm", run.grpo.use_vllm, "vllm", extra("worker,vllm")),
        ("grpo.use_liger_kernel", run.grpo.use_liger_kernel, "liger_kernel", extra("liger")),
        ("model.load_in_4bit", run.model.load_in_4bit, "bitsandbytes", extra("quantization")),
        (
            "model.attn_implementation",
            run.model.attn_implementation == "flash_attention_2",
            "flash_attn",
            "run pip install flash-attn",
        ),
    ]
    return [(field, package, repair) for field, on, package, repair in optional if on]


def packages_missing(run: RunConfig) -> list[tuple[str, str]]:
    """(field path, message) for settings whose package is not installed in this Python."""
    return [
        (field, f"needs the package {package}, which is not installed here: {repair}, or turn it off")
        for field, package, repair in packages_used(run)
        if find_spec(package) is None
    ]


def problems_here(config: RunConfig | ExperimentConfig) -> list[tuple[str, str]]:
    """(field path, message) for model folders, data files and missing packages that cannot work on this machine."""
    found: list[tuple[str, str]] = []
    for run in [config] if isinstance(config, RunConfig) else config.runs():
        fault = _folder_fault(run.model.path, "a folder, a hub name, tiny or tiny-sparse")
        here = [("model.path", fault)] if fault else []
        here += packages_missing(run)
        sources: list[tuple[str, DataSource]] = [("data.train.path", run.data.train), ("data.eval.path", run.data.eval)]
        here += [(field, said) for field, source in sources if source.path and (said := _file_fault(source))]
        found += [fault for fault in here if fault not in found]
    for where, mix in _mixes(config):
        for i, term in enumerate(mix.terms):
            if term.component == reward_model.NAME:
                path = str(term.params["path"])
                fault = _folder_fault(path, "a folder or a hub name") if path else "is empty; give a folder or a hub name"
                found += [(f"{where}.terms.{i}.params.path", fault)] if fault else []
    return found


def _places(config: RunConfig | ExperimentConfig) -> Iterator[tuple[str, str]]:
    """(field path, path) of all that a config names on a machine, for every value that is swept."""
    sweep: dict[str, tuple[Any, ...]] = {}
    if isinstance(config, RunConfig):
        model, data = config.model, config.data
    else:
        model = ModelConfig.model_validate(config.run.get("model", {}))
        data = DataConfig.model_validate(config.run.get("data", {}))
        sweep = config.sweep
    for field, path in zip(PATHS, (model.path, data.train.path, data.eval.path), strict=True):
        for value in map(str, sweep.get(field, (path,))):
            if value not in ("", *SHIPPED_MODELS) and (field != "model.path" or roots.is_path(value)):
                yield field, value
    for where, mix in _mixes(config):
        for i, term in enumerate(mix.terms):
            if term.component == reward_model.NAME and (path := str(term.params["path"])) and roots.is_path(path):
                yield f"{where}.terms.{i}.params.path", path


def outside(config: RunConfig | ExperimentConfig) -> list[tuple[str, str]]:
    """(field path, message) for every path that this machine would not read. Opens nothing: quick enough for every rerun of a
    page. Empty with a broker of one's own, where the workers' data roots decide."""
    if settings().broker_url:
        return []
    return [(field, why) for field, path in _places(config) if (why := roots.fault(path))]


def refuse_outside(config: RunConfig | ExperimentConfig) -> None:
    """ConfigError for paths that this machine would not read, before a config from the database is trained again."""
    if faults := outside(config):
        raise ConfigError(faults)


def _whole(path: str) -> str:
    """A local path from the root; hub names and the shipped models as they are."""
    return str(Path(os.path.expanduser(path)).absolute()) if path and roots.is_path(path) else path


def _with_whole_paths(run: RunConfig) -> dict[str, ModelConfig | DataConfig]:
    model, data = run.model, run.data
    if model.path not in SHIPPED_MODELS:
        model = model.model_copy(update={"path": _whole(model.path)})
    train, held_out = (s.model_copy(update={"path": _whole(s.path)}) for s in (data.train, data.eval))
    return {"model": model, "data": data.model_copy(update={"train": train, "eval": held_out})}


def _whole_mix(mix: Mix) -> Mix:
    terms = tuple(
        t.model_copy(update={"params": {**t.params, "path": _whole(str(t.params["path"]))}})
        if t.component == reward_model.NAME
        else t
        for t in mix.terms
    )
    return mix.model_copy(update={"terms": terms})


def settled(config: T) -> T:
    """The config as it is queued: ConfigError with every such fault, and local paths whole, because the training is not
    started in the directory in which they were typed."""
    if settings().broker_url:
        return config
    found = problems_here(config)
    if found:
        raise ConfigError(found)
    if isinstance(config, RunConfig):
        return config.model_copy(update={**_with_whole_paths(config), "mix": _whole_mix(config.mix)})
    whole = {k: v.model_dump(mode="json") for k, v in _with_whole_paths(config.runs()[0]).items()}
    arms = tuple(a.model_copy(update={"mix": _whole_mix(a.mix)}) for a in config.arms)
    sweep = {
        path: tuple(v if v in SHIPPED_MODELS else _whole(str(v)) for v in values) if path in PATHS else values
        for path, values in config.sweep.items()
    }
    return config.model_copy(update={"run": {**config.run, **whole}, "arms": arms, "sweep": sweep})
