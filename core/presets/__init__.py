"""Ready-made configs, as YAML files beside this one. Called by the CLI, the design page and tests (each is loaded)."""

from pathlib import Path

from core.config import ExperimentConfig, RunConfig, load
from core.errors import ConfigError

HERE = Path(__file__).parent
DEMO = "first-showdown"


def names() -> list[str]:
    """Names of all presets, sorted."""
    return sorted(p.stem for p in HERE.glob("*.yaml"))


def preset(name: str) -> RunConfig | ExperimentConfig:
    """The preset of that name; ConfigError with the known names when there is none."""
    if name not in names():
        raise ConfigError([("preset", f"no preset is called {name!r}; known: {', '.join(names())}")])
    return load(HERE / f"{name}.yaml")


def demo() -> ExperimentConfig:
    """The experiment of `showdown demo`."""
    found = preset(DEMO)
    assert isinstance(found, ExperimentConfig)
    return found
