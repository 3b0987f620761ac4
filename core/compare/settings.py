"""Which settings tell the arms of a comparison apart, and which all of its runs share. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.compare.evidence import Evidence, by_arm
from core.compare.validity import BESIDE

UNSAID = tuple(part for part in BESIDE if part != "mix")  # settings without effect on a training's numbers


@dataclass(frozen=True)
class Settings:
    """Settings in which arms differ, and those that all share.

    `arms`: their names, in order. `differ`: path -> one value per arm, None where an arm has none; paths of
    the mix first. `same`: path -> the value of all arms. `beyond`: the paths of `differ` outside the mix,
    that is, what else differs. Values are untrusted.
    """

    arms: tuple[str, ...]
    differ: dict[str, tuple[Any, ...]]
    same: dict[str, Any]
    beyond: tuple[str, ...]


def settings(runs: Sequence[Evidence]) -> Settings:
    """Compare the arms by their settings; the first run of an arm stands for it.

    Where the runs of one arm differ among themselves a comparison is refused.
    """
    arms = {name: same[0].settings for name, same in by_arm(runs).items()}
    paths = dict.fromkeys(
        p for arm_settings in arms.values() for p in arm_settings if p.split(".")[0] not in UNSAID
    )
    differ: dict[str, tuple[Any, ...]] = {}
    same: dict[str, Any] = {}
    for path in paths:
        values = tuple(arm_settings.get(path) for arm_settings in arms.values())
        if any(v != values[0] for v in values):
            differ[path] = values
        else:
            same[path] = values[0]
    # A group that some arms leave out (`mix.blend`: none) and others fill (`mix.blend.start`) differs.
    same = {path: value for path, value in same.items() if not any(p.startswith(f"{path}.") for p in differ)}
    telling = {p: v for p, v in differ.items() if _tells(p, v)}
    ordered = dict(sorted(telling.items(), key=lambda item: not item[0].startswith("mix.")))
    return Settings(tuple(arms), ordered, same, tuple(p for p in ordered if not p.startswith("mix.")))


def _tells(path: str, values: Sequence[Any]) -> bool:
    """Whether a setting that differs tells arms apart.

    A term that some arms do not have is told by its weight; its other settings say nothing where all arms
    that have it agree.
    """
    present = [v for v in values if v is not None]
    if not path.startswith("mix.terms.") or path.endswith(".weight"):
        return True
    return any(v != present[0] for v in present)
