"""Contacts whose reading could not be understood are shown with the reason. Only adds: schema 0020
goes on working.

Revision 0021. Frozen: tables.py goes on, this file does not.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

UNREAD = sa.text("reason IS NOT NULL")


def upgrade() -> None:
    op.add_column("hints", sa.Column("reason", sa.Text, nullable=True))
    op.create_index(
        "ix_hints_unread",
        "hints",
        ["portal", "crm_id"],
        sqlite_where=UNREAD,
        postgresql_where=UNREAD,
    )


def downgrade() -> None:
    raise NotImplementedError("put the backup back; Leadback's schema only goes forward")
