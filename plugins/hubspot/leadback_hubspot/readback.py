"""Looks for engagements that may have been created: by key or associations, never by search.

The search index lags (https://developers.hubspot.com/docs/api-reference/search/guide); the list of
a contact's associations does not, as far as anyone knows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from leadback.api import Delivery
from leadback_hubspot.answers import Answer
from leadback_hubspot.budget import Lane
from leadback_hubspot.client import Api
from leadback_hubspot.engagements import KINDS, Kind, has_reference
from leadback_hubspot.keys import find_by_key
from leadback_hubspot.records import read_record

PER_CALL = 100
MOST_PAGES = 20
MOST_RECORDS = 2_000
"""Newest engagements that are looked at; a lost one is among the newest."""


@dataclass(slots=True)
class Found:
    """records: delivery id → id of the record that is there. absent: surely not there.
    What is in neither could not be settled; why says the reason."""

    records: dict[int, str] = field(default_factory=dict)
    absent: set[int] = field(default_factory=set)
    why: str = ""


def look_up(api: Api, deliveries: Sequence[Delivery], *, keyed: bool = False) -> Found:
    """All deliveries have the same kind. keyed: the object type has the unique property; what
    is not found by it may still have been made before the property was."""
    found = Found()
    if not deliveries:
        return found
    kind = KINDS[deliveries[0].kind]
    if keyed:
        known = find_by_key(api, kind.objects, [d.reference for d in deliveries])
        if isinstance(known, Answer):
            found.why = known.reason
            return found
        found.records = {d.id: known[d.reference] for d in deliveries if d.reference in known}
        deliveries = [d for d in deliveries if d.id not in found.records]
        if not deliveries:
            return found
    return _look_through(api, kind, deliveries, found)


def _look_through(api: Api, kind: Kind, deliveries: Sequence[Delivery], found: Found) -> Found:
    """Read the texts of the contacts' activities, newest first."""
    engagements = _associated(api, kind, sorted({d.crm_id for d in deliveries}))
    if isinstance(engagements, Answer):
        found.why = engagements.reason
        return found
    newest = sorted({e for ids in engagements.values() for e in ids}, key=_number, reverse=True)
    looked_at = newest[:MOST_RECORDS]
    missing = {d.id: d for d in deliveries}
    for start in range(0, len(looked_at), PER_CALL):
        texts = _texts(api, kind, looked_at[start : start + PER_CALL])
        if isinstance(texts, Answer):
            found.why = texts.reason
            return found
        for record_id, text in texts.items():
            for delivery in list(missing.values()):
                if has_reference(text, delivery.reference):
                    found.records[delivery.id] = record_id
                    del missing[delivery.id]
        if not missing:
            return found
    seen = set(looked_at)
    found.absent = {
        d.id
        for d in missing.values()
        if d.crm_id in engagements and seen.issuperset(engagements[d.crm_id])
    }
    found.why = "its contact has too many activities to look through, or was not found"
    return found


def _associated(api: Api, kind: Kind, contacts: Sequence[str]) -> dict[str, list[str]] | Answer:
    """The engagement ids of each contact, all pages; a contact that HubSpot did not mention is
    looked up under the id that it has now."""
    found = _pages(api, kind, contacts)
    if isinstance(found, Answer):
        return found
    for contact in contacts:
        if contact in found:
            continue
        answer = read_record(api, "contacts", contact)
        if answer is None:
            found[contact] = []
            continue
        if not answer.ok:
            return answer
        winner = str(answer.body.get("id"))
        moved = _pages(api, kind, [winner])
        if isinstance(moved, Answer):
            return moved
        # Asked twice, not mentioned, and alive: some versions leave out who has none.
        found[contact] = moved.get(winner, [])
    return found


def _pages(api: Api, kind: Kind, contacts: Sequence[str]) -> dict[str, list[str]] | Answer:
    """Contacts that the answer mentions. Having none is an error entry, not an empty list."""
    found: dict[str, list[str]] = {}
    path = api.paths.associations("contacts", kind.objects, "batch", "read")
    inputs = [{"id": contact} for contact in contacts]
    for _ in range(MOST_PAGES):
        answer = api.read(path, {"inputs": inputs}, lane=Lane.ASSOCIATIONS)
        if not answer.ok:
            return answer
        inputs = []
        for error in answer.errors:
            found.update({contact: [] for contact in error.ids if contact not in found})
        for result in answer.results:
            contact = str(_object(result.get("from")).get("id"))
            found.setdefault(contact, []).extend(_targets(result.get("to")))
            after = _object(_object(result.get("paging")).get("next")).get("after")
            if after:
                inputs.append({"id": contact, "after": str(after)})
        if not inputs:
            break
    return found


def _targets(raw: object) -> list[str]:
    entries = raw if isinstance(raw, list) else []
    return [str(entry["toObjectId"]) for entry in entries if "toObjectId" in _object(entry)]


def _texts(api: Api, kind: Kind, ids: Sequence[str]) -> dict[str, object] | Answer:
    body = {"properties": [kind.text], "inputs": [{"id": record_id} for record_id in ids]}
    answer = api.read(api.paths.objects(kind.objects, "batch", "read"), body)
    if not answer.ok:
        return answer
    return {
        str(record.get("id")): _object(record.get("properties")).get(kind.text)
        for record in answer.results
    }


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _number(text: str) -> tuple[int, str]:
    return (len(text), text)
