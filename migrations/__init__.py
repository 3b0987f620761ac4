"""Alembic migrations of the store. `upgrade()` is called by every `showdown` command that opens the database."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text

from core.errors import StoreUnavailable
from core.store import failures
from core.store.session import engine, named_failures

HERE = Path(__file__).parent
LOCK = 7_205_759  # any number, the same in every process that upgrades


def config(connection: Connection | None = None) -> Config:
    """Alembic's config, on a given connection or on the engine of this process's settings."""
    made = Config()
    made.set_main_option("script_location", str(HERE))
    made.attributes["connection"] = connection
    return made


def upgrade() -> None:
    """Bring the database to the newest revision; StoreUnavailable for one of a newer version. Several processes may call it."""
    with named_failures(), engine().connect().execution_options(writes=True) as connection, connection.begin():
        if connection.dialect.name == "postgresql":  # SQLite's writer lock does this by itself
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        try:
            command.upgrade(config(connection), "head")
        except CommandError as error:  # a revision that is not in our folder
            raise StoreUnavailable(f"{failures.database()} {failures.ANOTHER}") from error
