"""The registry of reward components. To add one: a file beside this one, and its name in the tuple below.

Called by core.mix (names and params), core.engine (scores) and the forms. A name is permanent: it stands in configs,
metric keys and stored rows.
"""

from core.errors import ConfigError
from core.rewards import closeness, consistency, correctness, format, perplexity, reasoning
from core.rewards.component import Component, ComponentParams

COMPONENTS: dict[str, Component] = {
    module.COMPONENT.name: module.COMPONENT for module in (correctness, format, closeness, perplexity, reasoning, consistency)
}


def component(name: str) -> Component:
    """The component of that name; ConfigError with the known names when there is none."""
    if name not in COMPONENTS:
        raise ConfigError([("component", f"no component is called {name!r}; known: {', '.join(sorted(COMPONENTS))}")])
    return COMPONENTS[name]


__all__ = ["COMPONENTS", "Component", "ComponentParams", "component"]
