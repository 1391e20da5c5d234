"""Events that could not be decided are parked with the reason. Only adds: schema 0016 works on.

Revision 0017. Frozen: tables.py goes on, this file does not.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

STUCK = sa.text("status = 'failed' OR status = 'held'")


def upgrade() -> None:
    op.add_column("waiting", sa.Column("parked_at", sa.BigInteger, nullable=True))
    op.add_column("waiting", sa.Column("reason", sa.Text, nullable=True))
    op.execute("UPDATE waiting SET parked_at = placed_at WHERE status = 'held'")
    op.create_index(
        "ix_waiting_needing",
        "waiting",
        ["portal", "status", "parked_at", "seq"],
        sqlite_where=STUCK,
        postgresql_where=STUCK,
    )


def downgrade() -> None:
    raise NotImplementedError("put the backup back; Leadback's schema only goes forward")
