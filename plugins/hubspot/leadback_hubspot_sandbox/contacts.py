"""What only contacts have: unique emails, forward-only stages, merge, archive, restore, erasure."""

from __future__ import annotations

from dataclasses import replace

from leadback_hubspot_sandbox import events
from leadback_hubspot_sandbox.clock import format_iso
from leadback_hubspot_sandbox.definitions import Definition
from leadback_hubspot_sandbox.errors import contact_exists, invalid, refusal
from leadback_hubspot_sandbox.history import Change, Source
from leadback_hubspot_sandbox.portal import Portal
from leadback_hubspot_sandbox.records import Record

MOST_MERGES = 250
_NOT_CARRIED_OVER = frozenset(
    {
        "hs_object_id", "createdate", "lastmodifieddate", "email", "hs_merged_object_ids",
        "hs_calculated_merged_vids", "hs_additional_emails", "hubspot_owner_assigneddate",
        "num_notes", "notes_last_updated",
    }
)  # fmt: skip


def refuse_taken_email(
    portal: Portal, email: str, *, record: Record | None, taken: set[tuple[str, str]]
) -> None:
    """409 when another contact has the address, as its primary or an additional one."""
    if email in portal.erased_emails and portal.switches.gdpr_blocks_recreate:
        raise invalid(
            "Contact could not be created: the email address was permanently deleted for privacy."
        )
    holder = portal.contacts.unique.get("email", {}).get(email)
    own = record is not None and holder == record.id
    if holder is not None and not own:
        raise contact_exists(holder)
    if ("email", email) in taken:
        raise refusal(409, "CONFLICT", "Contact already exists.")
    taken.add(("email", email))


def keep_stage_forward(
    definition: Definition, values: dict[str, str], present: dict[str, str]
) -> None:
    """A backwards lifecycle stage is dropped in silence; clearing it first is the way back."""
    wanted, held = values.get("lifecyclestage"), present.get("lifecyclestage")
    if not wanted or not held:
        return
    order = [option.value for option in definition.options]
    if held in order and order.index(wanted) < order.index(held):
        del values["lifecyclestage"]


def archive(portal: Portal, record: Record, source: Source, *, at_ms: int) -> None:
    """To the recycle bin; its addresses may be used again meanwhile."""
    record.archived_ms = at_ms
    held = portal.contacts.unique.get("email", {})
    for email in [email for email, holder in held.items() if holder == record.id]:
        del held[email]
    portal.index(record, gone=True)
    events.deletion(portal, record, source, at_ms=at_ms)


def restore(portal: Portal, record: Record, source: Source, *, at_ms: int) -> None:
    addresses = [record.properties.get("email", "")]
    addresses += record.properties.get("hs_additional_emails", "").split(";")
    for email in filter(None, addresses):
        refuse_taken_email(portal, email, record=record, taken=set())
    for email in filter(None, addresses):
        portal.contacts.unique.setdefault("email", {})[email] = record.id
    record.archived_ms = None
    portal.index(record)
    events.restore(portal, record, source, at_ms=at_ms)


def erase(portal: Portal, record: Record, source: Source, *, at_ms: int) -> None:
    """Privacy deletion: the record, its addresses and its links are gone."""
    store = portal.contacts
    for email, holder in list(store.unique.get("email", {}).items()):
        if holder == record.id:
            del store.unique["email"][email]
            portal.erased_emails.add(email)
    if record.properties.get("email"):
        portal.erased_emails.add(record.properties["email"])
    for kind, linked in record.links.items():
        for other in linked:
            target = portal.stores[kind].records.get(other)
            if target is not None:
                target.links.get("contacts", {}).pop(record.id, None)
    for name, definition in store.definitions.items():
        if definition.has_unique_value:
            store.keep_unique(record, name, "")
    store.remove(record.id)
    portal.index(record, gone=True)
    events.privacy_deletion(portal, record, source, at_ms=at_ms)


