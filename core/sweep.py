"""Settings that differ from run to run of an experiment: paths, the grid they span, how a run is told from another.

Called by core.config (which expands an experiment), core.store and the pages. Pure; knows no class of core.config.
"""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from itertools import product
from math import prod
from typing import Any, get_args, get_origin

from core.frozen import Frozen
from core.paths import put

MOST_RUNS = 512
FROM_ELSEWHERE = ("name", "seed", "mix")  # said by the arms and the seeds
WEIGHT = re.compile(r"mix\.terms\.([a-z0-9][a-z0-9_-]*)\.weight")
Swept = Mapping[str, Any]


@lru_cache
def settings(kind: type[Frozen]) -> dict[str, tuple[type[Frozen], str]]:
    """The settings of a config class that may be swept: numbers, switches, choices and texts.

    By path, the class that holds each and its name there.
    """
    return dict(_leaves(kind, ""))


def _leaves(kind: type[Frozen], path: str) -> list[tuple[str, tuple[type[Frozen], str]]]:
    found: list[tuple[str, tuple[type[Frozen], str]]] = []
    for name, info in kind.model_fields.items():
        if not path and name in FROM_ELSEWHERE:
            continue
        where = f"{path}.{name}" if path else name
        if isinstance(info.annotation, type) and issubclass(info.annotation, Frozen):
            found += _leaves(info.annotation, where)
        elif not {get_origin(t) or t for t in (info.annotation, *get_args(info.annotation))} & {dict} and name != "guards":
            found.append((where, (kind, name)))
    return found


def refused(sweep: Mapping[str, Sequence[Any]], kind: type[Frozen]) -> list[tuple[str, str]]:
    """(path, message) for what is no sweep, whatever the settings are."""
    known, found = settings(kind), []
    for path, values in sweep.items():
        twice = [v for i, v in enumerate(values) if v in values[:i] and not isinstance(v, bool)]
        if path not in known and not WEIGHT.fullmatch(path):
            near = get_close_matches(path, known, 1, 0.6)
            hint = f"did you mean {near[0]}?" if near else "give a path such as grpo.beta, or mix.terms.closeness.weight"
            found.append((path, f"no setting that can be swept is called {path!r}; {hint}"))
        elif not values:
            found.append((path, "has no value; give at least one, or remove the setting from the sweep"))
        elif twice:
            found.append((path, f"the value {shown(twice[0])} is given twice; remove one"))
    return found


def size(arms: int, seeds: int, sweep: Mapping[str, Sequence[Any]]) -> int:
    """How many runs that makes."""
    return arms * seeds * prod(len(values) for values in sweep.values())


def grid(sweep: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every combination, the last setting moving fastest; one without settings where nothing is swept."""
    return [dict(zip(sweep, values, strict=True)) for values in product(*sweep.values())]


def applied(values: Mapping[str, Any], swept: Swept) -> dict[str, Any]:
    """A run's settings with one combination put in. KeyError with the name of a term that its mix has not."""
    made = dict(values)
    for path, value in swept.items():
        made = put(made, path, value)
    return made


def shown(value: Any) -> str:
    """A value as people write it: 0.04, true, empty."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def said(swept: Swept | None) -> str:
    """What tells a run from its siblings: `beta 0.04, r 8`. Empty where nothing is swept."""
    paths = list(swept or {})
    short = [_short(path) for path in paths]
    names = [path if short.count(name) > 1 else name for path, name in zip(paths, short, strict=True)]
    return ", ".join(f"{name} {shown((swept or {})[path])}" for name, path in zip(names, paths, strict=True))


def variant(arm: str, swept: Swept | None) -> str:
    """An arm and what is swept in it: runs that differ in nothing but the seed have the same. hybrid, beta 0.04."""
    return ", ".join(filter(None, (arm, said(swept))))


def run_name(arm: str, swept: Swept | None, seed: int) -> str:
    """hybrid, beta 0.04, seed 1."""
    return f"{variant(arm, swept)}, seed {seed}"


def brief(arm: str, swept: Swept | None, seed: int) -> str:
    """A run among its siblings where there is little room: `run_name` without the names of settings. hybrid, 0.04, seed 1."""
    return ", ".join([arm, *map(shown, (swept or {}).values()), f"seed {seed}"])


def _short(path: str) -> str:
    term = WEIGHT.fullmatch(path)
    return f"{term[1]} weight" if term else path.rpartition(".")[2]
