"""An index of the events that wait for the CRM, by what they need. Only adds.

Revision 0014. Frozen: tables.py goes on, this file does not.
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

LOOKUP = sa.text("status = 'lookup'")


def upgrade() -> None:
    op.create_index(
        "ix_waiting_needs",
        "waiting",
        ["portal", "needs", "lease_until", "seq"],
        sqlite_where=LOOKUP,
        postgresql_where=LOOKUP,
    )


def downgrade() -> None:
    raise NotImplementedError("put the backup back; Leadback's schema only goes forward")
