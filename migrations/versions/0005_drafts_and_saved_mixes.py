"""Drafts of the design page, and saved mixes with their versions.

Revision 0005, on 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "draft",
        sa.Column("id", sa.String(length=12), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("typed", sa.JSON(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_draft")),
    )
    op.create_index(op.f("ix_draft_updated_at"), "draft", ["updated_at"])
    op.create_table(
        "saved_mix",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=16), nullable=False),
        sa.Column("config", sa.JSON(), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["saved_mix.id"], name=op.f("fk_saved_mix_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_mix")),
        sa.UniqueConstraint("name", "version", name=op.f("uq_saved_mix_name_version")),
    )
    op.create_index(op.f("ix_saved_mix_hash"), "saved_mix", ["hash"])


def downgrade() -> None:
    op.drop_table("saved_mix")
    op.drop_table("draft")
