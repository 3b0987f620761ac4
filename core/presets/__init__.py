"""Ready-made configs, as YAML files beside this one. Called by the CLI, the design page and tests (each is loaded)."""

from pathlib import Path

from core.config import RunConfig
from core.errors import ConfigError
from core.experiment import ExperimentConfig
from core.mix import Mix
from core.yaml_files import load, load_mix, mix_of

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


def _is_name(given: Path) -> bool:
    return not given.exists() and str(given) in names()


def named_or_file(given: Path) -> RunConfig | ExperimentConfig:
    """The preset of that name, else what a YAML file holds; a file goes before a preset."""
    return preset(str(given)) if _is_name(given) else load(given)


def mix_named_or_file(given: Path, arm: str | None) -> tuple[Mix, RunConfig | None]:
    """Likewise the mix of a run or of an experiment's arm, with its run; a file may hold a mix alone."""
    return mix_of(preset(str(given)), arm, str(given)) if _is_name(given) else load_mix(given, arm)


def demo() -> ExperimentConfig:
    """The experiment of `showdown demo`."""
    found = preset(DEMO)
    assert isinstance(found, ExperimentConfig)
    return found
