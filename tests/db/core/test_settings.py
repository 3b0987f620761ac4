"""Settings: paths mean the same place whatever directory a process runs in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.settings import Settings


@pytest.mark.parametrize(("given", "wanted"), [("here", "{cwd}/here"), ("~/there", "{home}/there"), ("/abs", "/abs")])
def test_the_data_directory_is_whole(given: str, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOWDOWN_HOME", given)
    assert str(Settings().home) == wanted.format(cwd=tmp_path, home=Path.home())


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("sqlite:///x.db", "sqlite:///{cwd}/x.db"),
        ("sqlite:////abs/x.db", "sqlite:////abs/x.db"),
        ("sqlite:///:memory:", "sqlite:///:memory:"),
        ("postgresql+psycopg:///db", "postgresql+psycopg:///db"),
    ],
)
def test_a_database_file_is_whole(given: str, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOWDOWN_DATABASE_URL", given)
    assert Settings().database == wanted.format(cwd=tmp_path)


def test_a_value_that_cannot_be_one_is_named_by_every_command(home: Path) -> None:
    """It is read while modules are loaded, before a command could catch anything."""
    made = subprocess.run(
        [sys.executable, "-m", "cli", "ls"], capture_output=True, text=True, env={**os.environ, "SHOWDOWN_PORT": "abc"}
    )
    assert made.returncode == 1 and "Traceback" not in made.stderr
    assert made.stderr.startswith("showdown: SHOWDOWN_PORT must be a whole number (got 'abc')")
