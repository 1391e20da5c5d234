"""An index of what a version in the shadow would have decided, by lead. Only adds.

Revision 0019. Frozen: tables.py goes on, this file does not.
"""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_disagreements_lead", "disagreements", ["portal", "lead_id"])


def downgrade() -> None:
    raise NotImplementedError("put the backup back; Leadback's schema only goes forward")
