"""Who did what to a run, and which sign-ins were ended before their time.

Revision 0007, on 0006. Nobody is named in what was recorded before.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("experiment", "run_event"):
        with op.batch_alter_table(name, recreate="never") as table:
            table.add_column(
                sa.Column("by", sa.String(length=200), nullable=False, server_default=sa.text("''"))
            )
    op.create_table(
        "signed_out",
        sa.Column("session", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("session", name=op.f("pk_signed_out")),
    )


def downgrade() -> None:
    op.drop_table("signed_out")
    for name in ("run_event", "experiment"):
        with op.batch_alter_table(name, recreate="never") as table:
            table.drop_column("by")
