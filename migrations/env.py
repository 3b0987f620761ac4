"""Alembic's entry point: runs the revisions on the given connection, else on the engine of the settings."""

from alembic import context

from core.store.schema import metadata
from core.store.session import engine


def run() -> None:
    """Run the revisions in one transaction.

    On SQLite, a table is rebuilt to be altered (batch mode).
    """
    connection_of_caller = context.config.attributes.get("connection")
    if connection_of_caller is not None:
        context.configure(connection=connection_of_caller, target_metadata=metadata, render_as_batch=True)
        context.run_migrations()
        return
    with engine().connect() as connection:
        context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
        with context.begin_transaction():
            context.run_migrations()


run()
