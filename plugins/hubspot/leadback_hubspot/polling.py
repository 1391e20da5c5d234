"""Which contacts the assistants own, and what changed at them: where no webhook can reach us.

https://developers.hubspot.com/docs/api-reference/search/guide — search ends after 10,000 rows, so
pages follow the record id instead of an offset; its index lags, so every poll overlaps the last.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from leadback.api import ContactChanges, Hint, Millis, parse_time
from leadback_hubspot.budget import Lane
from leadback_hubspot.contacts import MERGED, OWNER, facts_of, reading_of
from leadback_hubspot.portals import Desk
from leadback_hubspot.verdicts import unavailable

ID = "hs_object_id"
ASSIGNED = "hubspot_owner_assigneddate"
MODIFIED = "lastmodifieddate"
PAGE = 200
OWNERS_PER_SEARCH = 80
"""A search body may have 3,000 characters."""

CHANGED_PAGES = 10
"""Of a poll for changes: our own writes change contacts too, and in a busy portal their pages would
cost more calls than the writes. A new owner is found all the same, another address by the next full
comparison."""

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
    newest = cursor
    owned: dict[str, Hint] = {}
    left: dict[str, Hint] = {}
    found = _changed(desk, since) if since else _owned(desk, 0)
    for into, records in ((owned, found), (left, _left(desk, since) if since else ())):
        for record in records:
            hint = _hint(desk, record)
            into[hint.crm_id] = hint
            newest = max(newest, *_dates(record))
    return ContactChanges(tuple(owned.values()), tuple(left.values()), newest)


def _owned(
    desk: Desk, since: Millis, by: str = ASSIGNED, most: int = MOST_PAGES
) -> Iterator[Record]:
    """Owned by an assistant now, and with a date since then."""
    owners = _owners(desk)
    for start in range(0, len(owners), OWNERS_PER_SEARCH):
        theirs = _filter(OWNER, "IN", values=owners[start : start + OWNERS_PER_SEARCH])
        recent = [_filter(by, "GTE", value=str(since))] if since else []
        yield from _pages(desk, [[theirs, *recent]], most)


def _changed(desk: Desk, since: Millis) -> Iterator[Record]:
    """Owned by an assistant now, and changed since then; when those are too many, assigned."""
    changed = list(_owned(desk, since, MODIFIED, CHANGED_PAGES))
    yield from changed
    if len(changed) >= CHANGED_PAGES * PAGE:
        yield from _owned(desk, since)


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
    yield from _pages(desk, [others, nobody], MOST_PAGES)


def _pages(desk: Desk, groups: Sequence[Sequence[Filter]], most: int) -> Iterator[Record]:
    last = 0
    path = desk.api.paths.objects("contacts", "search")
    for _ in range(most):
        beyond = _filter(ID, "GT", value=str(last))
        body = {
            "filterGroups": [{"filters": [*group, beyond]} for group in groups],
            "sorts": [{"propertyName": ID, "direction": "ASCENDING"}],
            "properties": [OWNER, ASSIGNED, MODIFIED, MERGED, *facts_of(desk.settings)],
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
    return sorted({owner_id for a in desk.access.assistants for owner_id in a.owner_ids})


def _filter(name: str, operator: str, **operand: object) -> Filter:
    return {"propertyName": name, "operator": operator, **operand}


def _hint(desk: Desk, record: Record) -> Hint:
    crm_id = str(record["id"])
    return Hint(crm_id, desk.now(), shown=reading_of(desk, crm_id, record))


def _dates(record: Record) -> Iterator[Millis]:
    """When it changed hands and when it changed at all, by HubSpot's clock."""
    properties = record.get("properties")
    shown = properties if isinstance(properties, Mapping) else {}
    for text in (shown.get(ASSIGNED), shown.get(MODIFIED) or record.get("updatedAt")):
        try:
            yield parse_time(str(text))
        except ValueError:
            yield 0
