"""The database's kind, schema revision and size."""

from sqlalchemy import inspect

from core.store.session import engine, reading

SIZE = {
    "sqlite": "select page_count * page_size from pragma_page_count(), pragma_page_size()",
    "postgresql": "select pg_database_size(current_database())",
}


def kind() -> str:
    """The database's usual name, such as SQLite or PostgreSQL."""
    name = engine().dialect.name
    return {"sqlite": "SQLite", "postgresql": "PostgreSQL"}.get(name, name)


def schema() -> str:
    """The revision of the tables; empty when none exist yet."""
    with reading() as c:
        if not inspect(c).has_table("alembic_version"):
            return ""
        return str(c.exec_driver_sql("select version_num from alembic_version").scalar() or "")


def size() -> float | None:
    """The size in bytes; None for a database that does not report it."""
    with reading() as c:
        query = SIZE.get(c.dialect.name)
        return None if query is None else float(c.exec_driver_sql(query).scalar_one())
