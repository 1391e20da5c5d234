"""The directory of leads, levels of states, and calls over time. Only adds: 0011 goes on working.

Revision 0012. Frozen: tables.py and triggers.py go on, this file does not.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

SORTED = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
COLUMNS = "portal, lead_id, words, email, assistant, previous_owner, assigned_at"
VALUES = (
    "NEW.portal, NEW.lead_id, "
    "substr(lower(coalesce(NEW.name, '') || ' ' || coalesce(NEW.email, '')), 1, 400), "
    "substr(lower(coalesce(NEW.email, '')), 1, 400), "
    "substr(coalesce(NEW.assistant, ''), 1, 400), "
    "substr(coalesce(NEW.previous_owner, ''), 1, 400), NEW.assigned_at"
)
WATCHED = ("name", "email", "assistant", "previous_owner", "assigned_at")
OF = ", ".join(WATCHED)
FORGET = "DELETE FROM directory WHERE portal = OLD.portal AND lead_id = OLD.lead_id;"


def _differ(operator: str) -> str:
    return " OR ".join(f"OLD.{name} {operator} NEW.{name}" for name in WATCHED)


def _sqlite() -> list[str]:
    put = f"INSERT OR REPLACE INTO directory ({COLUMNS}) VALUES ({VALUES});"  # noqa: S608 — our own
    return [
        f"CREATE TRIGGER leads_come AFTER INSERT ON leads BEGIN {put} END",
        f"CREATE TRIGGER leads_differ AFTER UPDATE OF {OF} ON leads "
        f"WHEN {_differ('IS NOT')} BEGIN {put} END",
        f"CREATE TRIGGER leads_go AFTER DELETE ON leads BEGIN {FORGET} END",
    ]


def _postgresql() -> list[str]:
    changes = ", ".join(f"{name} = excluded.{name}" for name in COLUMNS.split(", ")[2:])
    return [
        "CREATE FUNCTION leadback_directory() RETURNS trigger LANGUAGE plpgsql AS $$ "  # noqa: S608
        f"BEGIN INSERT INTO directory ({COLUMNS}) VALUES ({VALUES}) "
        f"ON CONFLICT (portal, lead_id) DO UPDATE SET {changes}; RETURN NULL; END $$",
        "CREATE FUNCTION leadback_directory_forget() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN {FORGET} RETURN NULL; END $$",
        "CREATE TRIGGER leads_come AFTER INSERT ON leads "
        "FOR EACH ROW EXECUTE FUNCTION leadback_directory()",
        f"CREATE TRIGGER leads_differ AFTER UPDATE OF {OF} ON leads FOR EACH ROW "
        f"WHEN ({_differ('IS DISTINCT FROM')}) EXECUTE FUNCTION leadback_directory()",
        "CREATE TRIGGER leads_go AFTER DELETE ON leads "
        "FOR EACH ROW EXECUTE FUNCTION leadback_directory_forget()",
    ]


def _directory() -> None:
    op.create_table(
        "directory",
        sa.Column("portal", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("words", SORTED, nullable=False),
        sa.Column("email", SORTED, nullable=False),
        sa.Column("assistant", SORTED, nullable=False),
        sa.Column("previous_owner", sa.Text(), nullable=False),
        sa.Column("assigned_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("portal", "lead_id", name=op.f("pk_directory")),
        sqlite_with_rowid=False,
    )
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    for statement in _postgresql() if on_postgresql else _sqlite():
        op.execute(statement)
    op.execute(
        f"INSERT INTO directory ({COLUMNS}) SELECT {VALUES.replace('NEW.', 'leads.')} "  # noqa: S608
        "FROM leads ORDER BY portal, lead_id"
    )
    for name, column in (
        ("words", "words"),
        ("email", "email"),
        ("assistant", "assistant"),
        ("owner", "previous_owner"),
        ("assigned", "assigned_at"),
    ):
        op.create_index(f"ix_directory_{name}", "directory", ["portal", column, "lead_id"])


def _trends() -> None:
    op.add_column(
        "pace", sa.Column("calls", sa.BigInteger(), nullable=False, server_default=sa.text("0"))
    )
    op.create_table(
        "levels",
        sa.Column("portal", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("leads", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("portal", "at", "state", name=op.f("pk_levels")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "spending",
        sa.Column("portal", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("most", sa.BigInteger(), nullable=False),
        sa.Column("span", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("portal", "at", "lane", name=op.f("pk_spending")),
        sqlite_with_rowid=False,
    )


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        # At once what is needed in the end: two who have read and both want more wait for ever.
        op.execute("LOCK TABLE leads IN ACCESS EXCLUSIVE MODE")
    _directory()
    op.create_index("ix_leads_place", "leads", ["portal", "state", "changed_hour", "sub_state"])
    op.drop_index("ix_leads_state", "leads")
    op.create_index("ix_ownership_at", "ownership", ["portal", "at", "what"])
    op.create_index(
        "ix_ownership_kept",
        "ownership",
        ["portal", "seq"],
        sqlite_where=sa.text("what = 'kept'"),
        postgresql_where=sa.text("what = 'kept'"),
    )
    _trends()


def downgrade() -> None:
    raise NotImplementedError("put the backup back; Leadback's schema only goes forward")
