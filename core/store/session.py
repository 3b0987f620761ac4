"""Engines and transactions. Called by the modules beside it and by migrations.

SQLite runs in WAL mode with foreign keys on; a writer takes its lock at BEGIN, so that two writers queue up instead of
failing in the middle. PostgreSQL is told how long anybody waits, for a lock or for a machine that fell silent.
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

from core.errors import NotFound, SetupError, StoreUnavailable
from core.settings import settings
from core.store import failures

KINDS = ("sqlite", "postgresql")
GIVE = "give postgresql+psycopg://user:password@host/name or sqlite:////folder/file.db, or unset it"
IDLE_SECONDS = 300  # a transaction that nobody goes on with for so long is ended by the server, and its locks with it
_engines: dict[str, Engine] = {}
_making = threading.Lock()


def _make(url: str) -> Engine:
    """SetupError where the URL names no database that we know."""
    try:
        return _made(url)
    except (ArgumentError, ValueError) as error:  # whose messages quote it, and its password
        raise SetupError(f"SHOWDOWN_DATABASE_URL is not the URL of a database; {GIVE}") from error
    except ImportError as error:
        raise SetupError(f"SHOWDOWN_DATABASE_URL needs a driver that is not installed ({error.name}); {GIVE}") from error
    except OSError as error:
        raise SetupError(f"the folder of {failures.database()} cannot be made ({error.strerror}); give another") from error


def _made(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() not in KINDS:
        raise ArgumentError
    if parsed.get_backend_name() != "sqlite":
        given = {k: v for k, v in _patience().items() if k not in parsed.query}
        return create_engine(parsed, pool_pre_ping=True, connect_args=given, json_deserializer=_json)
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        parsed, connect_args={"timeout": settings().busy_seconds, "check_same_thread": False}, json_deserializer=_json
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _json(text: str) -> Any:
    """The value of a JSON column; None where it holds something else: one bad row must not keep a list from being read."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _patience() -> dict[str, Any]:
    """libpq's settings: nobody waits without end for a row that a frozen process holds, or for a machine that fell silent.

    The watchdog of a training, its stop and its lease all come after such a wait.
    """
    busy = round(settings().busy_seconds * 1000)
    waits = f"-c lock_timeout={busy} -c idle_in_transaction_session_timeout={IDLE_SECONDS * 1000}"
    silence = {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000}
    return {"options": waits, "connect_timeout": 10, **silence}


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves, see _begin_sqlite
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
        for made in _engines.values():
            made.dispose()
        _engines.clear()


@contextmanager
def named_failures() -> Iterator[None]:
    """A database that is away, locked, damaged or another version's is StoreUnavailable, a number that none can hold
    NotFound; every other error is a bug."""
    try:
        yield
    except PoolTimeout as error:
        raise StoreUnavailable(f"{failures.database()} does not answer: {error}") from error
    except OverflowError as error:  # SQLite's driver says it by itself
        raise NotFound(failures.TOO_LARGE) from error
    except DBAPIError as error:
        if failures.too_large(error):
            raise NotFound(failures.TOO_LARGE) from error
        if (said := failures.said(error)) is None:
            raise
        raise StoreUnavailable(said) from error


@contextmanager
def writing() -> Iterator[Connection]:
    """A transaction that may write: committed at the end, rolled back on an exception."""
    with named_failures(), engine().connect() as connection:
        connection = connection.execution_options(writes=True)
        with connection.begin():
            yield connection


@contextmanager
def reading() -> Iterator[Connection]:
    """A transaction that only reads: one consistent view."""
    with named_failures(), engine().connect() as connection, connection.begin():
        yield connection
