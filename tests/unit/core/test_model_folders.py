"""Folders that hold a model, and those that do not: said when a run is submitted, before anything is loaded."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.config.local_checks import problems_here
from core.config.parsing import parse
from core.config.run import RunConfig
from core.files import model_folders
from tests.conftest import forget_settings
from tests.support.samples import HARD

CONFIG = {"model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"]}
AUTO_MAP = {"auto_map": {"AutoModelForCausalLM": "modeling.Mine"}}


def written(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)


FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "code for the model": (
        lambda f: written(f, "config.json", json.dumps(CONFIG | AUTO_MAP)),
        "brings code of its own",
    ),
    "code for the tokenizer": (
        lambda f: written(f, "tokenizer_config.json", json.dumps(AUTO_MAP)),
        "brings code of its own",
    ),
    "code for the processor": (
        lambda f: written(f, "processor_config.json", json.dumps(AUTO_MAP)),
        "brings code of its own",
    ),
    "no config": (lambda f: (f / "config.json").unlink(), "has no config.json"),
    "half a config": (lambda f: written(f, "config.json", '{"model_type"'), "holds no JSON object"),
    "a config that is a list": (lambda f: written(f, "config.json", "[]"), "holds no JSON object"),
    "a deep config": (lambda f: written(f, "config.json", "[" * 100_000), "holds no JSON object"),
    "a config nobody writes into": (
        lambda f: ((f / "config.json").unlink(), os.mkfifo(f / "config.json")),
        "cannot be read: is no regular file",
    ),
    "a config without end": (
        lambda f: ((f / "config.json").unlink(), (f / "config.json").symlink_to("/dev/zero")),
        "cannot be read: is no regular file",
    ),
}


@pytest.fixture
def whole_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No path lies outside the data roots: those that do are test_roots.py's."""
    monkeypatch.setenv("SHOWDOWN_DATA_ROOTS", "/")
    forget_settings()
    yield
    forget_settings()


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("made", "why"), FOLDERS.values(), ids=list(FOLDERS))
def test_a_model_that_brings_code_is_refused_by_name(
    made: Callable[[Path], object], why: str, tmp_path: Path, whole_machine: None
) -> None:
    written(tmp_path, "config.json", json.dumps(CONFIG))
    assert model_folders.fault(tmp_path) is None
    made(tmp_path)
    assert why in (model_folders.fault(tmp_path) or "")
    config = parse(RunConfig, {"model": {"path": str(tmp_path)}, "mix": {"terms": HARD}})
    ((field, message),) = problems_here(config)
    assert field == "model.path" and str(tmp_path) in message and why in message


BASES = {
    "a name on the hub": ("Qwen/Qwen3-4B", ""),
    "a folder outside": ("/etc", "outside the data roots"),
    "up and out": ("../../../../../../etc", "outside the data roots"),
    "no text": (7, ""),
}


@pytest.mark.parametrize(("base", "why"), BASES.values(), ids=list(BASES))
def test_an_adapter_does_not_lead_to_a_model_outside_the_data_roots(
    base: object, why: str, tmp_path: Path
) -> None:
    """transformers loads the model that an adapter names in place of what lies beside it. Its name is not
    repeated."""
    written(tmp_path, "config.json", json.dumps(CONFIG))
    written(tmp_path, "adapter_config.json", json.dumps({"base_model_name_or_path": base}))
    fault = model_folders.fault(tmp_path) or ""
    assert why in fault and bool(why) == bool(fault) and "/etc" not in fault


def index(*files: object) -> str:
    return json.dumps({"metadata": {}, "weight_map": {f"layer.{i}": name for i, name in enumerate(files)}})


INDEXES: dict[str, tuple[str, str | None]] = {
    "files of the folder": (index("model-1.safetensors", "model-2.safetensors"), None),
    "a file above": (
        index("model-1.safetensors", "../secret.safetensors"),
        "names a file outside the folder",
    ),
    "an absolute path": (index("/etc/passwd"), "names a file outside the folder"),
    "a path of Windows": (index("..\\secret.safetensors"), "names a file outside the folder"),
    "the folder above": (index(".."), "names a file outside the folder"),
    "a name with an end inside": (index("model-1.safetensors\0"), "names a file outside the folder"),
    "a number": (index(1), "names a file outside the folder"),
    "a list": (index(["model-1.safetensors"]), "without a weight_map of file names"),
    "a file that is not there": (index("model-3.safetensors"), "cannot be read: No such file"),
    "a pipe that nobody writes into": (index("pipe"), "cannot be read: is no regular file"),
    "a text": ('"weights"', "without a weight_map of file names"),
    "a weight_map that is a text": (
        '{"weight_map": "model-1.safetensors"}',
        "without a weight_map of file names",
    ),
    "no weight_map": ("{}", "without a weight_map of file names"),
    "too deep": ("[" * 100_000, "without a weight_map of file names"),
    "an integer of 5,000 digits": (
        '{"weight_map": ' + "9" * 5000 + "}",
        "without a weight_map of file names",
    ),
}


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "name", ["model.safetensors.index.json", "pytorch_model.bin.index.json", "model.x.index.json"]
)
@pytest.mark.parametrize(("text", "why"), INDEXES.values(), ids=list(INDEXES))
def test_an_index_names_files_of_its_folder_alone(
    text: str, why: str | None, name: str, tmp_path: Path
) -> None:
    """transformers joins the names to the folder as they are, and opens what is there."""
    folder = tmp_path / "model"
    folder.mkdir()
    written(tmp_path, "secret.safetensors", "")
    written(folder, "config.json", json.dumps(CONFIG))
    for shard in ("model-1.safetensors", "model-2.safetensors"):
        written(folder, shard, "")
    os.mkfifo(folder / "pipe")
    written(folder, name, text)
    found = model_folders.fault(folder)
    assert found is None if why is None else found is not None and f"a {name}" in found and why in found
    assert "secret" not in (found or "") and "passwd" not in (found or "")
