"""Webhooks: is it from HubSpot, is it fresh, and which contacts changed. Pure over raw bytes.

https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests
What a notification says about a contact is never used: the contact is read again. That it was
erased for privacy is only remembered, and believed when HubSpot does not have it any more. A
request that is sent twice makes the same contacts be read twice.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any

import orjson

from leadback.api import Hint, Millis, Received, Refused, WebhookRequest

WINDOW: Millis = 300_000
MOST_EVENTS = 1_000
"""HubSpot sends up to 100 at once; more is no reason to lose them, much more is no webhook."""
MOST_CONTACTS = 2_000
"""In one request: at most 250 contacts merge into one."""

CONTACT_TYPE = "0-1"
_ACCOUNT = re.compile(rb'"portalId"\s{0,9}:\s{0,9}"?([0-9]{1,19})')
OWNER = "hubspot_owner_id"
_DECODED = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'",
    "%28": "(", "%29": ")", "%2A": "*", "%2C": ",", "%3B": ";",
}  # fmt: skip


def receive(
    request: WebhookRequest, *, secret: str, account_id: str | None, facts: Collection[str] = ()
) -> Received | Refused:
    """Hints of the portal with this account id; other portals' events are left out.

    facts: the properties besides the owner whose changes are worth a look at the contact.
    """
    refused = check_signature(request, secret)
    if refused is not None:
        return refused
    if account_id is None:
        return Refused("the portal's account is not known; connect the portal again", 503)
    try:
        events = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        return Refused("the body is not JSON", 400)
    if not isinstance(events, list) or len(events) > MOST_EVENTS:
        return Refused(f"the body is not an array of at most {MOST_EVENTS} notifications", 400)
    hints: dict[str, Hint] = {}
    for event in events:
        if not isinstance(event, Mapping) or str(event.get("portalId")) != account_id:
            continue
        for hint in _hints(event, request.received_at, {OWNER, *facts}):
            known = hints.get(hint.crm_id)
            erased = hint.erased or (known is not None and known.erased)
            at = max(hint.at, known.at) if known is not None else hint.at
            hints[hint.crm_id] = Hint(hint.crm_id, at, erased)
            if len(hints) > MOST_CONTACTS:
                return Refused(f"the body is about more than {MOST_CONTACTS} contacts", 413)
    return Received(tuple(hints.values()))


def accounts(body: bytes) -> list[str]:
    """The accounts that notifications are about, as far as their text tells: it is not parsed, as
    nobody has proved yet who sends it. An app has one target URL for all accounts that have it."""
    found = dict.fromkeys(
        match[1].decode() for match in islice(_ACCOUNT.finditer(body), MOST_EVENTS)
    )
    return list(found)


def check_signature(request: WebhookRequest, secret: str) -> Refused | None:
    """None when the request was signed with this secret, and for v3 not long ago.

    v1 carries no time, so it is only looked at when there is no v3 signature at all.
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    given = headers.get("x-hubspot-signature-v3")
    if given is not None:
        return _check_v3(request, secret, given, headers.get("x-hubspot-request-timestamp", ""))
    given = headers.get("x-hubspot-signature")
    if given is None:
        return Refused("the request has no HubSpot signature")
    if headers.get("x-hubspot-signature-version", "v1") != "v1":
        return Refused("only HubSpot signatures v3 and v1 are known")
    expected = signature_v1(secret, request.body)
    return None if _same(expected, given) else Refused("the signature (v1) is wrong")


def signature_v1(secret: str, body: bytes) -> str:
    """Hex SHA-256 over secret and raw body."""
    return hashlib.sha256(secret.encode() + body).hexdigest()


def signature_v3(secret: str, *, method: str, url: str, body: bytes, timestamp: str) -> str:
    """Base64 HMAC-SHA-256 over method, URL as HubSpot decodes it, raw body and timestamp."""
    raw = method.upper().encode() + decode_url(url).encode() + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()


def decode_url(url: str) -> str:
    """Only these escapes are decoded; one pass, so that an escaped escape stays one."""
    out: list[str] = []
    at = 0
    while at < len(url):
        escape = url[at : at + 3].upper()
        if escape in _DECODED:
            out.append(_DECODED[escape])
            at += 3
        else:
            out.append(url[at])
            at += 1
    return "".join(out)


def _check_v3(request: WebhookRequest, secret: str, given: str, timestamp: str) -> Refused | None:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) < 16):
        return Refused("the signature's timestamp is missing")
    if abs(request.received_at - int(timestamp)) > WINDOW:
        return Refused("the signature is older than 5 minutes; check this machine's clock")
    expected = signature_v3(
        secret, method=request.method, url=request.url, body=request.body, timestamp=timestamp
    )
    if _same(expected, given):
        return None
    return Refused(
        "the signature (v3) is wrong: check the client secret, and that the public URL is exactly"
        " the target URL in HubSpot"
    )


def _same(expected: str, given: str) -> bool:
    return hmac.compare_digest(expected.encode(), given.strip().encode("utf-8", "replace"))


def _hints(
    event: Mapping[str, Any], received_at: Millis, watched: Collection[str]
) -> Iterator[Hint]:
    """The contacts that one notification is about; none for other objects."""
    kind = event.get("subscriptionType") or event.get("eventType")
    family, _, what = str(kind).partition(".")
    if family not in ("contact", "object"):
        return
    if family == "object" and str(event.get("objectTypeId", CONTACT_TYPE)) != CONTACT_TYPE:
        return
    if what == "associationChange":
        return
    if what == "propertyChange" and event.get("propertyName") not in watched:
        return  # nothing else means anything to a lead, and our own writes echo by the thousand
    ids = [event.get("objectId")]
    if what == "merge":
        ids += [event.get("newObjectId"), event.get("primaryObjectId")]
        merged = event.get("mergedObjectIds")
        ids += merged if isinstance(merged, list) else []
    occurred = event.get("occurredAt")
    at = occurred if isinstance(occurred, int) and _is_number(occurred) else received_at
    erased = kind == "contact.privacyDeletion"
    for crm_id in dict.fromkeys(_id(value) for value in ids):
        if crm_id is not None:
            yield Hint(crm_id, at, erased)


def _id(value: object) -> str | None:
    """REST ids are strings of digits, webhooks send integers."""
    if _is_number(value):
        return str(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return value
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63
