"""A run, an experiment or a mix from a YAML file. Called by core.presets, the CLI, the replay tab and the design page."""

from pathlib import Path
from typing import Any, TextIO

import yaml

from core.config import RunConfig
from core.errors import ConfigError
from core.experiment import ExperimentConfig
from core.mix import Mix
from core.parsing import parse

MOST_NODES = 20_000
NOT_YAML = (yaml.YAMLError, ValueError, RecursionError)  # a date of no day, bytes of no text, brackets too deep
MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """YAML as it is meant: a key that is given twice is refused, where PyYAML silently takes the last one."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """As it is written: what `<<` brings in later may be given anew."""
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != MERGE:
                if (key.tag, key.value) in seen:
                    said = f"{key.value!r} is given twice; remove one"
                    raise yaml.composer.ComposerError(None, None, said, key.start_mark)
                seen.add((key.tag, key.value))
        return node


def _load(text: str | TextIO) -> Any:
    return yaml.load(text, _Loader)


def read_yaml(path: Path) -> Any:
    """The content of a YAML file; ConfigError naming file and place when it cannot be read."""
    try:
        with path.open(encoding="utf-8") as file:  # as a file: YAML's errors then name it
            return _load(file)
    except OSError as error:
        raise ConfigError([(str(path), f"cannot be read: {error.strerror}")]) from error
    except NOT_YAML as error:
        raise ConfigError([(str(path), f"is not YAML: {error}")]) from error


def load(path: Path) -> RunConfig | ExperimentConfig:
    """A run or an experiment from a YAML file; an experiment is what has `arms`."""
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise ConfigError([(str(path), "holds no settings; a run needs at least `mix`")])
    return _parsed(values)


def of_text(text: str, where: str = "the text") -> RunConfig | ExperimentConfig | Mix:
    """A run, an experiment or a mix from the text of such a file; ConfigError that names the line where it is no YAML."""
    try:
        values = _load(text)
    except NOT_YAML as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else where
        raise ConfigError([(place, f"is not YAML: {getattr(error, 'problem', None) or error}")]) from error
    if not isinstance(values, dict):
        raise ConfigError([(where, "holds no settings; a run needs `mix`, an experiment `arms`, a mix `terms`")])
    if _larger(values, MOST_NODES):
        raise ConfigError([(where, f"is larger than {MOST_NODES:,} values once its aliases are written out")])
    return parse(Mix, values) if "terms" in values else _parsed(values)


def _larger(values: Any, most: int) -> bool:
    """It has more than `most` values; an alias counts as often as it is used."""
    left, waiting = most, [values]
    while waiting and left >= 0:
        now = waiting.pop()
        inner = list(now.values()) if isinstance(now, dict) else list(now) if isinstance(now, list) else []
        left -= len(inner)
        waiting += inner
    return left < 0


def _parsed(values: dict[str, Any]) -> RunConfig | ExperimentConfig:
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
