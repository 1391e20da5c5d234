"""An assistant is known by the owner ids that it had before its CRM user was made anew, too. Only
adds: schema 0021 goes on working.

Revision 0022. Frozen: tables.py goes on, this file does not.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("assistants", sa.Column("former_owner_ids", sa.Text, nullable=True))
    op.add_column("assistants", sa.Column("user_changed_at", sa.BigInteger, nullable=True))


def downgrade() -> None:
    raise NotImplementedError("put the backup back; Leadback's schema only goes forward")
