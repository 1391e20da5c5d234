"""Who people are at an OpenID provider, and which browsers were sent there. Only adds: code of
schema 0010 goes on working.

Revision 0011. Frozen: tables.py goes on, this file does not.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("identity", sa.Text(), nullable=True))
    op.create_index("ix_users_identity", "users", ["identity"], unique=True)
    op.create_table(
        "sign_ins",
        sa.Column("state_hash", sa.Text(), nullable=False),
        sa.Column("next_path", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("state_hash", name=op.f("pk_sign_ins")),
    )


def downgrade() -> None:
    raise NotImplementedError("put the backup back; Leadback's schema only goes forward")
