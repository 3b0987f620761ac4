"""Alembic migrations of the store. `upgrade()` is called by every `showdown` command that opens the database."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

from core.store.session import engine

HERE = Path(__file__).parent


def config(connection: Connection | None = None) -> Config:
    """Alembic's config, on a given connection or on the engine of this process's settings."""
    made = Config()
    made.set_main_option("script_location", str(HERE))
    made.attributes["connection"] = connection
    return made


def upgrade() -> None:
    """Bring the database to the newest revision. Safe to call from several processes at once."""
    with engine().connect().execution_options(writes=True) as connection, connection.begin():
        command.upgrade(config(connection), "head")
