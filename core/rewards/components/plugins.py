"""Loads the user's own components.

They are files in a directory that the owner of the server chose, and entry points of installed packages. A
file holds `COMPONENT = Component(...)`; an entry point of the group `showdown.components` names such an
object. A component that cannot be used is listed with its reason and stops nothing. Code never comes from
the browser: whoever may write to that directory may run code on this machine anyway.
"""

import importlib.util
import re
import sys
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import get_args

import numpy as np

from core.problems import Problem
from core.rewards.batch import of_problem
from core.rewards.component import Component, ComponentParams, Need

GROUP = "showdown.components"
NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


@dataclass(frozen=True)
class Fault:
    """A component that cannot be used: its place, and why not."""

    where: str
    message: str


def from_file(path: Path) -> Component:
    """The component that a file defines.

    Raises any exception of the file's code, or TypeError or ValueError that says what is wrong.
    """
    spec = importlib.util.spec_from_file_location(f"showdown_own_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ValueError("is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # pydantic looks up names of string annotations there
    spec.loader.exec_module(module)
    return checked(getattr(module, "COMPONENT", None))


def checked(made: object) -> Component:
    """The object, if it keeps the promises of a component; otherwise TypeError or ValueError."""
    if not isinstance(made, Component):
        raise TypeError("defines no COMPONENT = Component(...); see `showdown new component`")
    if not NAME.fullmatch(made.name):
        raise ValueError(f"name {made.name!r}: use lower case letters, digits and _, beginning with a letter")
    if not (isinstance(made.params, type) and issubclass(made.params, ComponentParams)):
        raise TypeError(f"params {made.params!r} is no subclass of ComponentParams")
    low, high = made.range
    if not low < high:
        raise ValueError(f"range ({low}, {high}): the first must be below the second")
    unknown = sorted(set(made.needs) - set(get_args(Need)))
    if unknown:
        raise ValueError(f"needs {unknown[0]!r}, which nothing gives; known: {', '.join(get_args(Need))}")
    scores = np.asarray(
        made.score(of_problem(Problem("try", "2+2?", "4"), ["2+2=4\n#### 4"]), made.params()), dtype=float
    )
    if scores.shape != (1,):
        raise ValueError(f"score returned shape {scores.shape} for one sample; it must be [n]")
    if not (np.isnan(scores[0]) or low <= scores[0] <= high):
        raise ValueError(f"score returned {scores[0]:g}, outside its range ({low:g}, {high:g})")
    return made


def found(folder: Path, taken: Collection[str]) -> tuple[dict[str, Component], list[Fault]]:
    """The user's components that can be used, by name, and the faults of the others."""
    components_by_name: dict[str, Component] = {}
    faults: list[Fault] = []

    def take(where: str, load: object) -> None:
        try:
            component = load()  # type: ignore[operator]
            if component.name in taken or component.name in components_by_name:
                raise ValueError(f"the name {component.name!r} is taken")
            components_by_name[component.name] = component
        except (Exception, SystemExit) as error:  # shown to the user, whatever the file did
            faults.append(Fault(where, f"{type(error).__name__}: {error}"))

    for path in sorted(folder.glob("*.py")) if folder.is_dir() else ():
        if not path.name.startswith(("_", "test_")):
            take(str(path), lambda path=path: from_file(path))
    for point in entry_points(group=GROUP):
        take(f"{point.name} ({point.value})", lambda point=point: checked(point.load()))
    return components_by_name, faults
