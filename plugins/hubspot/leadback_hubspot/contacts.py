"""Reads contacts with their owner history: the truth behind every hint.

https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide — with a history 50 ids a
call; a merged-away id is answered by the winner under its own id, deleted ids in one error entry.
Whether such a contact is in the recycle bin (archived=true) or erased takes another call.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from leadback.api import Assistant, ContactIds, ContactReading, Ownership, parse_time
from leadback_hubspot.ownership import USER
from leadback_hubspot.portals import Desk
from leadback_hubspot.records import read_record
from leadback_hubspot.settings import Settings
from leadback_hubspot.verdicts import unavailable

CONTACT_IDS = ContactIds(
    re.compile(r"0|[1-9][0-9]{0,18}"), "HubSpot's contact ids have digits only"
)
"""https://developers.hubspot.com/docs/guides/api/crm/understanding-the-crm: record ids are numbers
of at most 64 bits."""
OWNER = "hubspot_owner_id"
MERGED = "hs_merged_object_ids"
STATUS_FIELDS = ("hs_lead_status", "lead_connection_status")
OWN_CONTEXT = "leadback_context"
"""Created by set-up where `context` is taken by a field of another kind; it then wins."""
NAMES = ("firstname", "lastname")

PER_CALL = 50
AT_ONCE = 4


def read_contacts(desk: Desk, crm_ids: Sequence[str]) -> list[ContactReading]:
    """One reading for each id, in order. Raises PortalUnavailable."""
    ids = list(dict.fromkeys(crm_ids))
    chunks = [ids[start : start + PER_CALL] for start in range(0, len(ids), PER_CALL)]
    read: dict[str, ContactReading] = {}
    if len(chunks) == 1:
        read = _read_chunk(desk, chunks[0])
    elif chunks:
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="hubspot-read") as pool:
            for part in pool.map(lambda chunk: _read_chunk(desk, chunk), chunks):
                read.update(part)
    return [read[crm_id] for crm_id in crm_ids]


def _read_chunk(desk: Desk, ids: Sequence[str]) -> dict[str, ContactReading]:
    readable = [crm_id for crm_id in ids if crm_id.isascii() and crm_id.isdigit()]
    read = {crm_id: _deleted(crm_id) for crm_id in ids if crm_id not in readable}
    found = _records(desk, readable, {"propertiesWithHistory": [OWNER]})
    gone = [crm_id for crm_id in readable if crm_id not in found]
    binned = _records(desk, gone, {}, archived=True)
    for crm_id in readable:
        if crm_id in found:
            read[crm_id] = reading_of(desk, crm_id, found[crm_id])
        else:
            read[crm_id] = _deleted(crm_id) if crm_id in binned else _erased(crm_id)
    return read


def _records(
    desk: Desk, ids: Sequence[str], options: Mapping[str, Any], *, archived: bool = False
) -> dict[str, Mapping[str, Any]]:
    """Asked id → its record, or the one that it became part of, of those that there are.

    archived: those in the recycle bin instead.
    """
    if not ids:
        return {}
    asked = {"properties": _properties(desk), **options}
    body = {**asked, "inputs": [{"id": crm_id} for crm_id in ids]}
    params = {"archived": "true"} if archived else None
    path = desk.api.paths.objects("contacts", "batch", "read")
    answer = desk.api.read(path, body, params=params)
    if not answer.ok:
        raise unavailable(answer, desk.portal.name)
    records = {str(record.get("id")): record for record in answer.results}
    winners = dict(_merged(records))
    gone = {crm_id for error in answer.errors for crm_id in error.ids}
    found: dict[str, Mapping[str, Any]] = {}
    for crm_id in ids:
        record = records.get(crm_id) or winners.get(crm_id)
        if record is None and crm_id not in gone:
            record = _record(desk, crm_id, asked, archived=archived)
        if record is not None:
            found[crm_id] = record
    return found


def _record(
    desk: Desk, crm_id: str, asked: Mapping[str, Sequence[str]], *, archived: bool
) -> Mapping[str, Any] | None:
    """An id that a batch answered neither way."""
    params = {name: ",".join(names) for name, names in asked.items()}
    if archived:
        params["archived"] = "true"
    answer = read_record(desk.api, "contacts", crm_id, params)
    if answer is not None and not answer.ok:
        raise unavailable(answer, desk.portal.name)
    return None if answer is None else answer.body


def reading_of(desk: Desk, asked: str, record: Mapping[str, Any]) -> ContactReading:
    """A record of the API as a reading."""
    properties = record.get("properties")
    shown = properties if isinstance(properties, Mapping) else {}
    return ContactReading(
        asked=asked,
        status="found",
        crm_id=str(record.get("id") or asked),
        email=_said(shown, "email"),
        name=_said(shown, *NAMES),
        context=_context(desk.settings, shown),
        fields={name: _text(shown.get(name)) for name in STATUS_FIELDS},
        owners=owner_history(record, desk.access.assistants),
        former=tuple(former_ids(record)),
    )


def owner_history(
    record: Mapping[str, Any], assistants: Iterable[Assistant] = ()
) -> tuple[Ownership, ...]:
    """Newest first, whatever order HubSpot sends; entries of one instant keep HubSpot's order.

    An assistant's user that was made anew is one and the same owner all along.
    """
    histories = record.get("propertiesWithHistory")
    raw = histories.get(OWNER) if isinstance(histories, Mapping) else None
    same = {former: one.owner_ids[0] for one in assistants for former in one.owner_ids[1:]}
    entries = [_ownership(item, same) for item in raw or () if isinstance(item, Mapping)]
    return tuple(sorted(entries, key=lambda entry: -entry.at))


def _ownership(item: Mapping[str, Any], same: Mapping[str, str]) -> Ownership:
    try:
        at = parse_time(str(item.get("timestamp")))
    except ValueError:
        at = 0
    source = str(item.get("sourceType") or "UNKNOWN")
    details = [str(item["sourceId"])] if item.get("sourceId") else []
    user = item.get("updatedByUserId")
    if user is not None and not any(detail.startswith(USER) for detail in details):
        details.append(f"{USER}{user}")
    owner = _text(item.get("value"))
    return Ownership(same.get(owner or "", owner), at, " ".join([source, *details]))


def _merged(
    records: Mapping[str, Mapping[str, Any]],
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Former ids and the records that they became part of."""
    for record in records.values():
        for crm_id in former_ids(record):
            yield crm_id, record


