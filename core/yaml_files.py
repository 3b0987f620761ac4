"""A run, an experiment or a mix from a YAML file. Called by core.presets, the CLI and the replay tab."""

from pathlib import Path
from typing import Any

import yaml

from core.config import RunConfig
from core.errors import ConfigError
from core.experiment import ExperimentConfig
from core.mix import Mix
from core.parsing import parse


def read_yaml(path: Path) -> Any:
    """The content of a YAML file; ConfigError naming file and place when it cannot be read."""
    try:
        with path.open(encoding="utf-8") as file:  # as a file: YAML's errors then name it
            return yaml.safe_load(file)
    except OSError as error:
        raise ConfigError([(str(path), f"cannot be read: {error.strerror}")]) from error
    except yaml.YAMLError as error:
        raise ConfigError([(str(path), f"is not YAML: {error}")]) from error


def load(path: Path) -> RunConfig | ExperimentConfig:
    """A run or an experiment from a YAML file; an experiment is what has `arms`."""
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise ConfigError([(str(path), "holds no settings; a run needs at least `mix`")])
    return parse(ExperimentConfig, values) if "arms" in values else parse(RunConfig, values)


def load_mix(path: Path, arm: str | None = None) -> tuple[Mix, RunConfig | None]:
    """A mix from a YAML file that holds one, a run, or an experiment (then `arm` says whose); and the run, if there is one."""
    values = read_yaml(path)
    if isinstance(values, dict) and "terms" in values:
        return parse(Mix, values), None
    return mix_of(load(path), arm, str(path))


def mix_of(made: RunConfig | ExperimentConfig, arm: str | None, where: str) -> tuple[Mix, RunConfig]:
    """The mix of a run, or of an experiment's arm."""
    if isinstance(made, RunConfig):
        return made.mix, made
    names = [a.name for a in made.arms]
    if arm is None and len(names) == 1:
        arm = names[0]
    if arm not in names:
        said = f"{arm!r} is no arm of {where}" if arm is not None else f"{where} has {len(names)} arms"
        raise ConfigError([("arm", f"{said}; say which with --arm: {', '.join(names)}")])
    run = made.runs()[names.index(arm)]
    return run.mix, run
