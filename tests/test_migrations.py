"""Migrations: an empty database upgraded to head is what core.store.tables says, on both databases."""

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from core.store.session import engine, reading
from core.store.tables import metadata
from migrations import config, upgrade


def test_head_is_the_models(empty_database: str) -> None:
    upgrade()
    upgrade()  # a second start finds nothing to do
    with reading() as c:
        context = MigrationContext.configure(c, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == ScriptDirectory.from_config(config()).get_current_head()
    names = set(inspect(engine()).get_table_names())
    assert names == set(metadata.tables) | {"alembic_version"}


def test_all_the_way_down_leaves_nothing(empty_database: str) -> None:
    upgrade()
    with engine().connect().execution_options(writes=True) as c, c.begin():
        command.downgrade(config(c), "base")
    assert inspect(engine()).get_table_names() == ["alembic_version"]


@pytest.mark.parametrize("table", ["point", "score"])
def test_narrow_tables_have_no_rowid(sqlite: object, table: str) -> None:
    del sqlite
    with reading() as c:
        text = c.exec_driver_sql("select sql from sqlite_master where name = ?", (table,)).scalar_one()
    assert "WITHOUT ROWID" in text  # five times smaller and quicker to read, see decision 0004
