"""Which settings of a run differ from its siblings', so that lists can name it without reading its config.

Revision 0004, on 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("run", recreate="never") as table:
        table.add_column(sa.Column("swept", sa.JSON(), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("run", recreate="never") as table:
        table.drop_column("swept")
