"""Which events the engine made itself, the door of the others, limits of keys. Only adds.

Revision 0015. Frozen: tables.py goes on, this file does not.

Of what was taken before, events of types that no sender can write are the engine's. The others
could have been sent by anybody, whatever they call their source, and are taken as such.
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

OURS = "type LIKE 'timer.%' OR type = 'rules.changed'"


def upgrade() -> None:
    for table in ("inbox", "history"):
        op.add_column(
            table,
            sa.Column("internal", sa.Boolean(), nullable=False, server_default=sa.text("false")),
        )
        op.execute(f"UPDATE {table} SET internal = true WHERE {OURS}")  # noqa: S608 — our own
    for table in ("inbox", "quarantine"):
        op.add_column(
            table, sa.Column("via", sa.Text(), nullable=False, server_default=sa.text("''"))
        )
    for limit in ("portals", "types"):
        op.add_column(
            "api_keys", sa.Column(limit, sa.Text(), nullable=False, server_default=sa.text("''"))
        )


def downgrade() -> None:
    raise NotImplementedError("put the backup back; Leadback's schema only goes forward")
