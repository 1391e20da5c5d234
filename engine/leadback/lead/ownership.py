"""What a contact as the CRM shows it means for its lead: who should own it, and what changed. Pure
rules; telling the CRM is the plugin's part."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from leadback.base.clock import Millis
from leadback.lead.change import GONE
from leadback.lead.contact import CONTACT_CHANGED, FACTS
from leadback.lead.event_data import fact
from leadback.lead.machine import LeadMachine
from leadback.lead.records import Assistant, ContactReading, Ended, Event, Lead, Ownership
from leadback.rules.model import ContactFact


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
    rules: LeadMachine,
    reading: ContactReading,
    lead: Lead | None,
    assistants: Mapping[str, Assistant],
    *,
    source: str,
    now: Millis,
    held: bool = True,
    look: int = 0,
) -> tuple[Event, ...]:
    """What a contact that was read again means, as events for its lead, named as the rules do.

    A fact that the rules have no event for is left out; `rules check` warns of that (R058).
    assistants: by owner id. held: the assistant held the contact last (it was assigned, and
    not handed back since): only then can a person take it back. look: the number of this look at
    the contact. The ids of the events come from what was read: reading the same fact twice yields
    the same event, which is taken once.
    """
    fact, data = _became(reading, lead)
    events: list[Event] = []
    kind = rules.tells.get(fact) if fact is not None else None
    if lead is not None and kind is not None:
        event_id = f"{lead.lead_id}:{kind}:{lead.revision}"
        events.append(Event(kind, now, source, event_id, data, internal=True))
    if lead is not None and (lead.ended not in GONE or fact == "restored"):
        events.extend(_refreshed(lead, reading, assistants, source, now, look))
    if reading.status == "found":
        events.extend(_owner_change(rules, reading, lead if held else None, assistants, source))
    return tuple(events)


def _became(
    reading: ContactReading, lead: Lead | None
) -> tuple[ContactFact | None, dict[str, str]]:
    """What became of a lead's contact since, other than a change of its owner."""
    if lead is None or (reading.status != "found" and lead.ended is Ended.ERASED):
        return None, {}
    if reading.status == "erased":
        return "erased", {}
    if reading.status == "deleted":
        return None if lead.ended in (Ended.DELETED, Ended.MERGED) else "deleted", {}
    if reading.crm_id != lead.crm_id and reading.asked == lead.crm_id:
        return "merged", {"into": reading.crm_id}
    return "restored" if lead.ended is Ended.DELETED else None, {}


def changed_facts(
    lead: Lead, reading: ContactReading, assistants: Iterable[Assistant]
) -> dict[str, str | None]:
    """What the CRM says of the contact otherwise than the lead has it: {fact: its value now}.

    What the CRM never had stays as a sender said it, or as the assistant's.
    """
    said = {name: getattr(reading, name) for name in FACTS if reading.status == "found"}
    changed: dict[str, str | None] = {}
    for name, text in said.items():
        value = fact(name, text)
        if text is None or (value is None and text.strip()):
            continue  # never said, or nothing that an address can be
        if value is None and name == "context":
            ours = (one.context for one in assistants if one.email == lead.assistant)
            value = fact(name, next(ours, None))
        if value != getattr(lead, name):
            changed[name] = value
    return changed


def _refreshed(
    lead: Lead,
    reading: ContactReading,
    assistants: Mapping[str, Assistant],
    source: str,
    now: Millis,
    look: int,
) -> Iterator[Event]:
    """The id has nothing of the facts in it: it stays when they are erased."""
    changed = changed_facts(lead, reading, assistants.values())
    if changed:
        event_id = f"{lead.lead_id}:{CONTACT_CHANGED}:{look}"
        yield Event(CONTACT_CHANGED, now, source, event_id, changed, internal=True)


def _owner_change(
    rules: LeadMachine,
    reading: ContactReading,
    lead: Lead | None,
    assistants: Mapping[str, Assistant],
    source: str,
) -> tuple[Event, ...]:
    if not reading.owners:
        return ()
    newest = reading.owners[0]
    assistant = assistants.get(newest.owner or "")
    if assistant is not None:
        since = assigned_at(reading.owners, newest.owner or "") or newest.at
        kind = rules.rules.start_event
        return (
            Event(
                kind,
                since,
                source,
                f"{reading.crm_id}:{kind}:{since}",
                {**facts(reading, assistant, frozenset(assistants)), "observed": True},
                internal=True,
            ),
        )
    taken = rules.tells.get("taken_back")
    if lead is None or lead.finished or taken is None:
        return ()
    event_id = f"{reading.crm_id}:{taken}:{newest.at}"
    return (Event(taken, newest.at, source, event_id, {"by": newest.by}, internal=True),)


def facts(
    reading: ContactReading, assistant: Assistant, assistants: frozenset[str]
) -> dict[str, str | int | None]:
    """What a lead needs to know of its contact when it is assigned; the contact's context wins over
    the assistant's.

    crm_assigned_at: since when the CRM says that the assistant owns it, None = it does not.
    """
    return {
        "crm_assigned_at": assigned_at(reading.owners, next(iter(assistant.owner_ids), "")),
        "crm_id": reading.crm_id,
        "portal": assistant.portal,
        "assistant": assistant.email,
        "assistant_name": assistant.name,
        "email": fact("email", reading.email),
        "name": fact("name", reading.name),
        "context": fact("context", reading.context) or fact("context", assistant.context),
        "previous_owner": fact("previous_owner", previous_owner(reading.owners, assistants)),
    }
