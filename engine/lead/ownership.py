"""Who should own a contact: pure rules over what the CRM says. Telling it is the plugin's part."""

from collections.abc import Mapping, Sequence

from engine.base.clock import Millis
from engine.lead.records import Assistant, ContactReading, Ended, Event, Lead, Ownership


def previous_owner(owners: Sequence[Ownership], assistants: frozenset[str]) -> str | None:
    """The last owner before the assistants took over: not empty, not an assistant.

    owners: newest first, entry 0 is the owner now. assistants: owner ids of all assistants.
    An owner cleared in between does not hide the person before.
    """
    for entry in owners[1:] if owners and owners[0].owner in assistants else owners:
        if entry.owner and entry.owner not in assistants:
            return entry.owner
    return None


def assigned_at(owners: Sequence[Ownership], owner_id: str) -> Millis | None:
    """When the present owner got the contact, if that is `owner_id`."""
    since: Millis | None = None
    for entry in owners:
        if entry.owner != owner_id:
            break
        since = entry.at
    return since


def interpret(
    reading: ContactReading,
    lead: Lead | None,
    assistants: Mapping[str, Assistant],
    *,
    source: str,
    now: Millis,
    held: bool = True,
) -> tuple[Event, ...]:
    """What a contact that was read again means, as events for its lead.

    assistants: by owner id. held: the assistant held the contact last (it was assigned, and
    not handed back since): only then can a person take it back. The ids of the events come from
    what was read: reading the same fact twice yields the same event, which is taken once.
    """
    gone = _gone(reading, lead, source, now)
    if gone is not None:
        return gone
    events: list[Event] = []
    if lead is not None and reading.crm_id != lead.crm_id and reading.asked == lead.crm_id:
        events.append(_event("contact_merged", lead, now, source, into=reading.crm_id))
    elif lead is not None and lead.ended is Ended.DELETED:
        events.append(_event("contact_restored", lead, now, source))
    events.extend(_owner_change(reading, lead if held else None, assistants, source))
    return tuple(events)


def _gone(
    reading: ContactReading, lead: Lead | None, source: str, now: Millis
) -> tuple[Event, ...] | None:
    if reading.status == "found":
        return None
    if lead is None or lead.ended is Ended.ERASED:
        return ()
    if reading.status == "erased":
        return (_event("contact_erased", lead, now, source),)
    if lead.ended in (Ended.DELETED, Ended.MERGED):
        return ()
    return (_event("contact_deleted", lead, now, source),)


def _owner_change(
    reading: ContactReading, lead: Lead | None, assistants: Mapping[str, Assistant], source: str
) -> tuple[Event, ...]:
    if not reading.owners:
        return ()
    newest = reading.owners[0]
    assistant = assistants.get(newest.owner or "")
    if assistant is not None:
        since = assigned_at(reading.owners, newest.owner or "") or newest.at
        return (
            Event(
                "assigned",
                since,
                source,
                f"{reading.crm_id}:assigned:{since}",
                {**facts(reading, assistant, frozenset(assistants)), "observed": True},
            ),
        )
    if lead is None or lead.finished:
        return ()
    event_id = f"{reading.crm_id}:unassigned:{newest.at}"
    return (Event("unassigned", newest.at, source, event_id, {"by": newest.by}),)


def facts(
    reading: ContactReading, assistant: Assistant, assistants: frozenset[str]
) -> dict[str, str | int | None]:
    """What a lead needs to know of its contact when it is assigned; the contact's context wins.

    crm_assigned_at: since when the CRM says that the assistant owns it, None = it does not.
    """
    return {
        "crm_assigned_at": assigned_at(reading.owners, assistant.owner_id or ""),
        "crm_id": reading.crm_id,
        "portal": assistant.portal,
        "assistant": assistant.email,
        "assistant_name": assistant.name,
        "email": reading.email,
        "name": reading.name,
        "context": (reading.context or "").strip() or assistant.context or None,
        "previous_owner": previous_owner(reading.owners, assistants),
    }


def _event(kind: str, lead: Lead, now: Millis, source: str, **data: str) -> Event:
    return Event(kind, now, source, f"{lead.lead_id}:{kind}:{lead.revision}", data)
