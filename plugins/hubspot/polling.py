"""Which contacts the assistants own: for installations that no webhook can reach.

https://developers.hubspot.com/docs/api-reference/search/guide — search ends after 10,000 rows, so
pages follow the record id instead of an offset.
"""

from collections.abc import Sequence

from engine.api import Hint
from plugins.hubspot.budget import Lane
from plugins.hubspot.contacts import OWNER
from plugins.hubspot.portals import Desk
from plugins.hubspot.verdicts import unavailable

PAGE = 200
OWNERS_PER_SEARCH = 80
"""A search body may have 3,000 characters."""

MOST_PAGES = 50_000


def assigned_contacts(desk: Desk) -> list[Hint]:
    """All contacts that an assistant owns now, as far as the search index knows.

    Raises PortalUnavailable.
    """
    owners = sorted({a.owner_id for a in desk.access.assistants if a.owner_id})
    found: dict[str, Hint] = {}
    for start in range(0, len(owners), OWNERS_PER_SEARCH):
        for hint in _owned(desk, owners[start : start + OWNERS_PER_SEARCH]):
            found[hint.crm_id] = hint
    return list(found.values())


def _owned(desk: Desk, owners: Sequence[str]) -> list[Hint]:
    found: list[Hint] = []
    last = 0
    for _ in range(MOST_PAGES):
        filters = [
            {"propertyName": OWNER, "operator": "IN", "values": list(owners)},
            {"propertyName": "hs_object_id", "operator": "GT", "value": str(last)},
        ]
        body = {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "properties": [OWNER],
            "limit": PAGE,
        }
        answer = desk.api.read(desk.api.paths.objects("contacts", "search"), body, lane=Lane.SEARCH)
        if not answer.ok:
            raise unavailable(answer, desk.portal.name)
        ids = [int(r["id"]) for r in answer.results if str(r.get("id", "")).isdigit()]
        found += [Hint(str(crm_id), desk.now()) for crm_id in ids]
        if len(answer.results) < PAGE or not ids or max(ids) <= last:
            return found
        last = max(ids)
    return found
