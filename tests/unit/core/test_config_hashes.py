"""Hashes of every shipped config, as they were stored before: one that moves would part runs of one config."""

import json
from functools import cache
from pathlib import Path

import pytest

from core.config import presets, templates
from core.config.experiment import ExperimentConfig
from core.config.parsing import parse
from core.config.run import RunConfig
from core.config.yaml_read import load
from tests.conftest import REPO

HASHES = json.loads(Path(__file__).with_name("config_hashes.json").read_text())


@cache
def shipped() -> dict[str, str]:
    """What it is -> its hash, of all presets, studies and templates."""
    configs = {f"preset {name}": presets.preset(name) for name in presets.names()}
    for path in sorted((REPO / "studies").glob("*.yaml")):
        study = load(path)
        configs[f"study {path.stem}"] = getattr(study, "experiment", study)
    hashes = {}
    for name, config in configs.items():
        for run in config.runs() if isinstance(config, ExperimentConfig) else [config]:
            hashes[f"{name} {run.name} {run.seed}"] = run.hash()
    for template in templates.templates():
        mix = template.mix.model_dump(mode="json", by_alias=True)
        hashes[f"template {template.name}"] = parse(RunConfig, {"name": "x", "mix": mix}).hash()
    return hashes


@pytest.mark.parametrize("name", HASHES)
def test_a_stored_hash_does_not_move(name: str) -> None:
    assert shipped()[name] == HASHES[name]
