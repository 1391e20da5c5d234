"""Log-ins in a list of their own, and browsers that a login was good from. Only adds, but for the
log-ins on the audit trail, which go over: schema 0017 goes on working.

Revision 0018. Frozen: tables.py goes on, this file does not.
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "browsers",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_browsers")),
        sa.ForeignKeyConstraint(
            ["user"], ["users.name"], name=op.f("fk_browsers_user"), ondelete="CASCADE"
        ),
    )
    op.create_table(
        "log_ins",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("good", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_log_ins")),
    )
    op.create_index("ix_log_ins_good", "log_ins", ["good", "id"])
    op.execute(
        "INSERT INTO log_ins (id, at, who, address, outcome, good) "
        "SELECT id, at, who, subject, outcome, outcome LIKE 'done%' FROM audit "
        "WHERE what = 'log in'"
    )
    op.execute("DELETE FROM audit WHERE what = 'log in'")


def downgrade() -> None:
    raise NotImplementedError("put the backup back; Leadback's schema only goes forward")
