"""The database itself: its schema's revision and its size. Called by core.health."""

from sqlalchemy import inspect

from core.store.session import engine, reading

SIZE = {
    "sqlite": "select page_count * page_size from pragma_page_count(), pragma_page_size()",
    "postgresql": "select pg_database_size(current_database())",
}


def kind() -> str:
    """What people call it."""
    name = engine().dialect.name
    return {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(name, name)


def schema() -> str:
    """The revision of the tables; empty where none were made yet."""
    with reading() as c:
        if not inspect(c).has_table("alembic_version"):
            return ""
        return str(c.exec_driver_sql("select version_num from alembic_version").scalar() or "")


def size() -> float | None:
    """Bytes; None for a database that does not say."""
    with reading() as c:
        asked = SIZE.get(c.dialect.name)
        return None if asked is None else float(c.exec_driver_sql(asked).scalar_one())
