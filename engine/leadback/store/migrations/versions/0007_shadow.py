"""A version that decides beside the one in use, and where it would have decided otherwise.

Only adds: code of schema 0006 goes on working. Revision 0007. Frozen: tables.py goes on.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "disagreements",
        sa.Column("portal", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("rules_version", sa.Text(), nullable=False),
        sa.Column("in_use", sa.Text(), nullable=False),
        sa.Column("shadow", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("portal", "seq", name=op.f("pk_disagreements")),
    )
    op.create_table(
        "shadow",
        sa.Column("one", sa.Integer(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_shadow")),
    )


def downgrade() -> None:
    raise NotImplementedError("put the backup back; Leadback's schema only goes forward")
