"""The newest instant at which an event was accepted. Only adds: schema 0008 goes on working.

Revision 0009. Frozen: tables.py goes on, this file does not.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "ids", sa.Column("newest", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    )
    if op.get_bind().dialect.supports_sequences:
        op.execute(sa.schema.CreateSequence(sa.Sequence("leadback_places")))


def downgrade() -> None:
    raise NotImplementedError("put the backup back; Leadback's schema only goes forward")
