"""An index of the few effects that need a person. Only adds: schema 0012 goes on working.

Revision 0013. Frozen: tables.py goes on, this file does not.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

NEEDING = sa.text("status = 'failed' OR status = 'uncertain'")


def upgrade() -> None:
    op.create_index(
        "ix_outbox_needing",
        "outbox",
        ["portal", "status", "id"],
        sqlite_where=NEEDING,
        postgresql_where=NEEDING,
    )


def downgrade() -> None:
    raise NotImplementedError("put the backup back; Leadback's schema only goes forward")