def former_ids(record: Mapping[str, Any]) -> Iterator[str]:
    """Of the contacts that became part of a record, as far as its properties were asked for."""
    properties = record.get("properties")
    former = properties.get(MERGED) if isinstance(properties, Mapping) else None
    for crm_id in str(former or "").split(";"):
        if crm_id.strip():
            yield crm_id.strip()


def facts_of(settings: Settings) -> list[str]:
    """The properties that a contact's address, name and context are read from."""
    return list(dict.fromkeys(("email", *NAMES, settings.context_field, OWN_CONTEXT)))


def _properties(desk: Desk) -> list[str]:
    return list(dict.fromkeys((*facts_of(desk.settings), MERGED, *STATUS_FIELDS)))


def _deleted(crm_id: str) -> ContactReading:
    return ContactReading(asked=crm_id, status="deleted", crm_id=crm_id)


def _erased(crm_id: str) -> ContactReading:
    return ContactReading(asked=crm_id, status="erased", crm_id=crm_id)


def _context(settings: Settings, shown: Mapping[str, Any]) -> str | None:
    own, usual = (_said(shown, name) for name in (OWN_CONTEXT, settings.context_field))
    return own or (own if usual is None else usual)


def _said(shown: Mapping[str, Any], *names: str) -> str | None:
    """A text of these properties. HubSpot reads a cleared one as "", one never set as null."""
    values = [str(shown[name]) for name in names if shown.get(name) is not None]
    return " ".join(filter(None, values)) if values else None


def _text(value: object) -> str | None:
    return str(value) if value not in (None, "") else None
