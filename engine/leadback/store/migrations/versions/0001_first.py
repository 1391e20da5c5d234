"""The first schema: events, leads, effects and what surrounds them.

Revision 0001. Frozen: tables.py goes on, this file does not.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "compatible",
        sa.Column("one", sa.Integer(), nullable=False),
        sa.Column("oldest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_compatible")),
    )
    op.create_table(
        "contact_aliases",
        sa.Column("portal", sa.Text(), nullable=False),
        sa.Column("crm_id", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("portal", "crm_id", name=op.f("pk_contact_aliases")),
    )
    op.create_index(
        "ix_contact_aliases_lead", "contact_aliases", ["portal", "lead_id"], unique=False
    )
    op.create_table(
        "hints",
        sa.Column("portal", sa.Text(), nullable=False),
        sa.Column("crm_id", sa.Text(), nullable=False),
        sa.Column("erased", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("portal", "crm_id", name=op.f("pk_hints")),
    )
    op.create_index("ix_hints_due", "hints", ["portal", "due_at"], unique=False)
    op.create_table(
        "history",
        sa.Column("portal", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("event_id", sa.Text(), nullable=False),
        sa.Column("event_at", sa.BigInteger(), nullable=False),
        sa.Column("from_state", sa.Text(), nullable=True),
        sa.Column("to_state", sa.Text(), nullable=False),
        sa.Column("sub_state", sa.Text(), nullable=True),
        sa.Column("result", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("rule_at", sa.Text(), nullable=False),
        sa.Column("reads", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("rules_version", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("portal", "seq", "at", name=op.f("pk_history")),
        postgresql_partition_by="RANGE (at)",
        sqlite_with_rowid=False,
    )
    op.create_index("ix_history_lead", "history", ["portal", "lead_id", "seq"], unique=False)
    op.create_table(
        "ids",
        sa.Column("one", sa.Integer(), nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("one", name=op.f("pk_ids")),
    )
    op.create_table(
        "inbox",
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
        sa.PrimaryKeyConstraint("portal", "seq", name=op.f("pk_inbox")),
        sa.UniqueConstraint("portal", "source", "event_id", name=op.f("uq_inbox_portal")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "lanes",
        sa.Column("portal", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("portal", "lead_id", name=op.f("pk_lanes")),
    )
    op.create_table(
        "leads",
        sa.Column("portal", sa.Text(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("crm_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sub_state", sa.Text(), nullable=True),
        sa.Column("came_from_state", sa.Text(), nullable=True),
        sa.Column("came_from_sub_state", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("assistant", sa.Text(), nullable=True),
        sa.Column("assistant_name", sa.Text(), nullable=True),
        sa.Column("context", sa.Text(), nullable=True),
        sa.Column("previous_owner", sa.Text(), nullable=True),
        sa.Column("counters", sa.Text(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.Column("stopped", sa.Boolean(), nullable=False),
        sa.Column("ended", sa.Text(), nullable=True),
        sa.Column("assigned_at", sa.BigInteger(), nullable=False),
        sa.Column("entered_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("changed_hour", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("portal", "lead_id", name=op.f("pk_leads")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index("ix_leads_changed", "leads", ["portal", "changed_hour"], unique=False)
    op.create_index("ix_leads_crm_id", "leads", ["portal", "crm_id"], unique=False)
    op.create_index("ix_leads_email", "leads", ["portal", "email"], unique=False)
    op.create_index("ix_leads_state", "leads", ["portal", "state"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("portal", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("crm_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("maybe_sent", sa.Boolean(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("result", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("portal", "id", name=op.f("pk_outbox")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_outbox_due",
        "outbox",
        ["portal", "due_at", "id"],
        unique=False,
        sqlite_where=sa.text("status = 'pending' OR status = 'leased' OR status = 'uncertain'"),
        postgresql_where=sa.text("status = 'pending' OR status = 'leased' OR status = 'uncertain'"),
    )
    op.create_index("ix_outbox_lead", "outbox", ["portal", "lead_id", "id"], unique=False)
    op.create_index(
        "ix_outbox_open",
        "outbox",
        ["portal", "lead_id", "id"],
        unique=False,
        sqlite_where=sa.text("status = 'pending' OR status = 'leased' OR status = 'uncertain'"),
        postgresql_where=sa.text("status = 'pending' OR status = 'leased' OR status = 'uncertain'"),
    )
    op.create_index(
        "ix_outbox_unsent",
        "outbox",
        ["portal", "id"],
        unique=False,
        sqlite_where=sa.text("status = 'failed' OR status = 'cancelled' OR status = 'superseded'"),
        postgresql_where=sa.text(
            "status = 'failed' OR status = 'cancelled' OR status = 'superseded'"
        ),
    )
    op.create_table(
        "ownership",
        sa.Column("portal", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("crm_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("owner_before", sa.Text(), nullable=True),
        sa.Column("owner_after", sa.Text(), nullable=True),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("portal", "seq", name=op.f("pk_ownership")),
    )
    op.create_index("ix_ownership_lead", "ownership", ["portal", "lead_id", "seq"], unique=False)
    op.create_table(
        "portals",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("crm", sa.Text(), nullable=False),
        sa.Column("base_url", sa.Text(), nullable=False),
        sa.Column("token_env", sa.Text(), nullable=False),
        sa.Column("webhook_secret_env", sa.Text(), nullable=True),
        sa.Column("account_id", sa.Text(), nullable=True),
        sa.Column("fallback_owner", sa.Text(), nullable=True),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("paused_until", sa.BigInteger(), nullable=True),
        sa.Column("pause_reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_portals")),
    )
    op.create_table(
        "quarantine",
        sa.Column("portal", sa.Text(), nullable=False),
        sa.Column("id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("portal", "id", name=op.f("pk_quarantine")),
    )
    op.create_table(
        "rules_versions",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("first_used_at", sa.BigInteger(), nullable=False),
        sa.Column("activated_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_rules_versions")),
    )
    op.create_table(
        "waiting",
        sa.Column("portal", sa.Text(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("lead_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("placed_at", sa.BigInteger(), nullable=False),
        sa.Column("timer", sa.Text(), nullable=True),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("needs", sa.Text(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("portal", "due_at", "seq", name=op.f("pk_waiting")),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "ix_waiting_lookup",
        "waiting",
        ["portal", "lease_until", "seq"],
        unique=False,
        sqlite_where=sa.text("status = 'lookup'"),
        postgresql_where=sa.text("status = 'lookup'"),
    )
    op.create_index(
        "ix_waiting_parked",
        "waiting",
        ["portal", "lead_id", "placed_at", "seq"],
        unique=False,
        sqlite_where=sa.text("status = 'timer' OR status = 'lookup' OR status = 'held'"),
        postgresql_where=sa.text("status = 'timer' OR status = 'lookup' OR status = 'held'"),
    )
    op.create_table(
        "assistants",
        sa.Column("portal", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("fallback_owner", sa.Text(), nullable=True),
        sa.Column("followups", sa.BigInteger(), nullable=False),
        sa.Column("days_between", sa.BigInteger(), nullable=False),
        sa.Column("owner_id", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["portal"], ["portals.name"], name=op.f("fk_assistants_portal"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("portal", "email", name=op.f("pk_assistants")),
    )
    op.execute("INSERT INTO ids (one, next) VALUES (1, 1)")
    op.execute("INSERT INTO compatible (one, oldest) VALUES (1, '0001')")
    if op.get_bind().dialect.name == "postgresql":
        op.execute(sa.schema.CreateSequence(sa.Sequence("leadback_ids")))
        op.execute("CREATE TABLE history_other PARTITION OF history DEFAULT")


def downgrade() -> None:
    raise NotImplementedError("put the backup back; Leadback's schema only goes forward")
