"""Single-record calls: read, list, create, update, archive, merge and privacy deletion."""

from __future__ import annotations

from typing import Any

from leadback_hubspot_sandbox import contacts, engagements, interference, writing
from leadback_hubspot_sandbox.associations import inline
from leadback_hubspot_sandbox.call import Call, Reply, as_text, properties_of, text_or_none
from leadback_hubspot_sandbox.errors import invalid
from leadback_hubspot_sandbox.records import Record
from leadback_hubspot_sandbox.rendering import render, view_of, written

PAGE_LIMIT = 100
HISTORY_PAGE_LIMIT = 50


def by_key(call: Call, key: str, id_property: str, *, archived: bool = False) -> Record | None:
    """A record by id, or by the value of a unique property (contacts: their email too)."""
    if id_property in ("", "hs_object_id"):
        return call.store.find(key, archived=archived)
    store = call.store
    is_email = id_property == "email" and store.kind.name == "contacts"
    definition = store.definition(id_property)
    if not is_email and (definition is None or not definition.has_unique_value):
        raise invalid(
            f"Unable to perform read by non-unique {store.kind.type_id} property {id_property}"
        )
    wanted = key.lower() if is_email else key
    holder = store.unique.get(id_property, {}).get(wanted)
    record = None if holder is None else store.find(holder, archived=archived)
    secondary = is_email and record is not None and record.properties.get("email") != wanted
    if secondary and not call.portal.switches.secondary_email_lookup:
        return None
    return record


def read(call: Call) -> Reply:
    key = call.args[0]
    record = by_key(call, key, call.text("idProperty"), archived=call.flag("archived"))
    if record is None:
        raise call.not_found(key)
    return Reply(200, render(call.portal, record, view_of(call)))


def page(call: Call) -> Reply:
    """The list call; its cursor is the id of the next record."""
    view = view_of(call)
    most = HISTORY_PAGE_LIMIT if view.histories else PAGE_LIMIT
    limit = call.limit(10, most)
    after = call.text("after", "0")
    if not after.isascii() or not after.isdigit():
        raise invalid(f"Invalid cursor {after!r}: not a paging cursor of this list")
    found: list[Record] = []
    for record in call.store.walk(start=int(after), archived=call.flag("archived")):
        found.append(record)
        if len(found) > limit:
            break
    body: dict[str, Any] = {
        "results": [render(call.portal, record, view) for record in found[:limit]]
    }
    if len(found) > limit:
        cursor = found[limit].id
        link = f"{call.origin}{call.path}?limit={limit}&after={cursor}"
        body["paging"] = {"next": {"after": cursor, "link": link}}
    return Reply(200, body)


def create(call: Call) -> Reply:
    body = call.object()
    properties = properties_of(body)
    draft = writing.prepare(
        call.portal,
        call.store.kind,
        properties,
        write_rules=call.enforces_write_rules,
        links=inline(call, body.get("associations")),
    )
    record = writing.commit(call.portal, draft, call.source)
    return Reply(201, written(call, record, properties))


def update(call: Call) -> Reply:
    """PATCH; works through a merged-away id, and answers with the winner's."""
    key = call.args[0]
    properties = properties_of(call.object())
    record = by_key(call, key, call.text("idProperty"))
    if record is None and call.portal.switches.archived_patch == "200":
        record = by_key(call, key, call.text("idProperty"), archived=True)
    if record is None:
        raise call.not_found(key)
    draft = writing.prepare(
        call.portal,
        call.store.kind,
        properties,
        record=record,
        write_rules=call.enforces_write_rules,
    )
    interference.write([draft], call)
    return Reply(200, written(call, record, properties))


def delete(call: Call) -> Reply:
    """204 also when there is nothing to delete."""
    record = call.store.find(call.args[0])
    if record is not None:
        discard(call, record)
    return Reply(204)


def discard(call: Call, record: Record) -> None:
    now = call.portal.clock.now_ms()
    if record.kind.name == "contacts":
        contacts.archive(call.portal, record, call.source, at_ms=now)
    else:
        engagements.archive(call.portal, record, at_ms=now)


def merge(call: Call) -> Reply:
    body = call.object()
    found = []
    for name in ("primaryObjectId", "objectIdToMerge"):
        record_id = as_text(body.get(name), f"$.{name}")
        record = call.store.live(record_id)
        if record is None:
            raise call.not_found(record_id)
        found.append(record)
    winner = contacts.merge(
        call.portal,
        found[0],
        found[1],
        call.source,
        at_ms=call.portal.clock.now_ms(),
        new_id=call.portal.switches.merge_new_id,
    )
    return Reply(200, written(call, winner, winner.properties))


def erase(call: Call) -> Reply:
    """``gdpr-delete``: by id, or by email through ``idProperty``; an address that nobody has goes
    to the block list."""
    body = call.object()
    key = as_text(body.get("objectId"), "$.objectId")
    id_property = text_or_none(body, "idProperty") or ""
    record = by_key(call, key, id_property) or by_key(call, key, id_property, archived=True)
    if record is None and id_property == "email":
        call.portal.erased_emails.add(key.strip().lower())
        return Reply(204)
    if record is None:
        raise call.not_found(key)
    contacts.erase(call.portal, record, call.source, at_ms=call.portal.clock.now_ms())
    return Reply(204)
