"""The schema, once, for SQLite and PostgreSQL. Migrations are checked against it by a test.

Instants are BIGINT milliseconds, JSON is TEXT. Whatever belongs to a portal has the portal first
in its primary key and in its indexes, so that tables can be distributed by portal.
"""

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.event import listen
from sqlalchemy.schema import ExecutableDDLElement
from sqlalchemy.types import TypeEngine

from leadback.store import triggers

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)

IDS = Sequence("leadback_ids", metadata=metadata)
PLACES = Sequence("leadback_places", metadata=metadata)
"""Where ids come from on PostgreSQL, and the newest instant at which an event was accepted; SQLite
has no sequences and uses the table `ids`."""

GLOBAL = frozenset(
    {
        "ids",
        "compatible",
        "portals",
        "rules_versions",
        "rules_log",
        "shadow",
        "users",
        "sessions",
        "sign_ins",
        "browsers",
        "log_ins",
        "api_keys",
        "audit",
    }
)
"""Tables that belong to no portal: small, and the same everywhere when portals are distributed."""

PARKED = "status = 'timer' OR status = 'lookup' OR status = 'held'"
LOOKUP = "status = 'lookup'"
STUCK = "status = 'failed' OR status = 'held'"
NEEDING = "status = 'failed' OR status = 'uncertain'"
OPEN = "status = 'pending' OR status = 'leased' OR status = 'uncertain'"
UNREAD = "reason IS NOT NULL"
UNSENT = "status = 'failed' OR status = 'cancelled' OR status = 'superseded'"
"""Predicates of partial indexes. Queries repeat them word for word, or SQLite finds no index."""

FAR = 2**62
"""An instant that never comes."""


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Text, nullable=null)


def _int(name: str, *, null: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=null)


def _bool(name: str) -> Column[bool]:
    return Column(name, Boolean(create_constraint=False), nullable=False)


def _internal() -> Column[bool]:
    return Column(
        "internal", Boolean(create_constraint=False), nullable=False, server_default=text("false")
    )


def _via() -> Column[str]:
    return Column("via", Text, nullable=False, server_default=text("''"))


