"""The imports of a training: what a run does not ask for is not found, and garbage is collected again
afterwards."""

import gc
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from worker.common.imports import importing


@pytest.fixture
def extras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """Two installed packages that nothing else knows."""
    names = ("an_extra", "a_loaded_extra")
    for name in names:
        (tmp_path / f"{name}.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield names
    for name in names:
        sys.modules.pop(name, None)


def test_a_hidden_package_is_not_found_and_one_that_is_loaded_stays(extras: tuple[str, str]) -> None:
    hidden, loaded = extras
    module = import_module(loaded)
    with importing(extras), pytest.raises(ModuleNotFoundError, match=hidden):
        import_module(hidden)
    assert find_spec(hidden) is None  # as peft and transformers ask
    assert import_module(loaded) is module


def test_garbage_is_collected_after_an_import_that_fails() -> None:
    with pytest.raises(RuntimeError), importing(()):
        assert not gc.isenabled()
        raise RuntimeError
    assert gc.isenabled()
