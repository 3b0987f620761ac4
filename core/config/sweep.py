"""Settings that differ between the runs of an experiment: their paths, their grid, and the runs' names.

Pure; must not know any class of core.config.run.
"""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any, get_args, get_origin

from core.common.config_model import Frozen
from core.common.setting_paths import put

MOST_RUNS = 512
FROM_ELSEWHERE = ("name", "seed", "mix")  # given by the arms and the seeds
WEIGHT = re.compile(r"mix\.terms\.([a-z0-9][a-z0-9_-]*)\.weight")
Swept = Mapping[str, Any]


@lru_cache
def settings(kind: type[Frozen]) -> dict[str, tuple[type[Frozen], str]]:
    """The settings of a config class that may be swept: numbers, switches, choices and texts.

    Maps each path to the class that holds the setting, and its name there.
    """
    return dict(_leaves(kind, ""))


def _leaves(kind: type[Frozen], path: str) -> list[tuple[str, tuple[type[Frozen], str]]]:
    leaves: list[tuple[str, tuple[type[Frozen], str]]] = []
    for name, info in kind.model_fields.items():
        if not path and name in FROM_ELSEWHERE:
            continue
        full_path = f"{path}.{name}" if path else name
        if isinstance(info.annotation, type) and issubclass(info.annotation, Frozen):
            leaves += _leaves(info.annotation, full_path)
        elif (
            not {get_origin(t) or t for t in (info.annotation, *get_args(info.annotation))} & {dict}
            and name != "guards"
        ):
            leaves.append((full_path, (kind, name)))
    return leaves


def refused(sweep: Mapping[str, Sequence[Any]], kind: type[Frozen]) -> list[tuple[str, str]]:
    """(path, message) for what cannot be a sweep, whatever the settings are."""
    sweepable = settings(kind)
    faults = []
    for path, values in sweep.items():
        duplicates = [v for i, v in enumerate(values) if v in values[:i] and not isinstance(v, bool)]
        if path not in sweepable and not WEIGHT.fullmatch(path):
            close_names = get_close_matches(path, sweepable, 1, 0.6)
            hint = (
                f"did you mean {close_names[0]}?"
                if close_names
                else "give a path such as grpo.beta, or mix.terms.closeness.weight"
            )
            faults.append((path, f"no setting that can be swept is called {path!r}; {hint}"))
        elif not values:
            faults.append((path, "has no value; give at least one, or remove the setting from the sweep"))
        elif duplicates:
            faults.append((path, f"the value {shown(duplicates[0])} is given twice; remove one"))
    return faults


def size(arms: int, seeds: int, sweep: Mapping[str, Sequence[Any]]) -> int:
    """Number of runs in the experiment."""
    return arms * seeds * prod(len(values) for values in sweep.values())


def grid(sweep: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every combination, the last setting moving fastest; a single empty one where nothing is swept."""
    return [dict(zip(sweep, values, strict=True)) for values in product(*sweep.values())]


def applied(values: Mapping[str, Any], swept: Swept) -> dict[str, Any]:
    """A run's settings with one combination put in.

    KeyError with the name of a term that the run's mix does not have.
    """
    result = dict(values)
    for path, value in swept.items():
        result = put(result, path, value)
    return result


def shown(value: Any) -> str:
    """A value as people write it: 0.04, true, empty."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def said(swept: Swept | None) -> str:
    """What distinguishes a run from its siblings: `beta 0.04, r 8`; empty where nothing is swept."""
    paths = list(swept or {})
    short_names = [_short(path) for path in paths]
    names = [
        path if short_names.count(name) > 1 else name for path, name in zip(paths, short_names, strict=True)
    ]
    return ", ".join(f"{name} {shown((swept or {})[path])}" for name, path in zip(names, paths, strict=True))


def variant(arm: str, swept: Swept | None) -> str:
    """Name shared by the runs that differ only in their seed, such as `hybrid, beta 0.04`."""
    return ", ".join(filter(None, (arm, said(swept))))


def run_name(arm: str, swept: Swept | None, seed: int) -> str:
    """Name of a run, such as `hybrid, beta 0.04, seed 1`."""
    return f"{variant(arm, swept)}, seed {seed}"


def brief(arm: str, swept: Swept | None, seed: int) -> str:
    """Short name of a run, without the names of settings: `hybrid, 0.04, seed 1`."""
    return ", ".join([arm, *map(shown, (swept or {}).values()), f"seed {seed}"])


def _short(path: str) -> str:
    term = WEIGHT.fullmatch(path)
    return f"{term[1]} weight" if term else path.rpartition(".")[2]
