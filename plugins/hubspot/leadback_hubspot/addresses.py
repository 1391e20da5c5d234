"""Whose an address is: first by the primary address, then by the additional ones.

https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide — batch/read by the id
property `email` reads what is stored, and is only known to find primary addresses; search finds
`hs_additional_emails` by `email` as well, but its index lags, and it takes values of IN in lower
case only. https://developers.hubspot.com/docs/api-reference/search/guide
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from leadback_hubspot.answers import Answer
from leadback_hubspot.budget import Lane
from leadback_hubspot.isolate import send_isolating
from leadback_hubspot.portals import Desk
from leadback_hubspot.verdicts import unavailable

PER_READ = 100
PAGE = 200
BODY_CHARACTERS = 2_600
"""A search body may have 3,000 characters; what stands around the addresses has its part."""

EMAIL, ADDITIONAL = "email", "hs_additional_emails"


def find_contacts(desk: Desk, emails: Sequence[str]) -> dict[str, str | None]:
    """address → id of the contact that has it, or None. Raises PortalUnavailable."""
    wanted = list(dict.fromkeys(emails))
    found: dict[str, str] = {}
    for start in range(0, len(wanted), PER_READ):
        found |= _asked(desk, wanted[start : start + PER_READ], _by_primary)
    for some in _searchable(email for email in wanted if email not in found):
        found |= _asked(desk, some, _by_any)
    return {email: found.get(email) for email in emails}


def _asked(
    desk: Desk, emails: Sequence[str], ask: Callable[[Desk, Sequence[str]], Answer]
) -> dict[str, str]:
    """A text that HubSpot does not take for an address is no contact's, and hides no other one."""
    found: dict[str, str] = {}
    for end in send_isolating(emails, lambda some: ask(desk, some), lambda *_: ()):
        if end.answer.ok:
            found |= _addresses(end.answer.results, frozenset(emails))
        elif not end.answer.about_records:
            raise unavailable(end.answer, desk.portal.name)
    return found


def _by_primary(desk: Desk, emails: Sequence[str]) -> Answer:
    body = {
        "properties": [EMAIL, ADDITIONAL],
        "idProperty": EMAIL,
        "inputs": [{"id": email} for email in emails],
    }
    refused = desk.api.connection.spend(Lane.ADDRESSES)
    if refused is not None:
        return refused
    return desk.api.read(desk.api.paths.objects("contacts", "batch", "read"), body)


def _by_any(desk: Desk, emails: Sequence[str]) -> Answer:
    body = {
        "filterGroups": [
            {"filters": [{"propertyName": EMAIL, "operator": "IN", "values": list(emails)}]}
        ],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": [EMAIL, ADDITIONAL],
        "limit": PAGE,
    }
    path = desk.api.paths.objects("contacts", "search")
    return desk.api.read(path, body, lane=Lane.SEARCH)


def _addresses(records: Sequence[Mapping[str, Any]], wanted: frozenset[str]) -> dict[str, str]:
    """What is asked for and among a record's addresses; HubSpot lets no two contacts share one."""
    found: dict[str, str] = {}
    for record in records:
        properties = record.get("properties")
        shown = properties if isinstance(properties, Mapping) else {}
        held = [str(shown.get(EMAIL) or ""), *str(shown.get(ADDITIONAL) or "").split(";")]
        for address in held:
            if address.strip().lower() in wanted:
                found[address.strip().lower()] = str(record["id"])
    return found


def _searchable(emails: Iterator[str]) -> Iterator[list[str]]:
    """As many as one search body holds."""
    some: list[str] = []
    size = 0
    for email in emails:
        # JSON may write a character as \\uXXXX.
        length = len(email.encode("ascii", "backslashreplace")) + 4
        if some and (size + length > BODY_CHARACTERS or len(some) == PER_READ):
            yield some
            some, size = [], 0
        some.append(email)
        size += length
    if some:
        yield some
