"""When each portal was last heard of, and the cursor of its polls

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "listening",
        sa.Column("portal", sa.Text(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("owners", sa.Text(), nullable=False),
        sa.Column("poll_due_at", sa.BigInteger(), nullable=False),
        sa.Column("polled_at", sa.BigInteger(), nullable=True),
        sa.Column("compared_at", sa.BigInteger(), nullable=True),
        sa.Column("hooked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("portal", name=op.f("pk_listening")),
    )


def downgrade() -> None:
    raise NotImplementedError("put the backup back; Leadback's schema only goes forward")
