"""What keeps the directory equal to the leads, whoever writes them: an older program, too.

They do nothing when a decision leaves name, address, assistant, owner and assignment alone, which
is nearly always; then SQLite does not even look (UPDATE OF). Migrations have a copy of their own.
"""

from collections.abc import Mapping

_COLUMNS = "portal, lead_id, words, email, assistant, previous_owner, assigned_at"
SHORT = 400
"""Letters that are kept: PostgreSQL's indexes refuse rows of more than 2,700 bytes."""
_WATCHED = ("name", "email", "assistant", "previous_owner", "assigned_at")


def _cut(text: str) -> str:
    return f"substr({text}, 1, {SHORT})"


_VALUES = ", ".join(
    (
        "NEW.portal",
        "NEW.lead_id",
        _cut("lower(coalesce(NEW.name, '') || ' ' || coalesce(NEW.email, ''))"),
        _cut("lower(coalesce(NEW.email, ''))"),
        _cut("coalesce(NEW.assistant, '')"),
        _cut("coalesce(NEW.previous_owner, '')"),
        "NEW.assigned_at",
    )
)
_OF = ", ".join(_WATCHED)


def _differ(operator: str) -> str:
    return " OR ".join(f"OLD.{name} {operator} NEW.{name}" for name in _WATCHED)


_PUT = f"INSERT OR REPLACE INTO directory ({_COLUMNS}) VALUES ({_VALUES});"  # noqa: S608 — our own
_FORGET = "DELETE FROM directory WHERE portal = OLD.portal AND lead_id = OLD.lead_id;"

SQLITE: Mapping[str, str] = {
    "leads_come": f"CREATE TRIGGER leads_come AFTER INSERT ON leads BEGIN {_PUT} END",
    "leads_differ": f"CREATE TRIGGER leads_differ AFTER UPDATE OF {_OF} ON leads "
    f"WHEN {_differ('IS NOT')} BEGIN {_PUT} END",
    "leads_go": f"CREATE TRIGGER leads_go AFTER DELETE ON leads BEGIN {_FORGET} END",
}

_CHANGES = ", ".join(
    f"{name} = excluded.{name}"
    for name in _COLUMNS.split(", ")
    if name not in ("portal", "lead_id")
)
_UPSERT = (
    f"INSERT INTO directory ({_COLUMNS}) VALUES ({_VALUES}) "  # noqa: S608 — our own
    f"ON CONFLICT (portal, lead_id) DO UPDATE SET {_CHANGES};"
)
POSTGRESQL: Mapping[str, str] = {
    "leadback_directory": "CREATE FUNCTION leadback_directory() RETURNS trigger LANGUAGE plpgsql "
    f"AS $$ BEGIN {_UPSERT} RETURN NULL; END $$",
    "leadback_directory_forget": "CREATE FUNCTION leadback_directory_forget() RETURNS trigger "
    f"LANGUAGE plpgsql AS $$ BEGIN {_FORGET} RETURN NULL; END $$",
    "leads_come": "CREATE TRIGGER leads_come AFTER INSERT ON leads "
    "FOR EACH ROW EXECUTE FUNCTION leadback_directory()",
    "leads_differ": f"CREATE TRIGGER leads_differ AFTER UPDATE OF {_OF} ON leads FOR EACH ROW "
    f"WHEN ({_differ('IS DISTINCT FROM')}) EXECUTE FUNCTION leadback_directory()",
    "leads_go": "CREATE TRIGGER leads_go AFTER DELETE ON leads "
    "FOR EACH ROW EXECUTE FUNCTION leadback_directory_forget()",
}
