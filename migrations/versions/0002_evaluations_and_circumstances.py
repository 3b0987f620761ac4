"""Evaluations problem by problem with pass@k and maj@k; what a run was made with; priority and time limit of
a run.

Revision 0002, on 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


# recreate="never": SQLite would copy the table and drop the old one, and with it, by cascade, every row that
# points to it.


def upgrade() -> None:
    with op.batch_alter_table("run", recreate="never") as table:
        table.add_column(sa.Column("priority", sa.Integer(), server_default="0", nullable=False))
        table.add_column(sa.Column("time_limit", sa.Float(), nullable=True))
        table.add_column(sa.Column("trained_seconds", sa.Float(), server_default="0", nullable=False))
        table.add_column(sa.Column("environment", sa.JSON(), nullable=True))
    with op.batch_alter_table("gpu", recreate="never") as table:
        table.add_column(sa.Column("memory_used", sa.Float(), server_default="0", nullable=False))
        table.add_column(sa.Column("utilisation", sa.Float(), nullable=True))
    with op.batch_alter_table("evaluation", recreate="never") as table:
        table.add_column(sa.Column("greedy_accuracy", sa.Float(), nullable=True))
        table.add_column(sa.Column("majority", sa.Float(), nullable=True))
        table.add_column(sa.Column("pass_at", sa.JSON(), nullable=True))
        table.add_column(sa.Column("key", sa.String(length=32), nullable=True))
        table.create_index(op.f("ix_evaluation_key"), ["key"])
    op.create_table(
        "evaluation_item",
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("problem_id", sa.String(length=200), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("right", sa.Integer(), nullable=False),
        sa.Column("greedy_right", sa.Boolean(), nullable=True),
        sa.Column("majority_right", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_evaluation_item_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "step", "problem_id", name=op.f("pk_evaluation_item")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("evaluation_item")
    with op.batch_alter_table("evaluation", recreate="never") as table:
        table.drop_index(op.f("ix_evaluation_key"))
        for column in ("key", "pass_at", "majority", "greedy_accuracy"):
            table.drop_column(column)
    with op.batch_alter_table("gpu", recreate="never") as table:
        for column in ("utilisation", "memory_used"):
            table.drop_column(column)
    with op.batch_alter_table("run", recreate="never") as table:
        for column in ("environment", "trained_seconds", "time_limit", "priority"):
            table.drop_column(column)
