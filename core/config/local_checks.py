"""Finds faults that can be known before a model loads, where this machine is also the one that trains.

With a broker of one's own (SHOWDOWN_BROKER_URL) the workers may be elsewhere, and paths are theirs to
judge.
"""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from core.common.errors import ConfigError, DataError, OutsideRoots
from core.common.settings import settings
from core.config.experiment import ExperimentConfig
from core.config.run import SHIPPED_MODELS, DataConfig, DataSource, ModelConfig, RunConfig
from core.files import data_roots, model_folders
from core.problems import jsonl
from core.rewards.components import reward_model
from core.rewards.mix import Mix

# settings that may name something on this machine
PATHS = ("model.path", "data.train.path", "data.eval.path")
T = TypeVar("T", RunConfig, ExperimentConfig, RunConfig | ExperimentConfig)


def _folder_fault(path: str, otherwise: str) -> str | None:
    """Why a model's path cannot work on this machine; None for a usable folder and for every hub name."""
    if path in SHIPPED_MODELS:
        return None
    if not data_roots.is_path(path):
        close_names = get_close_matches(path, SHIPPED_MODELS, 1, 0.7)
        return f"{path!r} is no model; did you mean {close_names[0]}?" if close_names else None
    try:
        folder = data_roots.folder(path)
    except OutsideRoots as error:
        return str(error)
    if not os.path.isdir(folder):
        return f"{data_roots.shown(path)} does not exist; give {otherwise}"
    fault = model_folders.fault(folder)
    return f"{path!r} {fault}" if fault else None


def _mixes(config: RunConfig | ExperimentConfig) -> list[tuple[str, Mix]]:
    """(field path, mix) of a run, or of every arm."""
    if isinstance(config, RunConfig):
        return [("mix", config.mix)]
    return [(f"arms.{i}.mix", arm.mix) for i, arm in enumerate(config.arms)]


@lru_cache(maxsize=64)  # the runs of a sweep share their files
def _unreadable(path: str, question: str, answer: str, size: int | None, _changed: float) -> str:
    try:  # parse the whole file, so that a bad line is reported now
        jsonl.read(Path(path), question, answer, size, data_roots.open_text)
    except (DataError, OutsideRoots) as error:
        return str(error)
    return ""


def _file_fault(source: DataSource) -> str:
    """Why a data file cannot be used; empty for a good one."""
    if fault := data_roots.fault(source.path):
        return fault
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
    """(field path, message) for model folders, data files and packages that cannot work on this machine."""
    problems: list[tuple[str, str]] = []
    for run in [config] if isinstance(config, RunConfig) else config.runs():
        fault = _folder_fault(run.model.path, "a folder, a hub name, tiny or tiny-sparse")
        run_problems = [("model.path", fault)] if fault else []
        run_problems += packages_missing(run)
        sources: list[tuple[str, DataSource]] = [
            ("data.train.path", run.data.train),
            ("data.eval.path", run.data.eval),
        ]
        run_problems += [
            (field, message) for field, source in sources if source.path and (message := _file_fault(source))
        ]
        problems += [fault for fault in run_problems if fault not in problems]
    for mix_path, mix in _mixes(config):
        for i, term in enumerate(mix.terms):
            if term.component == reward_model.NAME:
                path = str(term.params["path"])
                fault = (
                    _folder_fault(path, "a folder or a hub name")
                    if path
                    else "is empty; give a folder or a hub name"
                )
                problems += [(f"{mix_path}.terms.{i}.params.path", fault)] if fault else []
    return problems


def _places(config: RunConfig | ExperimentConfig) -> Iterator[tuple[str, str]]:
    """(field path, path) for every path that a config names on a machine, swept values included."""
    sweep: dict[str, tuple[Any, ...]] = {}
    if isinstance(config, RunConfig):
        model = config.model
        data = config.data
    else:
        model = ModelConfig.model_validate(config.run.get("model", {}))
        data = DataConfig.model_validate(config.run.get("data", {}))
        sweep = config.sweep
    for field, path in zip(PATHS, (model.path, data.train.path, data.eval.path), strict=True):
        for value in map(str, sweep.get(field, (path,))):
            if value not in ("", *SHIPPED_MODELS) and (field != "model.path" or data_roots.is_path(value)):
                yield field, value
    for mix_path, mix in _mixes(config):
        for i, term in enumerate(mix.terms):
            if (
                term.component == reward_model.NAME
                and (path := str(term.params["path"]))
                and data_roots.is_path(path)
            ):
                yield f"{mix_path}.terms.{i}.params.path", path


def outside(config: RunConfig | ExperimentConfig) -> list[tuple[str, str]]:
    """(field path, message) for every path that this machine would not read.

    Opens nothing, so it is quick enough for every rerun of a page. Empty with a broker of one's own, where
    the workers' data roots decide.
    """
    if settings().broker_url:
        return []
    return [(field, fault) for field, path in _places(config) if (fault := data_roots.fault(path))]


def refuse_outside(config: RunConfig | ExperimentConfig) -> None:
    """Raise ConfigError for paths that this machine would not read.

    Guards a config from the database before it is trained again.
    """
    if faults := outside(config):
        raise ConfigError(faults)


def _whole(path: str) -> str:
    """Make a local path absolute; leave hub names and the shipped models as they are."""
    return str(Path(os.path.expanduser(path)).absolute()) if path and data_roots.is_path(path) else path


def _with_whole_paths(run: RunConfig) -> dict[str, ModelConfig | DataConfig]:
    model = run.model
    data = run.data
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
    """The config as it is queued, with absolute local paths; ConfigError with every fault found here.

    Paths are made absolute because the training does not start in the directory in which they were typed.
    """
    if settings().broker_url:
        return config
    problems = problems_here(config)
    if problems:
        raise ConfigError(problems)
    if isinstance(config, RunConfig):
        return config.model_copy(update={**_with_whole_paths(config), "mix": _whole_mix(config.mix)})
    sections = {k: v.model_dump(mode="json") for k, v in _with_whole_paths(config.runs()[0]).items()}
    arms = tuple(a.model_copy(update={"mix": _whole_mix(a.mix)}) for a in config.arms)
    sweep = {
        path: tuple(v if v in SHIPPED_MODELS else _whole(str(v)) for v in values) if path in PATHS else values
        for path, values in config.sweep.items()
    }
    return config.model_copy(update={"run": {**config.run, **sections}, "arms": arms, "sweep": sweep})
