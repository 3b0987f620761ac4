"""Which settings tell the arms of a comparison apart, and which all of its runs share. Called by pages and reports. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.compare.evidence import Evidence, by_arm
from core.compare.refusals import BESIDE

UNSAID = tuple(part for part in BESIDE if part != "mix")  # settings that change no number of a training


@dataclass(frozen=True)
class Settings:
    """`arms`: their names, in order. `differ`: path -> a value an arm, None where it has none; of the mix first. `same`: path
    -> the value of all. `beyond`: the paths of `differ` that are not of the mix: what else differs. Values are untrusted."""

    arms: tuple[str, ...]
    differ: dict[str, tuple[Any, ...]]
    same: dict[str, Any]
    beyond: tuple[str, ...]


def settings(runs: Sequence[Evidence]) -> Settings:
    """The first run of an arm stands for it: where its runs differ among themselves a comparison is refused."""
    arms = {name: same[0].settings for name, same in by_arm(runs).items()}
    paths = dict.fromkeys(p for found in arms.values() for p in found if p.split(".")[0] not in UNSAID)
    differ: dict[str, tuple[Any, ...]] = {}
    same: dict[str, Any] = {}
    for path in paths:
        values = tuple(found.get(path) for found in arms.values())
        if any(v != values[0] for v in values):
            differ[path] = values
        else:
            same[path] = values[0]
    # A group that some arms leave out (`mix.blend`: none) and others fill (`mix.blend.start`) is not the same in all.
    same = {path: value for path, value in same.items() if not any(p.startswith(f"{path}.") for p in differ)}
    told = {p: v for p, v in differ.items() if _tells(p, v)}
    ordered = dict(sorted(told.items(), key=lambda item: not item[0].startswith("mix.")))
    return Settings(tuple(arms), ordered, same, tuple(p for p in ordered if not p.startswith("mix.")))


def _tells(path: str, values: Sequence[Any]) -> bool:
    """Of a term that some arms do not have, the weight says so; what else those that have it agree on says nothing."""
    known = [v for v in values if v is not None]
    if not path.startswith("mix.terms.") or path.endswith(".weight"):
        return True
    return any(v != known[0] for v in known)