def _partial(name: str, *columns: str, where: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


ids = Table(
    "ids",
    metadata,
    Column("one", Integer, primary_key=True),
    _int("next"),
    Column("newest", BigInteger, nullable=False, server_default=text("0")),
)

compatible = Table(
    "compatible", metadata, Column("one", Integer, primary_key=True), _text("oldest")
)
"""One row: the oldest schema whose code still works with this one (see migrate.py)."""

portals = Table(
    "portals",
    metadata,
    Column("name", Text, primary_key=True),
    _text("crm"),
    _text("base_url"),
    _text("token_env"),
    _text("webhook_secret_env", null=True),
    _text("account_id", null=True),
    _text("fallback_owner", null=True),
    _text("settings"),
    _int("paused_until", null=True),
    _text("pause_reason"),
    _int("disconnected_at", null=True),
    _text("disconnected_why", null=True),
)
"""disconnected_at: the authorisation ended; then paused_until is FAR."""

tokens = Table(
    "tokens",
    metadata,
    Column("portal", Text, ForeignKey("portals.name", ondelete="CASCADE"), primary_key=True),
    _text("kind"),
    _text("sealed"),
    _int("refresh_at"),
    _int("expires_at"),
    _text("scopes"),
    _text("authorised_by"),
    _int("authorised_at"),
    _int("refreshed_at"),
    _int("revision"),
    _int("lease_until"),
    _int("retry_at"),
    _int("failures"),
    _text("trouble"),
)
"""sealed: encrypted, see leadback.base.vault. A portal without a row takes its token from a
variable."""

consents = Table(
    "consents",
    metadata,
    _text("portal"),
    _text("state_hash"),
    _text("sealed"),
    _int("expires_at"),
    PrimaryKeyConstraint("portal", "state_hash"),
)
"""Authorisations that were begun. The portal may not exist yet."""

assistants = Table(
    "assistants",
    metadata,
    Column("portal", Text, ForeignKey("portals.name", ondelete="CASCADE"), nullable=False),
    _text("email"),
    _text("name"),
    _text("context"),
    _text("fallback_owner", null=True),
    _int("followups"),
    _int("days_between"),
    _text("owner_id", null=True),
    _text("off_days", null=True),
    _text("former_owner_ids", null=True),
    _int("user_changed_at", null=True),
    PrimaryKeyConstraint("portal", "email"),
)
"""former_owner_ids: the newest first, with blanks between; user_changed_at: since when the CRM has
another user of this address, or none."""

lanes = Table(
    "lanes",
    metadata,
    _text("portal"),
    _text("lead_id"),
    PrimaryKeyConstraint("portal", "lead_id"),
)
"""One row per contact that ever had an event: what a worker locks (PostgreSQL only).

Rows of `leads` cannot be locked before they exist, and two workers must not both make one.
"""

inbox = Table(
    "inbox",
    metadata,
    _text("portal"),
    _int("seq"),
    _text("crm_id"),
    _text("source"),
    _text("event_id"),
    _text("type"),
    _int("at"),
    _text("data"),
    _bool("erased"),
    _int("received_at"),
    _internal(),
    _via(),
    PrimaryKeyConstraint("portal", "seq"),
    UniqueConstraint("portal", "source", "event_id", "internal"),
    sqlite_with_rowid=False,
)
"""Every event that was accepted, for ever the same; what makes one known by its source and id.

Timers come here when they have fired. erased: its data is gone for good. internal: see Event; part
of the key, because a sender may choose any source and id. via: see NewEvent.
"""

waiting = Table(
    "waiting",
    metadata,
    _text("portal"),
    _int("due_at"),
    _int("seq"),
    _text("lead_id"),
    _text("status"),
    _int("placed_at"),
    _text("timer", null=True),
    _int("number"),
    _text("needs"),
    _int("attempts"),
    _int("lease_until"),
    _int("parked_at", null=True),
    _text("reason", null=True),
    PrimaryKeyConstraint("portal", "due_at", "seq"),
    _partial("ix_waiting_parked", "portal", "lead_id", "placed_at", "seq", where=PARKED),
    _partial("ix_waiting_lookup", "portal", "lease_until", "seq", where=LOOKUP),
    _partial("ix_waiting_needs", "portal", "needs", "lease_until", "seq", where=LOOKUP),
    _partial("ix_waiting_needing", "portal", "status", "parked_at", "seq", where=STUCK),
    sqlite_with_rowid=False,
)
"""What is to be decided: a row is deleted when it was. Small rows, so that busy ones are cheap.

status: pending | timer | lookup (needs the CRM) | held (no lead yet) | failed (see parked.py).
(placed_at, seq) is the place in the lane of the lead; due_at is the same, or FAR while the row
cannot be decided anyway. parked_at: of held and failed ones, since when; reason: why it failed.
lead_id is an address in lower case while it is not known whose it is: `needs` says so.
"""

quarantine = Table(
    "quarantine",
    metadata,
    _text("portal"),
    _int("id"),
    _text("source"),
    _text("raw"),
    _text("reason"),
    _int("at"),
    _via(),
    PrimaryKeyConstraint("portal", "id"),
)

hints = Table(
    "hints",
    metadata,
    _text("portal"),
    _text("crm_id"),
    _bool("erased"),
    _int("revision"),
    _int("due_at"),
    _int("next_at"),
    _int("attempts"),
    _text("reason", null=True),
    PrimaryKeyConstraint("portal", "crm_id"),
    Index("ix_hints_due", "portal", "due_at"),
    _partial("ix_hints_unread", "portal", "crm_id", where=UNREAD),
)
"""due_at: when it may be claimed; a claimed one's end of lease. next_at: of the latest hint.
reason: why what was read could not be understood or written; nothing while all is well."""

leads = Table(
    "leads",
    metadata,
    _text("portal"),
    _text("lead_id"),
    _text("crm_id"),
    _text("state"),
    _text("sub_state", null=True),
    _text("came_from_state", null=True),
    _text("came_from_sub_state", null=True),
    _text("email", null=True),
    _text("name", null=True),
    _text("assistant", null=True),
    _text("assistant_name", null=True),
    _text("context", null=True),
    _text("previous_owner", null=True),
    _text("counters"),
    _bool("done"),
    _bool("stopped"),
    _text("ended", null=True),
    _int("assigned_at"),
    _int("entered_at"),
    _int("updated_at"),
    _int("revision"),
    _int("changed_hour"),
    PrimaryKeyConstraint("portal", "lead_id"),
    Index("ix_leads_crm_id", "portal", "crm_id"),
    Index("ix_leads_email", "portal", "email"),
    Index("ix_leads_changed", "portal", "changed_hour"),
    Index("ix_leads_place", "portal", "state", "changed_hour", "sub_state"),
    postgresql_with={"fillfactor": 80},
)
"""changed_hour: of updated_at, since 1970. An index on updated_at itself would have to be written
with every decision; most only count, and then PostgreSQL touches no index (and wants room)."""

_SORTED = Text().with_variant(Text(collation="C"), "postgresql")
"""By code points on both databases, so that pages of several portals follow each other."""

directory = Table(
    "directory",
    metadata,
    _text("portal"),
    _text("lead_id"),
    Column("words", _SORTED, nullable=False),
    Column("email", _SORTED, nullable=False),
    Column("assistant", _SORTED, nullable=False),
    _text("previous_owner"),
    _int("assigned_at"),
    PrimaryKeyConstraint("portal", "lead_id"),
    Index("ix_directory_words", "portal", "words", "lead_id"),
    Index("ix_directory_email", "portal", "email", "lead_id"),
    Index("ix_directory_assistant", "portal", "assistant", "lead_id"),
    Index("ix_directory_owner", "portal", "previous_owner", "lead_id"),
    Index("ix_directory_assigned", "portal", "assigned_at", "lead_id"),
    sqlite_with_rowid=False,
)
"""What of a lead seldom changes, for finding and sorting; "" where there is nothing. Triggers keep
it: `leads` has few indexes, as most decisions write there, and none of them writes here.

words: name and address in small letters, the first 400: what is searched for a part of them.
"""

for _database, _triggers in (("sqlite", triggers.SQLITE), ("postgresql", triggers.POSTGRESQL)):
    for _trigger in _triggers.values():
        _statement: ExecutableDDLElement = DDL(_trigger)  # type: ignore[no-untyped-call]
        listen(directory, "after_create", _statement.execute_if(dialect=_database))

contact_aliases = Table(
    "contact_aliases",
    metadata,
    _text("portal"),
    _text("crm_id"),
    _text("lead_id"),
    PrimaryKeyConstraint("portal", "crm_id"),
    Index("ix_contact_aliases_lead", "portal", "lead_id"),
)

history = Table(
    "history",
    metadata,
    _text("portal"),
    _int("seq"),
    _int("at"),
    _text("lead_id"),
    _text("type"),
    _text("source"),
    _text("event_id"),
    _int("event_at"),
    _text("from_state", null=True),
    _text("to_state"),
    _text("sub_state", null=True),
    _text("result"),
    _text("rule"),
    _text("rule_at"),
    _text("reads"),
    _text("because"),
    _text("rules_version"),
    _internal(),
    PrimaryKeyConstraint("portal", "seq", "at"),
    Index("ix_history_lead", "portal", "lead_id", "seq"),
    postgresql_partition_by="RANGE (at)",
    sqlite_with_rowid=False,
)

outbox = Table(
    "outbox",
    metadata,
    _text("portal"),
    _int("id"),
    _text("lead_id"),
    _text("crm_id"),
    _text("kind"),
    _text("payload"),
    _text("reference"),
    _text("status"),
    _int("attempts"),
    _bool("maybe_sent"),
    _int("due_at"),
    _int("fence"),
    _int("created_at"),
    _int("settled_at", null=True),
    _text("reason"),
    _text("result"),
    PrimaryKeyConstraint("portal", "id"),
    Index("ix_outbox_lead", "portal", "lead_id", "id"),
    _partial("ix_outbox_due", "portal", "due_at", "id", where=OPEN),
    _partial("ix_outbox_open", "portal", "lead_id", "id", where=OPEN),
    _partial("ix_outbox_unsent", "portal", "id", where=UNSENT),
    _partial("ix_outbox_needing", "portal", "status", "id", where=NEEDING),
    sqlite_with_rowid=False,
)
"""due_at: when it may be claimed (again); of a leased row the end of its lease."""

ownership = Table(
    "ownership",
    metadata,
    _text("portal"),
    _int("seq"),
    _text("lead_id"),
    _text("crm_id"),
    _int("at"),
    _text("what"),
    _text("owner_before", null=True),
    _text("owner_after", null=True),
    _text("actor"),
    _text("why"),
    _text("reference"),
    PrimaryKeyConstraint("portal", "seq"),
    Index("ix_ownership_lead", "portal", "lead_id", "seq"),
    Index("ix_ownership_at", "portal", "at", "what"),
    _partial("ix_ownership_kept", "portal", "seq", where="what = 'kept'"),
)

unruled = Table(
    "unruled",
    metadata,
    _text("portal"),
    _text("type"),
    _text("field"),
    _text("value"),
    _int("id"),
    _int("events"),
    _int("first_at"),
    _int("at"),
    PrimaryKeyConstraint("portal", "type", "field", "value"),
)
"""A value that no rule knows, how many events had it, and when the last one came: unruled.py."""

pace = Table(
    "pace",
    metadata,
    _text("portal"),
    _text("lane"),
    _text("taken"),
    _int("held_until"),
    _int("most"),
    _int("span"),
    Column("calls", BigInteger, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("portal", "lane"),
)
"""The calls to a portal of the last seconds, by all workers: see pace.py. calls: since ever."""

levels = Table(
    "levels",
    metadata,
    _text("portal"),
    _int("at"),
    _text("state"),
    _int("leads"),
    PrimaryKeyConstraint("portal", "at", "state"),
    sqlite_with_rowid=False,
)
"""How many leads were in a state at an instant: see trends.py."""

spending = Table(
    "spending",
    metadata,
    _text("portal"),
    _int("at"),
    _text("lane"),
    _int("calls"),
    _int("most"),
    _int("span"),
    PrimaryKeyConstraint("portal", "at", "lane"),
    sqlite_with_rowid=False,
)
"""How many calls a portal had ever had by an instant, of at most `most` in `span` ms."""

listening = Table(
    "listening",
    metadata,
    Column("portal", Text, primary_key=True),
    _int("cursor"),
    _text("owners"),
    _int("poll_due_at"),
    _int("polled_at", null=True),
    _int("compared_at", null=True),
    _int("hooked_at", null=True),
)
"""When a portal was last heard of; poll_due_at: no worker polls it before that."""

shown = Table(
    "shown",
    metadata,
    _text("portal"),
    _text("crm_id"),
    _text("digest"),
    _int("at"),
    PrimaryKeyConstraint("portal", "crm_id"),
)
"""Field values that the CRM has confirmed and that nothing has put in doubt since: see shown.py."""

rules_versions = Table(
    "rules_versions",
    metadata,
    Column("hash", Text, primary_key=True),
    _text("text"),
    _int("first_used_at"),
    _int("activated_at", null=True),
)

rules_log = Table(
    "rules_log",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    _int("at"),
    _text("who"),
    _text("door"),
    _text("what"),
    _text("version"),
    _int("due_at", null=True),
    _text("in_use"),
    _text("file"),
    _text("moves"),
)
"""Which rules are in use, and who said so: rows are added, 1, 2, 3, …, and never changed.

The last row counts: `in_use` decides from it on. due_at: `version` is to take over then.
"""

shadow = Table(
    "shadow",
    metadata,
    Column("one", Integer, primary_key=True),
    _text("version"),
    _int("since"),
    _text("who"),
)
"""At most one row: the version that decides beside the one in use, and writes nothing."""

disagreements = Table(
    "disagreements",
    metadata,
    _text("portal"),
    _int("seq"),
    _int("at"),
    _text("lead_id"),
    _text("type"),
    _text("rules_version"),
    _text("in_use"),
    _text("shadow"),
    PrimaryKeyConstraint("portal", "seq"),
    Index("ix_disagreements_lead", "portal", "lead_id"),
)

users = Table(
    "users",
    metadata,
    Column("name", Text, primary_key=True),
    _text("password_hash"),
    _text("role"),
    _int("created_at"),
    _bool("disabled"),
    _int("failures"),
    _int("locked_until"),
    _text("identity", null=True),
    Index("ix_users_identity", "identity", unique=True),
)

sessions = Table(
    "sessions",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("user", Text, ForeignKey("users.name", ondelete="CASCADE"), nullable=False),
    _int("created_at"),
    _int("seen_at"),
    _int("expires_at"),
)

sign_ins = Table(
    "sign_ins",
    metadata,
    Column("state_hash", Text, primary_key=True),
    _text("next_path"),
    _int("expires_at"),
)

browsers = Table(
    "browsers",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("user", Text, ForeignKey("users.name", ondelete="CASCADE"), nullable=False),
    _int("failures"),
    _int("expires_at"),
)

log_ins = Table(
    "log_ins",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _int("at"),
    _text("who"),
    _text("address"),
    _text("outcome"),
    _bool("good"),
    Index("ix_log_ins_good", "good", "id"),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    _text("name"),
    _text("secret_hash"),
    _text("scopes"),
    _int("created_at"),
    _text("created_by"),
    _int("revoked_at", null=True),
    Column("portals", Text, nullable=False, server_default=text("''")),
    Column("types", Text, nullable=False, server_default=text("''")),
)
"""scopes, portals, types: words with blanks between them; no portals or types: all of them."""

audit = Table(
    "audit",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    _int("at"),
    _text("who"),
    _text("door"),
    _text("what"),
    _text("subject"),
    _text("outcome"),
)


def type_of(table: Table, column: str) -> TypeEngine[object]:
    """The column's type, for bound values."""
    return table.c[column].type
