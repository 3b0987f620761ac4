"""Settings: paths mean the same place whatever directory a process runs in."""

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.server.up import check_address, url
from core.common.errors import SetupError
from core.common.settings import Settings, settings
from tests.conftest import forget_settings


@pytest.mark.parametrize(
    ("given", "wanted"), [("here", "{cwd}/here"), ("~/there", "{home}/there"), ("/abs", "/abs")]
)
def test_the_data_directory_is_whole(
    given: str, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
def test_a_database_file_is_whole(
    given: str, wanted: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHOWDOWN_DATABASE_URL", given)
    assert Settings().database == wanted.format(cwd=tmp_path)


def test_a_value_that_cannot_be_one_is_named_by_every_command(home: Path) -> None:
    """It is read while modules are loaded, before a command could catch anything."""
    made = subprocess.run(
        [sys.executable, "-m", "cli", "ls"],
        capture_output=True,
        text=True,
        env={**os.environ, "SHOWDOWN_PORT": "abc"},
    )
    assert made.returncode == 1 and "Traceback" not in made.stderr
    assert made.stderr.startswith("showdown: SHOWDOWN_PORT must be a whole number (got 'abc')")


def test_the_data_directory_is_its_users_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    made = subprocess.run(
        [sys.executable, "-m", "cli", "ls"],
        capture_output=True,
        text=True,
        env={**os.environ, "SHOWDOWN_HOME": str(home)},
    )
    assert made.returncode == 0, made.stderr
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) & 0o077 for p in home.rglob("*")} == {0}


@pytest.fixture
def long_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data directory whose path is too long for a socket; and an empty temporary directory, which is
    returned."""
    monkeypatch.setenv("SHOWDOWN_HOME", str(tmp_path / ("x" * 120)))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as short:  # a socket's path may have 107 bytes
        monkeypatch.setattr(tempfile, "tempdir", short)
        forget_settings()
        yield Path(short)
        monkeypatch.setattr(tempfile, "tempdir", None)
    forget_settings()


def test_the_socket_of_a_long_data_directory_lies_in_a_folder_of_ones_own(
    long_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = settings().broker_socket
    assert socket.parent.parent == long_home and stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert settings().broker_socket == socket, "it is there again"
    runtime = long_home / "run"
    runtime.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    assert settings().broker_socket.parent.parent == runtime


@pytest.mark.parametrize("kind", ["open to a group", "a link", "a file", "of another user"])
def test_a_folder_of_somebody_else_is_no_place_for_the_socket(long_home: Path, kind: str) -> None:
    folder = long_home / f"showdown-{os.getuid()}"
    if kind == "a link":
        (long_home / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(long_home / "elsewhere")
    elif kind == "a file":
        folder.touch(mode=0o600)
    else:
        folder.mkdir(mode=0o700)
        if kind == "open to a group":
            folder.chmod(0o770)
        elif os.getuid() == 0:
            os.chown(folder, 12345, -1)
        else:
            pytest.skip("only root can give a folder away")
    with pytest.raises(SetupError, match="not a folder that only you may open"):
        _ = settings().broker_socket


@pytest.mark.parametrize(
    ("host", "public"),
    [
        ("127.0.0.1", False), ("127.0.0.2", False), ("::1", False), ("localhost", False), ("0.0.0.0", True), ("::", True),
        ("192.168.1.5", True), ("10.0.0.7", True), ("showdown.example.org", True), ("localhost.example.org", True), ("", True),
    ],
)  # fmt: skip
def test_an_address_that_others_reach_is_refused_unless_one_insists(
    host: str, public: bool, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOWDOWN_INSECURE", "0")
    made = Settings(host=host)
    assert made.is_public is public
    monkeypatch.setattr("cli.server.up.settings", lambda: made)
    try:
        check_address()
    except SetupError as error:
        assert (
            "without signing in" in str(error)
        ) is public  # a name or address that is not this machine's has another fault
    else:
        assert not public


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("127.0.0.1", "http://localhost:8622"),
        ("::1", "http://[::1]:8622"),
        ("2001:db8::7", "http://[2001:db8::7]:8622"),
        ("0.0.0.0", "http://localhost:8622"),
        ("::", "http://localhost:8622"),
        ("lab.example", "http://lab.example:8622"),
    ],
)
def test_the_address_that_is_said_can_be_opened(
    host: str, said: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOWDOWN_HOST", host)
    monkeypatch.setenv("SHOWDOWN_PORT", "8622")
    forget_settings()
    assert url() == said
