"""Ready-made configs, stored as YAML files in this folder."""

from pathlib import Path

from core.common.errors import ConfigError
from core.config.experiment import ExperimentConfig
from core.config.run import RunConfig
from core.config.yaml_read import load, load_mix, mix_of
from core.rewards.mix import Mix

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
    """Load a YAML file, or the preset of that name where there is no such file."""
    return preset(str(given)) if _is_name(given) else load(given)


def mix_named_or_file(given: Path, arm: str | None) -> tuple[Mix, RunConfig | None]:
    """Load the mix of a YAML file or preset, and its run; None for a file that holds a mix alone.

    `arm` says whose mix, where the file or preset is an experiment.
    """
    return mix_of(preset(str(given)), arm, str(given)) if _is_name(given) else load_mix(given, arm)


def demo() -> ExperimentConfig:
    """The experiment of `showdown demo`."""
    experiment = preset(DEMO)
    assert isinstance(experiment, ExperimentConfig)
    return experiment
