"""The journal's calls: subscriptions, walking the offsets, and the presigned files.

https://developers.hubspot.com/docs/api-reference/latest/webhooks-journal/guide
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any, Final

import orjson

from leadback_hubspot_sandbox.answers import Answer
from leadback_hubspot_sandbox.call import Call, Reply, as_list, as_text, as_texts
from leadback_hubspot_sandbox.catalog import CONTACTS
from leadback_hubspot_sandbox.clock import format_iso
from leadback_hubspot_sandbox.errors import ApiError, invalid, refusal
from leadback_hubspot_sandbox.journal import (
    ACTIONS,
    URL_LIFETIME_MS,
    Journal,
    JournalFile,
    Journals,
    Subscription,
)
from leadback_hubspot_sandbox.rendering import batch_reply

FILES_PATH: Final = "/_journal-files/"
MOST_FILES: Final = 100
_SIGNING_KEY: Final = b"journal-files-of-the-sandbox"


def subscribe(call: Call) -> Reply:
    """One subscription per portal; all keys are required."""
    body, journal = call.object(), _journal(call)
    if as_text(body.get("subscriptionType"), "$.subscriptionType") != "OBJECT":
        raise invalid("The sandbox knows subscriptionType OBJECT only")
    portal_id = body.get("portalId")
    if not isinstance(portal_id, int) or portal_id not in call.portal.siblings:
        raise invalid(f"The app is not installed in portal {portal_id}")
    if call.access.app_id not in call.portal.siblings[portal_id].installed:
        raise invalid(f"The app is not installed in portal {portal_id}")
    type_id = as_text(body.get("objectTypeId"), "$.objectTypeId")
    if type_id != CONTACTS.type_id:
        raise invalid(f"The sandbox journals contacts ({CONTACTS.type_id}) only, not {type_id}")
    if any(one.portal_id == portal_id for one in journal.subscriptions.values()):
        raise refusal(409, "CONFLICT", f"There is a subscription for portal {portal_id} already")
    actions = frozenset(as_texts(as_list(body.get("actions"), "$.actions"), "$.actions"))
    if not actions or not actions <= ACTIONS:
        raise invalid(f"actions must be some of {', '.join(sorted(ACTIONS))}")
    ids = as_list(body.get("objectIds"), "$.objectIds")
    if not all(isinstance(one, int) for one in ids):
        raise invalid("objectIds must be numbers")
    made = journal.subscribe(
        portal_id=portal_id,
        object_type_id=type_id,
        actions=actions,
        properties=frozenset(
            as_texts(as_list(body.get("properties"), "$.properties"), "$.properties")
        ),
        object_ids=frozenset(ids),
    )
    return Reply(200, made.render(journal.app_id))


def subscriptions(call: Call) -> Reply:
    journal = _journal(call)
    return Reply(
        200, {"results": [one.render(journal.app_id) for one in journal.subscriptions.values()]}
    )


def subscription(call: Call) -> Reply:
    return Reply(200, _one(call).render(call.access.app_id))


def unsubscribe(call: Call) -> Reply:
    del _journal(call).subscriptions[_one(call).id]
    return Reply(204)


def unsubscribe_portal(call: Call) -> Reply:
    held = _journal(call).subscriptions
    for number in [one.id for one in held.values() if str(one.portal_id) == call.args[0]]:
        del held[number]
    return Reply(204)


def earliest(call: Call) -> Reply:
    return _single(call, _journal(call).readable()[:1])


def latest(call: Call) -> Reply:
    return _single(call, _journal(call).readable()[-1:])


def following(call: Call) -> Reply:
    """The file after an offset: 204 at the head, 404 for one that is unknown or expired."""
    return _single(call, _after(call, call.args[0])[:1])


def batch_earliest(call: Call) -> Reply:
    return _several(call, _journal(call).readable()[: _count(call.args[0])])


def batch_latest(call: Call) -> Reply:
    return _several(call, _journal(call).readable()[-_count(call.args[0]) :])


def batch_following(call: Call) -> Reply:
    return _several(call, _after(call, call.args[0])[: _count(call.args[1])])


def file(journals: Journals, offset: str, query: Mapping[str, str], authorization: str) -> Answer:
    """The presigned download: no bearer allowed, and only until it expires."""
    expires, signature = query.get("expires", ""), query.get("signature", "")
    if authorization:
        return _storage(400, "Only one auth mechanism allowed")
    if not hmac.compare_digest(signature, _signature(offset, expires)):
        return _storage(403, "The request signature does not match")
    if journals.clock.now_ms() >= int(expires):
        return _storage(403, "Request has expired")
    found = journals.file(offset)
    if found is None:
        return _storage(404, "The specified key does not exist.")
    return Answer(200, orjson.dumps(found.render()), {})


def _storage(status: int, message: str) -> Answer:
    """Object storage answers in XML."""
    body = f'<?xml version="1.0" encoding="UTF-8"?><Error><Message>{message}</Message></Error>'
    return Answer(status, body.encode(), {"Content-Type": "application/xml"})


def _journal(call: Call) -> Journal:
    """Only an app's own token opens its journal; private apps and service keys have none."""
    if call.access.kind != "app":
        raise refusal(403, None, "This endpoint isn't available for public use.")
    return call.portal.journals.of(call.access.app_id)


def _one(call: Call) -> Subscription:
    held = _journal(call).subscriptions
    key = call.args[0]
    found = held.get(int(key)) if key.isascii() and key.isdigit() else None
    if found is None:
        raise refusal(404, "OBJECT_NOT_FOUND", f"Subscription {key} does not exist")
    return found


def _after(call: Call, offset: str) -> list[JournalFile]:
    files = _journal(call).readable()
    for index, held in enumerate(files):
        if held.offset == offset:
            return files[index + 1 :]
    raise _expired(offset)


def _expired(offset: str) -> ApiError:
    return refusal(404, "OBJECT_NOT_FOUND", f"Offset {offset} is unknown or has expired")


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MOST_FILES:
        raise invalid(f"The count must be from 1 to {MOST_FILES}, not {text!r}")
    return int(text)


def _single(call: Call, files: list[JournalFile]) -> Reply:
    return Reply(200, _pointer(call, files[0])) if files else Reply(204)


def _several(call: Call, files: list[JournalFile]) -> Reply:
    """Pointers in the log's order, in the usual batch envelope; 204 when there are none."""
    if not files:
        return Reply(204)
    started = call.portal.clock.now_ms()
    reply = batch_reply(call, [], [], started_ms=started)
    reply.body["results"] = [_pointer(call, one) for one in files]
    return reply


def _pointer(call: Call, held: JournalFile) -> dict[str, Any]:
    expires = call.portal.clock.now_ms() + URL_LIFETIME_MS
    query = f"expires={expires}&signature={_signature(held.offset, str(expires))}"
    return {
        "url": f"{call.origin}{FILES_PATH}{held.offset}?{query}",
        "expiresAt": format_iso(expires),
        "currentOffset": held.offset,
    }


def _signature(offset: str, expires: str) -> str:
    return hmac.new(_SIGNING_KEY, f"{offset}/{expires}".encode(), hashlib.sha256).hexdigest()
