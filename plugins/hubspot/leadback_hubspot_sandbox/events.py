"""Webhook notifications for contacts: which ones, with the fields HubSpot sends."""

from __future__ import annotations

from typing import Any

from leadback_hubspot_sandbox.clock import format_iso
from leadback_hubspot_sandbox.history import Source
from leadback_hubspot_sandbox.portal import Portal
from leadback_hubspot_sandbox.records import Record


def creation(portal: Portal, record: Record, source: Source, *, at_ms: int) -> None:
    _log(portal, record, "CREATE", at_ms)
    _emit(portal, record, "creation", source, at_ms, changeFlag="CREATED")


def deletion(portal: Portal, record: Record, source: Source, *, at_ms: int) -> None:
    _log(portal, record, "DELETE", at_ms)
    _emit(portal, record, "deletion", source, at_ms, changeFlag="DELETED")


def restore(portal: Portal, record: Record, source: Source, *, at_ms: int) -> None:
    _log(portal, record, "RESTORE", at_ms)
    _emit(portal, record, "restore", source, at_ms)


def property_change(
    portal: Portal, record: Record, name: str, value: str, *, source: Source, at_ms: int
) -> None:
    """The new value only: HubSpot never sends the previous one."""
    if name in portal.webhooks.settings.properties:
        _emit(
            portal, record, "propertyChange", source, at_ms, propertyName=name,
            propertyValue=value, isSensitive=False,
        )  # fmt: skip


def merge(
    portal: Portal, winner: Record, *, primary: str, merged: str, source: Source, at_ms: int
) -> None:
    _log(
        portal, winner, "MERGE", at_ms, primaryObjectId=int(primary),
        mergedObjectIds=[int(merged)], newObjectId=int(winner.id),
    )  # fmt: skip
    _emit(
        portal, winner, "merge", source, at_ms, object_id=int(primary),
        primaryObjectId=int(primary), mergedObjectIds=[int(merged)],
        newObjectId=int(winner.id), numberOfPropertiesMoved=len(winner.properties),
    )  # fmt: skip


def privacy_deletion(portal: Portal, record: Record, source: Source, *, at_ms: int) -> None:
    """Both notifications of an erasure, in either order."""
    _log(portal, record, "DELETE", at_ms)
    pair = ["privacyDeletion", "deletion"]
    portal.rng.shuffle(pair)
    for name in pair:
        _emit(portal, record, name, source, at_ms, changeFlag="DELETED")


def updated(portal: Portal, record: Record, changes: dict[str, str], *, at_ms: int) -> None:
    """A write for the journal: all its new values in one event, null for cleared ones."""
    shown = {name: value or None for name, value in changes.items()}
    _log(portal, record, "UPDATE", at_ms, propertyChanges=shown)


def _log(portal: Portal, record: Record, action: str, at_ms: int, **fields: Any) -> None:
    if not portal.journals.by_app:
        return
    portal.journals.offer(
        {
            "type": "crmObject",
            "portalId": portal.id,
            "occurredAt": format_iso(at_ms),
            "objectTypeId": record.kind.type_id,
            "objectId": int(record.id),
            "action": action,
            **fields,
        }
    )


def _emit(
    portal: Portal,
    record: Record,
    name: str,
    source: Source,
    at_ms: int,
    /,
    object_id: int | None = None,
    **fields: Any,
) -> None:
    generic = portal.switches.webhook_generic and name != "privacyDeletion"
    event: dict[str, Any] = {
        "occurredAt": at_ms,
        "subscriptionType": f"{'object' if generic else 'contact'}.{name}",
        "objectId": int(record.id) if object_id is None else object_id,
        "changeSource": source.type,
        **fields,
    }
    if source.id is not None:
        event["sourceId"] = source.id
    if generic:
        event["objectTypeId"] = record.kind.type_id
    portal.webhooks.emit(event)
