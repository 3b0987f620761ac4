"""GPUs are leased to runs by their uuid; how many processes a run wants.

Revision 0003, on 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("run", recreate="never") as table:
        table.add_column(sa.Column("num_processes", sa.Integer(), server_default="1", nullable=False))
    # Rows of `gpu` live as long as a heartbeat: the table is made anew, without the column that nobody wrote.
    op.drop_table("gpu")
    _gpu(sa.Column("uuid", sa.String(length=80), nullable=False))
    op.create_table(
        "gpu_lease",
        sa.Column("uuid", sa.String(length=80), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_gpu_lease_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("uuid", name=op.f("pk_gpu_lease")),
    )
    op.create_index(op.f("ix_gpu_lease_run_id"), "gpu_lease", ["run_id"])


def _gpu(last: sa.Column, *more: sa.Constraint) -> None:  # type: ignore[type-arg]
    op.create_table(
        "gpu",
        sa.Column("worker", sa.String(length=120), nullable=False),
        sa.Column("index", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("memory_bytes", sa.Float(), nullable=False),
        sa.Column("memory_used", sa.Float(), server_default="0", nullable=False),
        sa.Column("utilisation", sa.Float(), nullable=True),
        last,
        *more,
        sa.ForeignKeyConstraint(["worker"], ["worker.name"], name=op.f("fk_gpu_worker"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("worker", "index", name=op.f("pk_gpu")),
    )


def downgrade() -> None:
    op.drop_table("gpu_lease")
    op.drop_table("gpu")
    run = sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_gpu_run_id"), ondelete="SET NULL")
    _gpu(sa.Column("run_id", sa.Integer(), nullable=True), run)
    with op.batch_alter_table("run", recreate="never") as table:
        table.drop_column("num_processes")
