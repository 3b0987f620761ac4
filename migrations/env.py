"""Alembic's entry: runs the revisions on the connection it is given, else on the engine of the settings."""

from alembic import context

from core.store.session import engine
from core.store.tables import metadata


def run() -> None:
    """Run the revisions in one transaction. On SQLite, tables are rebuilt to be altered (batch mode)."""
    given = context.config.attributes.get("connection")
    if given is not None:
        context.configure(connection=given, target_metadata=metadata, render_as_batch=True)
        context.run_migrations()
        return
    with engine().connect() as connection:
        context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
        with context.begin_transaction():
            context.run_migrations()


run()
