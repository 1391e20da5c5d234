"""Days on which an assistant does not follow up. Only adds: code of schema 0009 goes on working.

Revision 0010. Frozen: tables.py goes on, this file does not.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("assistants", sa.Column("off_days", sa.Text(), nullable=True))


def downgrade() -> None:
    raise NotImplementedError("put the backup back; Leadback's schema only goes forward")
