"""Engines and transactions.

SQLite runs in WAL mode with foreign keys on; a writer takes its lock at BEGIN, so that two writers queue
up instead of failing midway. PostgreSQL connections limit the wait for a lock or for a silent machine.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.common.errors import NotFound, SetupError, StoreUnavailable
from core.common.settings import settings
from core.store import database_errors

KINDS = ("sqlite", "postgresql")
GIVE = "give postgresql+psycopg://user:password@host/name or sqlite:////folder/file.db, or unset it"
# The server ends a transaction that is idle for this long, and releases its locks.
IDLE_SECONDS = 300
_engines: dict[str, Engine] = {}
_making = threading.Lock()


def _make(url: str) -> Engine:
    """Create an engine; SetupError when the URL does not name a supported database."""
    try:
        return _made(url)
    except (ArgumentError, ValueError) as error:  # their messages quote the URL and its password
        raise SetupError(f"SHOWDOWN_DATABASE_URL is not the URL of a database; {GIVE}") from error
    except ImportError as error:
        raise SetupError(
            f"SHOWDOWN_DATABASE_URL needs a driver that is not installed ({error.name}); {GIVE}"
        ) from error
    except OSError as error:
        raise SetupError(
            f"the folder of {database_errors.database()} cannot be made ({error.strerror}); give another"
        ) from error


def _made(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() not in KINDS:
        raise ArgumentError
    if parsed.get_backend_name() != "sqlite":
        connect_args = {k: v for k, v in _patience().items() if k not in parsed.query}
        return create_engine(parsed, pool_pre_ping=True, connect_args=connect_args, json_deserializer=_json)
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        parsed,
        connect_args={"timeout": settings().busy_seconds, "check_same_thread": False},
        json_deserializer=_json,
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _json(text: str) -> Any:
    """The value of a JSON column; None when its text is not JSON.

    One bad row must not keep a list from being read.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _patience() -> dict[str, Any]:
    """The libpq settings that bound every wait: for a row that a frozen process holds, or a silent machine.

    A training's watchdog, stop and lease are all delayed by such a wait.
    """
    busy = round(settings().busy_seconds * 1000)
    waits = f"-c lock_timeout={busy} -c idle_in_transaction_session_timeout={IDLE_SECONDS * 1000}"
    silence = {
        "keepalives_idle": 15,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
    }
    return {"options": waits, "connect_timeout": 10, **silence}


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we send BEGIN ourselves, see _begin_sqlite
    busy = f"busy_timeout={round(settings().busy_seconds * 1000)}"
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", busy):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def engine() -> Engine:
    """The engine of this process's settings; one per database."""
    url = settings().database
    with _making:
        if url not in _engines:
            _engines[url] = _make(url)
        return _engines[url]


def forget_engines() -> None:
    """Close every connection, for a process that changes its settings."""
    with _making:
        for open_engine in _engines.values():
            open_engine.dispose()
        _engines.clear()


@contextmanager
def named_failures() -> Iterator[None]:
    """Translate database errors that are not bugs into exceptions of this project.

    Raises StoreUnavailable for a database that is away, locked, damaged or of another version, and NotFound
    for a number that no database can hold. Every other error is a bug and passes unchanged.
    """
    try:
        yield
    except PoolTimeout as error:
        raise StoreUnavailable(f"{database_errors.database()} does not answer: {error}") from error
    except OverflowError as error:  # raised by SQLite's driver itself
        raise NotFound(database_errors.TOO_LARGE) from error
    except DBAPIError as error:
        if database_errors.too_large(error):
            raise NotFound(database_errors.TOO_LARGE) from error
        if (message := database_errors.said(error)) is None:
            raise
        raise StoreUnavailable(message) from error


@contextmanager
def writing() -> Iterator[Connection]:
    """A transaction that may write: it commits at the end and rolls back on an exception."""
    with named_failures(), engine().connect() as connection:
        connection = connection.execution_options(writes=True)
        with connection.begin():
            yield connection


@contextmanager
def reading() -> Iterator[Connection]:
    """A read-only transaction with one consistent view."""
    with named_failures(), engine().connect() as connection, connection.begin():
        yield connection
