"""Values that no rule knows, counted. Only adds: schema 0019 goes on working.

Revision 0020. Frozen: tables.py goes on, this file does not.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "unruled",
        sa.Column("portal", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("events", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("portal", "type", "field", "value", name=op.f("pk_unruled")),
    )


def downgrade() -> None:
    raise NotImplementedError("put the backup back; Leadback's schema only goes forward")
