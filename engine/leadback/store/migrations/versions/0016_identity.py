"""An event is known by source, id and whether the engine made it: nobody can claim the engine's.

Revision 0016. Frozen: tables.py goes on, this file does not. Code of schema 0015 goes on working.
SQLite cannot change a key in place: the table is copied, which takes a while and its size on disk.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

KEY = ("portal", "source", "event_id", "internal")
COLUMNS = (
    "portal", "seq", "crm_id", "source", "event_id", "type", "at", "data", "erased",
    "received_at", "internal", "via",
)  # fmt: skip


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("uq_inbox_portal", "inbox", type_="unique")
        op.create_unique_constraint("uq_inbox_portal", "inbox", list(KEY))
        return
    op.create_table(
        "inbox_copy",
        sa.Column("portal", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("crm_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("erased", sa.Boolean(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("internal", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        sa.Column("via", sa.Text(), nullable=False, server_default=sa.text("''")),
        sa.PrimaryKeyConstraint("portal", "seq", name=op.f("pk_inbox")),
        sa.UniqueConstraint(*KEY, name=op.f("uq_inbox_portal")),
        sqlite_with_rowid=False,
    )
    columns = ", ".join(COLUMNS)
    op.execute(f"INSERT INTO inbox_copy ({columns}) SELECT {columns} FROM inbox")  # noqa: S608
    op.drop_table("inbox")
    op.rename_table("inbox_copy", "inbox")


def downgrade() -> None:
    raise NotImplementedError("put the backup back; Leadback's schema only goes forward")
