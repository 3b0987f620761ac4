"""Alembic migrations of the store.

Every `showdown` command that opens the database brings it up to date first, with `upgrade()`.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text

from core.common.errors import StoreUnavailable
from core.store import database_errors
from core.store.session import engine, named_failures

HERE = Path(__file__).parent
LOCK = 7_205_759  # any number, the same in every process that upgrades


def config(connection: Connection | None = None) -> Config:
    """Alembic's config, on a given connection or on the engine of this process's settings."""
    alembic_config = Config()
    alembic_config.set_main_option("script_location", str(HERE))
    alembic_config.attributes["connection"] = connection
    return alembic_config


def upgrade() -> None:
    """Bring the database to the newest revision.

    StoreUnavailable if a newer version of Showdown wrote it. Several processes may call this at once.
    """
    with (
        named_failures(),
        engine().connect().execution_options(writes=True) as connection,
        connection.begin(),
    ):
        if connection.dialect.name == "postgresql":  # SQLite's writer lock does this by itself
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        try:
            command.upgrade(config(connection), "head")
        except CommandError as error:  # a revision that is not in our folder
            raise StoreUnavailable(f"{database_errors.database()} {database_errors.ANOTHER}") from error
