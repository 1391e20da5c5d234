"""Which contacts the assistants own, and whose owner changed: where no webhook can reach us.

https://developers.hubspot.com/docs/api-reference/search/guide — search ends after 10,000 rows, so
pages follow the record id instead of an offset; its index lags, so every poll overlaps the last.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.api import ContactChanges, Hint, Millis, parse_time
from plugins.hubspot.budget import Lane
from plugins.hubspot.contacts import OWNER
from plugins.hubspot.portals import Desk
from plugins.hubspot.verdicts import unavailable

ID = "hs_object_id"
ASSIGNED = "hubspot_owner_assigneddate"
MODIFIED = "lastmodifieddate"
PAGE = 200
OWNERS_PER_SEARCH = 80
"""A search body may have 3,000 characters."""

MOST_PAGES = 50_000
OVERLAP: Millis = 180_000
"""A change can be this old when the index shows it; reading a contact twice does no harm."""

Filter = Mapping[str, Any]
Record = Mapping[str, Any]


def assigned_contacts(desk: Desk) -> list[Hint]:
    """All contacts that an assistant owns now, as far as the search index knows.

    Raises PortalUnavailable.
    """
    return [_hint(desk, record) for record in _owned(desk, 0)]


def changed_contacts(desk: Desk, cursor: Millis) -> ContactChanges:
    """By HubSpot's own dates, so that a difference between two clocks loses nothing.

    cursor 0 lists everything; it stays 0 until an assistant owns something.
    Raises PortalUnavailable.
    """
    since = max(0, cursor - OVERLAP)
    owned = list(_owned(desk, since))
    left = list(_left(desk, since)) if since else []
    newest = max((_changed_at(record) for record in (*owned, *left)), default=0)
    return ContactChanges(
        owned=tuple(_hint(desk, record) for record in owned),
        left=tuple(_hint(desk, record) for record in left),
        cursor=max(cursor, newest),
    )


def _owned(desk: Desk, since: Millis) -> Iterator[Record]:
    """Owned by an assistant now, and since then."""
    owners = _owners(desk)
    for start in range(0, len(owners), OWNERS_PER_SEARCH):
        theirs = _filter(OWNER, "IN", values=owners[start : start + OWNERS_PER_SEARCH])
        recent = [_filter(ASSIGNED, "GTE", value=str(since))] if since else []
        yield from _pages(desk, [[theirs, *recent]])


def _left(desk: Desk, since: Millis) -> Iterator[Record]:
    """Given to somebody else, or to nobody, since then. Clearing an owner clears its date too."""
    owners = _owners(desk)
    if not owners or len(owners) > OWNERS_PER_SEARCH:
        return
    others = [
        _filter(OWNER, "NOT_IN", values=owners),
        _filter(ASSIGNED, "GTE", value=str(since)),
    ]
    nobody = [_filter(OWNER, "NOT_HAS_PROPERTY"), _filter(MODIFIED, "GTE", value=str(since))]
    yield from _pages(desk, [others, nobody])


def _pages(desk: Desk, groups: Sequence[Sequence[Filter]]) -> Iterator[Record]:
    last = 0
    path = desk.api.paths.objects("contacts", "search")
    for _ in range(MOST_PAGES):
        beyond = _filter(ID, "GT", value=str(last))
        body = {
            "filterGroups": [{"filters": [*group, beyond]} for group in groups],
            "sorts": [{"propertyName": ID, "direction": "ASCENDING"}],
            "properties": [OWNER, ASSIGNED],
            "limit": PAGE,
        }
        answer = desk.api.read(path, body, lane=Lane.SEARCH)
        if not answer.ok:
            raise unavailable(answer, desk.portal.name)
        records = [r for r in answer.results if str(r.get("id", "")).isdigit()]
        yield from records
        highest = max((int(record["id"]) for record in records), default=0)
        if len(answer.results) < PAGE or highest <= last:
            return
        last = highest


def _owners(desk: Desk) -> list[str]:
    return sorted({a.owner_id for a in desk.access.assistants if a.owner_id})


def _filter(name: str, operator: str, **operand: object) -> Filter:
    return {"propertyName": name, "operator": operator, **operand}


def _hint(desk: Desk, record: Record) -> Hint:
    return Hint(str(record["id"]), desk.now())


def _changed_at(record: Record) -> Millis:
    properties = record.get("properties")
    shown = properties if isinstance(properties, Mapping) else {}
    text = shown.get(ASSIGNED) or shown.get(MODIFIED) or record.get("updatedAt")
    try:
        return parse_time(str(text))
    except ValueError:
        return 0
