"""The registry of reward components.

To add one: a file next to this one, and its name in the tuple below. A name is permanent: it stands in
configs, metric keys and stored rows.
"""

from core.common.errors import ConfigError
from core.common.settings import settings
from core.rewards.component import Component, ComponentParams
from core.rewards.components import (
    closeness,
    conciseness,
    consistency,
    correctness,
    exact_string,
    format,
    judge,
    key_points,
    length,
    majority_vote,
    perplexity,
    plugins,
    reasoning,
    reference_probability,
    repetition,
    reward_model,
    self_aligned,
    self_certainty,
    step_scores,
    strict_format,
)

MODULES = (
    correctness, format, strict_format, majority_vote, exact_string,
    closeness, perplexity, reasoning, step_scores, consistency, key_points, conciseness,
    self_certainty, self_aligned, reference_probability, length, repetition,
    judge, reward_model,
)  # fmt: skip
SHIPPED: dict[str, Component] = {module.COMPONENT.name: module.COMPONENT for module in MODULES}
OWN, FAULTS = plugins.found(settings().own_components, SHIPPED)
COMPONENTS: dict[str, Component] = {**SHIPPED, **OWN}


def component(name: str) -> Component:
    """The component of that name; ConfigError with the known names if there is none."""
    if name not in COMPONENTS:
        raise ConfigError(
            [("component", f"no component is called {name!r}; known: {', '.join(sorted(COMPONENTS))}")]
        )
    return COMPONENTS[name]


__all__ = ["COMPONENTS", "Component", "ComponentParams", "component"]