def merge(
    portal: Portal,
    primary: Record,
    merged: Record,
    source: Source,
    *,
    at_ms: int,
    new_id: bool,
) -> Record:
    """Merge ``merged`` into ``primary``; the result may live under a new id."""
    if primary.id == merged.id:
        raise invalid("Cannot merge a contact into itself")
    before = [
        part for part in primary.properties.get("hs_merged_object_ids", "").split(";") if part
    ]
    if len(before) >= MOST_MERGES:
        raise refusal(414, None, "Cannot have more than 250 identities on a profile")
    primary_id = primary.id
    _fill_gaps(portal, primary, merged, source, at_ms)
    _join_emails(portal, primary, merged)
    _move_links(portal, merged, primary)
    store = portal.contacts
    store.remove(merged.id)
    portal.index(merged, gone=True)
    retired = [merged.id]
    if new_id:
        winner = _under_new_id(portal, primary)
        retired.append(primary_id)
    else:
        winner = primary
    for old in retired:
        store.merged[old] = winner.id
    vids = [
        part for part in winner.properties.get("hs_calculated_merged_vids", "").split(";") if part
    ]
    winner.properties["hs_merged_object_ids"] = ";".join([*before, *retired])
    winner.properties["hs_calculated_merged_vids"] = ";".join(
        [*vids, *(f"{old}:{at_ms}" for old in retired)]
    )
    portal.index(winner)
    events.merge(portal, winner, primary=primary_id, merged=merged.id, source=source, at_ms=at_ms)
    return winner


def _fill_gaps(portal: Portal, primary: Record, merged: Record, source: Source, at_ms: int) -> None:
    mark = Source(type="MERGE_CONTACTS", id=source.id, user_id=source.user_id)
    for name, value in merged.properties.items():
        if name in _NOT_CARRIED_OVER or name.startswith("hs_object") or name in primary.properties:
            continue
        primary.properties[name] = value
        primary.history.setdefault(name, []).append(Change(value, at_ms, mark))
    if portal.switches.merge_history != "union":
        return
    for name, entries in merged.history.items():
        own = primary.history.setdefault(name, [])
        current = own[-1:]
        joined = sorted([*own[:-1], *entries], key=lambda entry: entry.at_ms)
        latest = max([entry.at_ms for entry in joined], default=0)
        for entry in current:
            joined.append(replace(entry, at_ms=max(entry.at_ms, latest + 1)))
        primary.history[name] = joined


def _join_emails(portal: Portal, primary: Record, merged: Record) -> None:
    """The loser's addresses become the winner's additional ones and stay taken."""
    owners = portal.contacts.unique.setdefault("email", {})
    extra = primary.properties.get("hs_additional_emails", "").split(";")
    extra += merged.properties.get("hs_additional_emails", "").split(";")
    email = merged.properties.get("email", "")
    if email and not primary.properties.get("email"):
        primary.properties["email"] = email
    elif email:
        extra.append(email)
    listed = list(dict.fromkeys(part for part in extra if part))
    if listed:
        primary.properties["hs_additional_emails"] = ";".join(listed)
    for address in [*listed, email]:
        if address:
            owners[address] = primary.id


def _move_links(portal: Portal, source: Record, target: Record) -> None:
    for kind, linked in source.links.items():
        for other_id, ready in linked.items():
            other = portal.stores[kind].records.get(other_id)
            if other is None:
                continue
            target.links.setdefault(kind, {}).setdefault(other_id, ready)
            held = other.links.setdefault("contacts", {})
            held.pop(source.id, None)
            held.setdefault(target.id, ready)
    source.links.clear()


def _under_new_id(portal: Portal, record: Record) -> Record:
    """The record again, under a fresh id; the old id will resolve to it."""
    store = portal.contacts
    winner = replace(
        record,
        id=store.new_id(),
        properties=dict(record.properties),
        history=record.history,
        links={},
    )
    winner.properties["hs_object_id"] = winner.id
    store.add(winner)
    _move_links(portal, record, winner)
    for held in store.unique.values():
        for value, holder in list(held.items()):
            if holder == record.id:
                held[value] = winner.id
    store.remove(record.id)
    portal.index(record, gone=True)
    winner.properties["createdate"] = format_iso(winner.created_ms)
    return winner
