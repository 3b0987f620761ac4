"""What lists of samples filter by: dead groups, how far reward and gold disagree, token log-probs; notes and
labels.

Revision 0006, on 0005. The two columns that follow from a group are filled for what is stored already, by
the rules of core.rewards.advantage.dead (of the advantages) and core.analysis.agreement.surprise.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

PLACE = ("run_id", "split", "step", "group_index", "index_in_group")
LISTED = ("correct", "truncated", "dead", "surprise", "total", "advantage", "n_tokens", "id")
FILL = """
UPDATE sample SET dead = g.high <= 1e-4,
  surprise = CASE WHEN correct THEN g.wrong_total - total ELSE total - g.right_total END
FROM (SELECT run_id AS r, split AS p, step AS s, group_index AS i, max(abs(advantage)) AS high,
        avg(CASE WHEN correct THEN total END) AS right_total, avg(CASE WHEN correct THEN NULL ELSE total END) AS wrong_total
      FROM sample WHERE advantage IS NOT NULL GROUP BY run_id, split, step, group_index) AS g
WHERE g.r = run_id AND g.p = split AND g.s = step AND g.i = group_index AND advantage IS NOT NULL
"""


def upgrade() -> None:
    with op.batch_alter_table("sample", recreate="never") as table:
        table.add_column(sa.Column("dead", sa.Boolean(), nullable=True))
        table.add_column(sa.Column("surprise", sa.Float(), nullable=True))
        table.add_column(sa.Column("token_nll", sa.Text(), nullable=True))
        table.drop_index("ix_sample_run_total")
    op.execute(FILL)
    with op.batch_alter_table("sample", recreate="never") as table:
        table.create_index("ix_sample_browse", [*PLACE, *LISTED])
        table.create_index("ix_sample_problem", ["run_id", "problem_id", "step"])
    _of_places(
        "sample_note",
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("written_at", sa.Float(), nullable=False),
    )
    _of_places("sample_label", sa.Column("name", sa.String(length=40), nullable=False), key=("name",))


def _of_places(name: str, *columns: sa.Column, key: tuple[str, ...] = ()) -> None:  # type: ignore[type-arg]
    op.create_table(
        name,
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("split", sa.String(length=8), nullable=False),
        *(sa.Column(place, sa.Integer(), autoincrement=False, nullable=False) for place in PLACE[2:]),
        *columns,
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f(f"fk_{name}_run_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint(*PLACE, *key, name=op.f(f"pk_{name}")),
    )


def downgrade() -> None:
    op.drop_table("sample_label")
    op.drop_table("sample_note")
    with op.batch_alter_table("sample", recreate="never") as table:
        table.drop_index("ix_sample_problem")
        table.drop_index("ix_sample_browse")
        for column in ("token_nll", "surprise", "dead"):
            table.drop_column(column)
        table.create_index("ix_sample_run_total", ["run_id", "total"])
