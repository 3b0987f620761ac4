"""The mix: terms, blend, combination rule and advantage rule, as config.

It holds everything that turns completions into advantages; the arithmetic is in core.rewards.engine.
`structure` says which of the paper's three kinds a mix is.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from core.common.config_model import Frozen
from core.common.errors import ConfigError
from core.common.messages import NAME
from core.rewards.adaptive import Adaptive
from core.rewards.advantage import AdvantageRule, Group
from core.rewards.combination import CombinationRule, Sum
from core.rewards.components import COMPONENTS, Component, ComponentParams, component
from core.rewards.schedule import Constant, Fixed, Schedule, Weight, in_steps, value_at
from core.rewards.shaping import Plain, Shaping

Side = Literal["hard", "continuous", "always"]
Structure = Literal["hard", "continuous", "hybrid"]
Adapted = Mapping[str, float]  # schedule name -> the value in force, for the adaptive ones
NOT_ADAPTED: Adapted = {}


def _weight(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | dict | BaseModel):
        raise ValueError(
            f"{value!r} is not a number; give a number such as 0.5, or a schedule such as "
            "{type: linear, ...}"
        )
    return value


def _component(name: Any) -> Any:
    try:
        return component(str(name)).name
    except ConfigError as e:
        raise ValueError(e.problems[0][1]) from None


class Term(Frozen):
    """One component with its params, shaping, weight and side inside a mix."""

    component: Annotated[str, BeforeValidator(_component)]
    """Name of the component that scores."""
    name: str = Field("", pattern=r"^$|" + NAME)
    """Name of the term in metric keys and tables; empty: the component's name. Two terms may not share
    one."""
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
        # With every default filled in: a stored config records what was used, and its hash does not depend
        # on which defaults were written out.
        return (
            COMPONENTS[info.data["component"]]
            .params.model_validate(params)
            .model_dump(mode="json", by_alias=True)
        )

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


class Mix(Frozen):
    """A reward structure, whole."""

    blend: Schedule | None = None
    """The hard side's share w_hard(t) in [0, 1]. Needed when both sides are used; else the side in use has
    it all."""
    terms: tuple[Term, ...] = Field(min_length=1)
    """What is scored."""
    rule: CombinationRule = Sum()
    """How contributions become a total."""
    advantage: AdvantageRule = Group()
    """How totals become advantages."""

    @field_validator("terms")
    @classmethod
    def _names_differ(cls, terms: tuple[Term, ...]) -> tuple[Term, ...]:
        labels = [t.label for t in terms]
        duplicates = sorted({x for x in labels if labels.count(x) > 1})
        if duplicates:
            raise ValueError(f"two terms are called {duplicates[0]!r}; give one of them another `name`")
        return terms

    @model_validator(mode="after")
    def _blend_fits(self) -> "Mix":
        if self.structure == "hybrid" and self.blend is None:
            raise ValueError(
                "the mix has hard and continuous terms but no blend; "
                "add e.g. blend: {type: constant, value: 0.5}"
            )
        if self.blend is not None:
            for share in self.blend.bounds():
                if not 0.0 <= share <= 1.0:
                    raise ValueError(f"the blend reaches {share:g}; the hard side's share must lie in [0, 1]")
        return self

    @model_validator(mode="after")
    def _rule_names_terms(self) -> "Mix":
        for name in self.rule.names():
            if name not in self.labels:
                raise ValueError(
                    f"rule {self.rule.type} names the term {name!r}; the mix has {', '.join(self.labels)}"
                )
        return self

    @cached_property
    def structure(self) -> Structure:
        """Which sides the mix uses.

        With `always` terms alone nothing is blended: the mix is hard if all their components are.
        """
        sides = {t.side for t in self.terms} - {"always"}
        if not sides:
            return "hard" if all(t.definition.side == "hard" for t in self.terms) else "continuous"
        return "hybrid" if len(sides) == 2 else "hard" if "hard" in sides else "continuous"

    def hard_share(self, step: float, adapted: Adapted = NOT_ADAPTED) -> float:
        """w_hard at a step; 1 or 0 for a mix with one side only.

        `adapted`: the values of the adaptive schedules at that step.
        """
        if self.structure == "hybrid" and self.blend is not None:
            return adapted["blend"] if "blend" in adapted else value_at(self.blend, step)
        return 1.0 if self.structure == "hard" else 0.0

    def own_weight(self, term: Term, step: float, adapted: Adapted = NOT_ADAPTED) -> float:
        """The term's own weight at a step, without the blend."""
        key = f"weight/{term.label}"
        return adapted[key] if key in adapted else value_at(term.weight, step)

    def factor(self, term: Term, step: float, adapted: Adapted = NOT_ADAPTED) -> float:
        """The full factor of a term at a step: its own weight times its side's share of the blend."""
        share = self.hard_share(step, adapted)
        side = {"hard": share, "continuous": 1.0 - share, "always": 1.0}[term.side]
        return self.own_weight(term, step, adapted) * side

    def in_steps(self, max_steps: int) -> "Mix":
        """This mix with every schedule in steps, for a training of `max_steps`."""
        terms = tuple(t.model_copy(update={"weight": in_steps(t.weight, max_steps)}) for t in self.terms)
        return Mix(
            blend=in_steps(self.blend, max_steps), terms=terms, rule=self.rule, advantage=self.advantage
        )

    @cached_property
    def schedules(self) -> dict[str, Fixed | Adaptive]:
        """Every schedule that moves, under `blend` or `weight/<term>`."""
        schedule_by_name: dict[str, Fixed | Adaptive] = {}
        if self.structure == "hybrid" and self.blend is not None:
            schedule_by_name["blend"] = self.blend
        return schedule_by_name | {
            f"weight/{t.label}": t.weight for t in self.terms if not isinstance(t.weight, int | float)
        }

    @cached_property
    def adaptive(self) -> dict[str, Adaptive]:
        """The schedules that watch the run."""
        return {name: s for name, s in self.schedules.items() if isinstance(s, Adaptive)}

    @property
    def stateless(self) -> bool:
        """Whether the result for a batch is independent of earlier batches."""
        return not self.adaptive and not any(t.shaping.stateful for t in self.terms)

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(t.label for t in self.terms)

    def resolved(self) -> dict[str, Any]:
        """The mix with every default filled in, as plain JSON types."""
        return self.model_dump(mode="json", by_alias=True)

    def hash(self) -> str:
        """16 hex digits that differ when anything in the mix differs."""
        text = json.dumps(self.resolved(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def needs(self) -> frozenset[str]:
        """The needs of all components together."""
        return frozenset().union(*(t.definition.needs for t in self.terms))

    @property
    def needs_logprobs(self) -> bool:
        """Whether a component or the advantage rule reads log-probabilities.

        If so, a training measures and stores them.
        """
        return bool(self.needs & {"logprobs", "no_prompt"}) or self.advantage.perplexity_alpha > 0


__all__ = ["Constant", "Mix", "Side", "Structure", "Sum", "Term"]
