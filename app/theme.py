"""Which colour stands for what, on every page alike: blue = hard, orange = continuous, plum = hybrid, ink = the truth.

Colours are roles: names of the CSS tokens in style.css, which follow the theme. Called by pages and figures.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple, TypeVar

from core.mix import Mix

Key = TypeVar("Key", bound=Hashable)
SIDE_ROLES: dict[str, tuple[str, ...]] = {"hard": ("c1", "c2", "c8"), "continuous": ("c3", "c4", "c5", "c7"), "always": ("c6",)}


class Look(NamedTuple):
    """How an arm is drawn: a colour role, a dash, and how often the dashes of its hue have begun again before it."""

    role: str
    dash: str = "solid"
    round: int = 0

    @property
    def ink(self) -> str:
        """The role, paler in later rounds: for figures."""
        return self.role if not self.round else f"{self.role}/{max(0.35, 0.75 - 0.2 * self.round):.2g}"


def term_roles(mix: Mix) -> dict[str, str]:
    """Term -> colour role."""
    return roles([(t.label, t.side) for t in mix.terms])


def roles(terms: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Of (term, side) pairs. Terms of one side take that side's hues in order, and begin again when they run out."""
    seen: dict[str, int] = {}
    found: dict[str, str] = {}
    for label, side in terms:
        shades = SIDE_ROLES[side]
        position = seen.get(side, 0)
        found[label] = shades[position % len(shades)]
        seen[side] = position + 1
    return found


def arm_role(structure: str) -> str:
    """The colour role of an arm: its structure."""
    return structure


def looks(lines: Sequence[tuple[Key, str]]) -> dict[Key, Look]:
    """(arm or run, structure), oldest first -> arm or run -> its look: the hue of its structure, the n-th of a hue in the n-th
    dash, and paler when the dashes begin again. The same wherever the same runs are shown."""
    seen: dict[str, int] = {}
    found: dict[Key, Look] = {}
    for key, structure in lines:
        if key not in found:
            position = seen.get(structure, 0)
            seen[structure] = position + 1
            found[key] = Look(arm_role(structure), dash(position), position // 4)
    return found


def dash(position: int) -> str:
    """The n-th line of one hue: solid, then dashes, before inventing hues."""
    styles: Sequence[str] = ("solid", "dash", "dot", "dashdot")
    return styles[position % len(styles)]
