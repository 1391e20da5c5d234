"""Everything a portal holds, as one JSON document for tests, oracles and benchmarks."""

from __future__ import annotations

from typing import Any

from leadback_hubspot_sandbox.clock import format_iso
from leadback_hubspot_sandbox.portal import Portal
from leadback_hubspot_sandbox.records import Record


def portal(held: Portal) -> dict[str, Any]:
    """Contacts with history; notes, emails, tasks with their contacts; owners; merges."""
    return {
        "portal_id": held.id,
        "now": format_iso(held.clock.now_ms()),
        "owners": {owner.id: owner.render() for owner in held.owners.values()},
        "contacts": {one.id: _contact(one) for one in held.contacts.records.values()},
        "merged": {old: held.contacts.resolve(old) for old in held.contacts.merged},
        "erased_emails": len(held.erased_emails),
        **{
            name: {one.id: _engagement(held, one) for one in held.stores[name].records.values()}
            for name in ("notes", "emails", "tasks")
        },
    }


def _base(record: Record) -> dict[str, Any]:
    return {
        "id": record.id,
        "properties": dict(record.properties),
        "createdAt": format_iso(record.created_ms),
        "updatedAt": format_iso(record.updated_ms),
        "archived": record.archived,
    }


def _contact(record: Record) -> dict[str, Any]:
    return {
        **_base(record),
        "history": {
            name: [entry.render() for entry in reversed(entries)]
            for name, entries in record.history.items()
        },
        "notes": list(record.links.get("notes", {})),
        "emails": list(record.links.get("emails", {})),
        "tasks": list(record.links.get("tasks", {})),
    }


def _engagement(held: Portal, record: Record) -> dict[str, Any]:
    owner = held.owners.get(record.properties.get("hubspot_owner_id", ""))
    return {
        **_base(record),
        "contacts": list(record.links.get("contacts", {})),
        "owner": None if owner is None else owner.email,
    }
