"""Migrations: an empty database upgraded to head is what core.store.schema says, on both databases."""

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from core.store.schema import metadata
from core.store.session import engine, reading
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


def test_a_database_with_data_goes_up_and_down_and_loses_nothing(empty_database: str) -> None:
    """From the first release's tables to head and back: SQLite's way to alter a table must not cascade
    over its rows."""

    def to(revision: str, up: bool) -> None:
        with engine().connect().execution_options(writes=True) as c, c.begin():
            (command.upgrade if up else command.downgrade)(config(c), revision)

    def count() -> list[int]:
        with reading() as c:
            names = ("run", "run_event", "point", "sample", "score", "evaluation")
            return [c.exec_driver_sql(f"select count(*) from {name}").scalar_one() for name in names]

    to("0001", up=True)
    with engine().connect().execution_options(writes=True) as c, c.begin():
        for text in (
            "insert into run (id, arm, seed, structure, config, config_hash, revision, status, attempt, stop_requested, step, "
            "max_steps, created_at, queued_at) values (1, 'a', 0, 'hard', '{}', 'h', '', 'done', 1, false, 1, 1, 1.0, 1.0)",
            "insert into run_event (id, run_id, at, kind, detail) values (1, 1, 1.0, 'done', '')",
            "insert into metric (id, name) values (1, 'reward/total')",
            "insert into point (run_id, metric_id, step, value) values (1, 1, 1, 0.5)",
            "insert into sample (id, run_id, step, split, problem_id, group_index, index_in_group, prompt, completion, gold, "
            "correct, n_tokens, truncated) values (1, 1, 1, 'train', 'p', 0, 0, 'q', 'c', '7', true, 3, false)",
            "insert into score (sample_id, term, position, weight) values (1, 'correctness', 0, 1.0)",
            "insert into evaluation (run_id, step, problems, num_samples, temperature, accuracy, seconds) "
            "values (1, 1, 8, 2, 1.0, 0.5, 0.1)",
        ):
            c.exec_driver_sql(text)
    for revision, up in (("head", True), ("0001", False), ("head", True)):
        to(revision, up)
        assert count() == [1] * 6, revision
    from core.store.runs import queries

    assert queries.run_list()[0].accuracy == 0.5
