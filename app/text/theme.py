"""Which colour stands for what, alike on every page.

Blue is hard, orange continuous, plum hybrid, ink the truth. Colours are roles: names of the CSS tokens in
style.css, which follow the theme.
"""

from collections.abc import Hashable, Sequence
from typing import NamedTuple, TypeVar

from core.rewards.mix import Mix

Key = TypeVar("Key", bound=Hashable)
SIDE_ROLES: dict[str, tuple[str, ...]] = {
    "hard": ("c1", "c2", "c8"),
    "continuous": ("c3", "c4", "c5", "c7"),
    "always": ("c6",),
}


class Look(NamedTuple):
    """How an arm is drawn: a colour role, a dash, and a round.

    `round` counts how often the dashes of its hue have begun again before it.
    """

    role: str
    dash: str = "solid"
    round: int = 0

    @property
    def ink(self) -> str:
        """The role, paler in later rounds: for figures."""
        return self.role if not self.round else f"{self.role}/{max(0.35, 0.75 - 0.2 * self.round):.2g}"


def term_roles(mix: Mix) -> dict[str, str]:
    """The colour role of each term."""
    return roles([(t.label, t.side) for t in mix.terms])


def roles(terms: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The colour role of each term, from (term, side) pairs.

    Terms of one side take that side's hues in order, and begin again when they run out.
    """
    count_by_side: dict[str, int] = {}
    role_by_label: dict[str, str] = {}
    for label, side in terms:
        shades = SIDE_ROLES[side]
        position = count_by_side.get(side, 0)
        role_by_label[label] = shades[position % len(shades)]
        count_by_side[side] = position + 1
    return role_by_label


def arm_role(structure: str) -> str:
    """The colour role of an arm: its structure."""
    return structure


def looks(lines: Sequence[tuple[Key, str]]) -> dict[Key, Look]:
    """The look of each arm or run, from (arm or run, structure) pairs, oldest first.

    It has the hue of its structure. The n-th of a hue has the n-th dash, and is paler when the dashes
    begin again. One set of runs has the same looks wherever it is shown.
    """
    count_by_structure: dict[str, int] = {}
    look_by_key: dict[Key, Look] = {}
    for key, structure in lines:
        if key not in look_by_key:
            position = count_by_structure.get(structure, 0)
            count_by_structure[structure] = position + 1
            look_by_key[key] = Look(arm_role(structure), dash(position), position // 4)
    return look_by_key


def dash(position: int) -> str:
    """The n-th line style of one hue: solid, then dashes, before inventing hues."""
    styles: Sequence[str] = ("solid", "dash", "dot", "dashdot")
    return styles[position % len(styles)]
