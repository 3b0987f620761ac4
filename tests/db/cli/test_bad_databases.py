"""A database that cannot be used: one line that names it and the repair, from every command and on every
page."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from streamlit.testing.v1 import AppTest

from app.data import reads
from cli.main import main
from core.store import session
from tests.conftest import REPO, forget_settings, fresh_postgres
from tests.support.pages import patience  # noqa: F401

COMMANDS = (
    "ls",
    "show 1",
    "submit first-showdown",
    "stop 1",
    "logs 1",
    "report 1",
    "export 1 out",
    "import nothing",
    "run --resume 1",
    "app",
    "worker",
)


def wrote(sql: str) -> Callable[[Path], None]:
    def write(file: Path) -> None:
        connection = sqlite3.connect(file)
        connection.execute(sql)
        connection.commit()
        connection.close()

    return write


def scrambled(file: Path) -> None:
    held = file.read_bytes()
    file.write_bytes(held[:4096] + os.urandom(16_384) + held[20_480:])


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


DAMAGED = "is damaged, or is no database: put a copy from before in its place"
ANOTHER = "does not hold the tables of this version of Showdown; use the version that wrote it"
TABLE_GONE = wrote("DROP TABLE run")
FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "of a newer version": (wrote("UPDATE alembic_version SET version_num = 'ffffffffffff'"), ANOTHER),
    "of nobody's version": (wrote("DELETE FROM alembic_version"), ANOTHER),
    "a text": (lambda file: file.write_text("not a database\n" * 1000), DAMAGED),
    "half": (lambda file: os.truncate(file, file.stat().st_size // 2), DAMAGED),
    "noise": (scrambled, DAMAGED),
    "a folder": (a_folder, "cannot be opened; it must be a file in a folder"),
}


def broken(home: Path, make: Callable[[Path], object]) -> None:
    """Break the database of this home, with all that was written in its file."""
    session.forget_engines()
    connection = sqlite3.connect(home / "showdown.db")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    make(home / "showdown.db")


@pytest.fixture(autouse=True)
def nothing_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """`app` and `worker` become another program where the database is good: not of the tests' process."""

    def begun(*_: object) -> None:
        raise AssertionError("the database was taken for a good one")

    monkeypatch.setattr(os, "execv", begun)
    monkeypatch.setattr(os, "execve", begun)


def ends_with(command: str, words: str) -> None:
    """The command fails with one line that says these words of the database, and tells no secret."""
    made = CliRunner().invoke(main, command.split())
    assert (made.exit_code, made.stdout) == (1, ""), (command, made.output, made.exception)
    assert isinstance(made.exception, SystemExit), made.exception
    assert made.stderr.startswith("showdown: ") and made.stderr.count("\n") == 1, made.stderr
    assert words in made.stderr and "hush" not in made.stderr, made.stderr


@pytest.mark.parametrize(("make", "words"), FILES.values(), ids=list(FILES))
def test_no_command_shows_a_traceback_for_a_file(
    make: Callable[[Path], object], words: str, sqlite: Path
) -> None:
    broken(sqlite, make)
    for command in COMMANDS:
        ends_with(command, f"showdown.db {words}")


def test_a_table_that_is_gone_is_said_by_what_asks_for_it(sqlite: Path) -> None:
    """What begins looks at the revision alone."""
    broken(sqlite, TABLE_GONE)
    for command in (
        "ls",
        "show 1",
        "submit first-showdown",
        "stop 1",
        "logs 1",
        "export 1 out",
        "run --resume 1",
    ):
        ends_with(command, f"showdown.db {ANOTHER}")


def test_a_locked_file_is_named_as_locked(sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOWDOWN_BUSY_SECONDS", "0.2")
    forget_settings()
    holder = sqlite3.connect(sqlite / "showdown.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    ends_with("ls", "is locked by another program")
    holder.close()


URLS = {
    "nobody listens": (
        "postgresql+psycopg://me:hush@127.0.0.1:1/db",
        "postgresql+psycopg://127.0.0.1:1/db does not answer: ",
    ),
    "no such host": (
        "postgresql+psycopg://me:hush@nowhere.invalid/db",
        "nowhere.invalid/db does not answer: ",
    ),
    "a setting nobody knows": (
        "postgresql+psycopg://127.0.0.1:1/db?password=hush&mood=1",
        'invalid connection option "mood"',
    ),
    "no URL": ("hush", "SHOWDOWN_DATABASE_URL is not the URL of a database; give postgresql"),
    "spaces": ("  ", "SHOWDOWN_DATABASE_URL is not the URL of a database"),
    "a port that is none": (
        "postgresql+psycopg://me:hush@host:port/db",
        "SHOWDOWN_DATABASE_URL is not the URL of a database",
    ),
    "another kind": ("foo://me:hush@host/db", "SHOWDOWN_DATABASE_URL is not the URL of a database"),
    "a kind we do not write for": (
        "mysql://me:hush@host/db",
        "SHOWDOWN_DATABASE_URL is not the URL of a database",
    ),
    "two slashes": ("sqlite://showdown.db", "SHOWDOWN_DATABASE_URL is not the URL of a database"),
    "a driver that is not there": (
        "postgresql+pg8000://me:hush@host/db",
        "needs a driver that is not installed (pg8000)",
    ),
    "a folder that cannot be": (
        "sqlite:////proc/none/showdown.db",
        "the folder of the database sqlite:////proc/none/showdown.db cannot",
    ),
}


@pytest.mark.parametrize(("url", "words"), URLS.values(), ids=list(URLS))
def test_no_command_shows_a_traceback_or_a_password_for_a_url(
    url: str, words: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOWDOWN_DATABASE_URL", url)
    forget_settings()
    for command in ("ls", "run --resume 1", "worker"):
        ends_with(command, words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda url: url.replace("/showdown", "/nowhere_at_all", 1), "does not answer: "),
        (lambda url: url.replace("//showdown@", "//nobody:hush@"), 'role "nobody" does not exist'),
    ],
    ids=["no such database", "no such user"],
)
def test_a_postgresql_that_refuses_says_why(
    change: Callable[[str], str],
    words: str,
    postgres_server: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = fresh_postgres(postgres_server)
    assert change(url) != url, url
    monkeypatch.setenv("SHOWDOWN_DATABASE_URL", change(url))
    forget_settings()
    ends_with("ls", words)


PAGES = ("home", "design", "queue", "runs", "compare", "samples", "workers", "run")


@pytest.mark.parametrize(
    ("make", "words"), [(TABLE_GONE, ANOTHER), FILES["a text"]], ids=["a table is gone", "a text"]
)
def test_a_page_says_what_is_wrong_with_the_database(
    make: Callable[[Path], object], words: str, sqlite: Path
) -> None:
    """That went bad while the dashboard runs; or was replaced."""
    broken(sqlite, make)
    for name in PAGES:
        reads.forget_all()
        at = AppTest.from_file(str(REPO / "app" / "main.py"), default_timeout=60)
        if name == "run":
            at.query_params["run"] = "1"
        at.run()
        if name != "home":
            at.switch_page(f"views/{name}/page.py").run()
        assert not at.exception, (name, at.exception)
        said = " ".join(error.value for error in at.error) + " ".join(
            str(h.proto.body) for h in at.get("html")
        )
        assert words.split(":")[0].split(";")[0] in said.replace("\\", ""), (name, said[:500])
