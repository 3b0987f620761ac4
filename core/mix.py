"""The mix: terms, blend, combination rule, advantage rule; everything that turns completions into advantages.

Called by core.config (inside a RunConfig), core.engine and the design page. Only config: the arithmetic is in
core.engine. `structure` says which of the paper's three kinds a mix is.
"""

from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from core.advantage import Group
from core.errors import ConfigError
from core.rewards import COMPONENTS, Component, ComponentParams, component
from core.schedule import Constant, Schedule, Weight, value_at
from core.shaping import Plain, Shaping

Side = Literal["hard", "continuous", "always"]
Structure = Literal["hard", "continuous", "hybrid"]
NAME = r"^[a-z][a-z0-9_-]{0,39}$"


def _weight(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | dict | BaseModel):
        raise ValueError(f"{value!r} is not a number; give a number such as 0.5, or a schedule such as {{type: linear, ...}}")
    return value


def _component(name: Any) -> Any:
    try:
        return component(str(name)).name
    except ConfigError as e:
        raise ValueError(e.problems[0][1]) from None


class Term(BaseModel):
    """One component with its params, shaping, weight and side inside a mix."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    component: Annotated[str, BeforeValidator(_component)]
    """Name of the component that scores."""
    name: str = Field("", pattern=r"^$|" + NAME)
    """Name of the term in metric keys and tables; empty: the component's name. Two terms may not share one."""
    side: Side
    """hard and continuous are weighted by the blend; always is added as it is."""
    weight: Annotated[Weight, BeforeValidator(_weight)] = 1.0
    """A number, or a schedule over the steps."""
    shaping: Shaping = Plain()
    """Transform of the raw score before it is weighted."""
    params: dict[str, Any] = Field({}, validate_default=True)
    """The component's own settings."""

    @field_validator("params")
    @classmethod
    def _params_fit(cls, params: dict[str, Any], info: ValidationInfo) -> dict[str, Any]:
        if "component" not in info.data:
            return params
        # With every default filled in: a stored config says what was used, and its hash does not depend on who wrote it.
        return COMPONENTS[info.data["component"]].params.model_validate(params).model_dump(mode="json")

    @property
    def label(self) -> str:
        return self.name or self.component

    @property
    def definition(self) -> Component:
        return COMPONENTS[self.component]

    @property
    def settings(self) -> ComponentParams:
        """The params, parsed into the component's own class."""
        return self.definition.params.model_validate(self.params)


class Sum(BaseModel):
    """total = w_hard sum_hard(w s) + (1 - w_hard) sum_continuous(w s) + sum_always(w s), s the shaped score."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["sum"] = "sum"


class Mix(BaseModel):
    """A reward structure, whole."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    blend: Schedule | None = None
    """The hard side's share w_hard(t) in [0, 1]. Needed when both sides are used; else the side in use has it all."""
    terms: tuple[Term, ...] = Field(min_length=1)
    """What is scored."""
    rule: Sum = Sum()
    """How contributions become a total."""
    advantage: Group = Group()
    """How totals become advantages."""

    @field_validator("terms")
    @classmethod
    def _names_differ(cls, terms: tuple[Term, ...]) -> tuple[Term, ...]:
        labels = [t.label for t in terms]
        twice = sorted({x for x in labels if labels.count(x) > 1})
        if twice:
            raise ValueError(f"two terms are called {twice[0]!r}; give one of them another `name`")
        return terms

    @model_validator(mode="after")
    def _blend_fits(self) -> "Mix":
        if self.structure == "hybrid" and self.blend is None:
            raise ValueError("the mix has hard and continuous terms but no blend; add e.g. blend: {type: constant, value: 0.5}")
        if self.blend is not None:
            for step in [0.0, *self.blend.breakpoints()]:
                share = self.blend.value(step)
                if not 0.0 <= share <= 1.0:
                    raise ValueError(f"the blend is {share:g} at step {step:g}; the hard side's share must lie in [0, 1]")
        return self

    @cached_property
    def structure(self) -> Structure:
        """Which sides the mix uses. With `always` terms alone nothing is blended: hard when all their components are."""
        sides = {t.side for t in self.terms} - {"always"}
        if not sides:
            return "hard" if all(t.definition.side == "hard" for t in self.terms) else "continuous"
        return "hybrid" if len(sides) == 2 else "hard" if "hard" in sides else "continuous"

    def hard_share(self, step: float) -> float:
        """w_hard at a step; 1 or 0 for a mix with one side only."""
        if self.structure == "hybrid" and self.blend is not None:
            return self.blend.value(step)
        return 1.0 if self.structure == "hard" else 0.0

    def factor(self, term: Term, step: float) -> float:
        """The full factor of a term at a step: its own weight times its side's share of the blend."""
        share = self.hard_share(step)
        side = {"hard": share, "continuous": 1.0 - share, "always": 1.0}[term.side]
        return value_at(term.weight, step) * side

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(t.label for t in self.terms)

    @property
    def needs(self) -> frozenset[str]:
        """What the components read, taken together."""
        return frozenset().union(*(t.definition.needs for t in self.terms))


__all__ = ["Constant", "Mix", "Side", "Structure", "Sum", "Term"]
