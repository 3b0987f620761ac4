"""Reads a run, an experiment or a mix from YAML, within limits on size and depth."""

from io import StringIO
from pathlib import Path
from typing import Any, TextIO

import yaml

from core.common.errors import ConfigError
from core.config.experiment import ExperimentConfig
from core.config.parsing import parse
from core.config.run import RunConfig
from core.files.regular_files import regular
from core.rewards.mix import Mix

MOST_CHARACTERS = 250_000
MOST_VALUES = 20_000  # once aliases and merges are written out: each counts as often as it is used
MOST_DEPTH = 40
# characters of a number: parsing one to the base of 60 (`1:59:59`) takes time quadratic in its length
MOST_DIGITS = 100
# ValueError: an impossible date, bytes that are not text
NOT_YAML = (yaml.YAMLError, ValueError, RecursionError)
MERGE = "tag:yaml.org,2002:merge"
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")


class _Loader(yaml.SafeLoader):
    """Loads YAML safely, and checks it against the limits before any value is built.

    A key that is given twice is refused, where PyYAML silently takes the last one.
    """

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose a node with all that is inside it; refuse one that is nested too deep."""
        self.depth += 1
        if self.depth > MOST_DEPTH:
            raise _refused(
                f"more than {MOST_DEPTH} levels deep",
                self.peek_event(),  # type: ignore[no-untyped-call]
            )
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        """Refuse a key that is written twice; one that `<<` merges in may be given again."""
        node = super().compose_mapping_node(anchor)
        keys = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != MERGE:
                if (key.tag, key.value) in keys:
                    raise _refused(f"{key.value!r} is given twice; remove one", key)
                keys.add((key.tag, key.value))
        return node

    def compose_scalar_node(self, anchor: Any) -> yaml.ScalarNode:
        node = super().compose_scalar_node(anchor)
        if node.tag in NUMBERS and len(node.value) > MOST_DIGITS:
            raise _refused(f"a number of more than {MOST_DIGITS} characters", node)
        return node


def _refused(what: str, where: Any) -> yaml.MarkedYAMLError:
    return yaml.composer.ComposerError(None, None, what, where.start_mark)


def _size(node: yaml.Node, known: dict[yaml.Node, int]) -> int:
    """Number of values in a node and all that is inside it, with aliases and merges written out.

    `known` caches the sizes of nodes that were visited.
    """
    if node not in known:
        known[node] = MOST_VALUES + 1  # for a node that contains itself
        children = (
            [child for pair in node.value for child in pair]
            if isinstance(node, yaml.MappingNode)
            else node.value
        )
        known[node] = 1 + (
            0 if isinstance(node, yaml.ScalarNode) else sum(_size(child, known) for child in children)
        )
    return known[node]


def _load(file: TextIO) -> Any:
    text = file.read(MOST_CHARACTERS + 1)
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"more than {MOST_CHARACTERS:,} characters")
    loader = _Loader(text)
    loader.name = getattr(file, "name", loader.name)  # YAML's errors name it
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        if _size(node, {}) > MOST_VALUES:
            raise _refused(f"more than {MOST_VALUES:,} values once its aliases are written out", node)
        return loader.construct_document(node)
    finally:
        loader.dispose()


def read_yaml(path: Path) -> Any:
    """The content of a YAML file; ConfigError naming file and place when it cannot be read."""
    try:
        with regular(path).open(encoding="utf-8") as file:
            return _load(file)
    except OSError as error:
        raise ConfigError([(str(path), f"cannot be read: {error.strerror}")]) from error
    except NOT_YAML as error:
        raise ConfigError([(str(path), f"is not YAML: {error}")]) from error


def load(path: Path) -> RunConfig | ExperimentConfig:
    """Load a run or an experiment from a YAML file; a file with `arms` is an experiment."""
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise ConfigError([(str(path), "holds no settings; a run needs at least `mix`")])
    return _parsed(values)


def of_text(text: str, where: str = "the text") -> RunConfig | ExperimentConfig | Mix:
    """Parse a run, an experiment or a mix from YAML text.

    ConfigError names the line where the text is not YAML.
    """
    try:
        values = _load(StringIO(text))
    except NOT_YAML as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}, column {mark.column + 1}" if mark else where
        raise ConfigError([(place, f"is not YAML: {getattr(error, 'problem', None) or error}")]) from error
    if not isinstance(values, dict):
        raise ConfigError(
            [(where, "holds no settings; a run needs `mix`, an experiment `arms`, a mix `terms`")]
        )
    return parse(Mix, values) if "terms" in values else _parsed(values)


def _parsed(values: dict[str, Any]) -> RunConfig | ExperimentConfig:
    return parse(ExperimentConfig, values) if "arms" in values else parse(RunConfig, values)


def load_mix(path: Path, arm: str | None = None) -> tuple[Mix, RunConfig | None]:
    """Load a mix from a YAML file, and the run that it belongs to, if there is one.

    The file holds a mix, a run, or an experiment; in the last case `arm` says whose mix.
    """
    values = read_yaml(path)
    if isinstance(values, dict) and "terms" in values:
        return parse(Mix, values), None
    return mix_of(load(path), arm, str(path))


def mix_of(made: RunConfig | ExperimentConfig, arm: str | None, where: str) -> tuple[Mix, RunConfig]:
    """The mix of a run or of an experiment's arm, with its run."""
    if isinstance(made, RunConfig):
        return made.mix, made
    names = [a.name for a in made.arms]
    if arm is None and len(names) == 1:
        arm = names[0]
    if arm not in names:
        problem = f"{arm!r} is no arm of {where}" if arm is not None else f"{where} has {len(names)} arms"
        raise ConfigError([("arm", f"{problem}; say which with --arm: {', '.join(names)}")])
    run = made.runs()[names.index(arm)]
    return run.mix, run
