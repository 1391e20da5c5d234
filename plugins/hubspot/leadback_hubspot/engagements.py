"""Notes, emails and tasks as HubSpot stores them. Pure.

https://developers.hubspot.com/docs/api-reference/crm-notes-v3/guide (and emails, tasks). Untrusted
text is escaped and bounded; every record ends with a visible `ref:` line, by which it is found
again when nobody knows whether it was created.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from leadback.api import Delivery, EffectKind, format_time

MAX_BODY = 65_536
MAX_SUBJECT = 998
MAX_ADDRESS = 320
MOST_PEOPLE = 100
_NAMES = {"first_name": "firstName", "last_name": "lastName"}
_HALF = re.compile(r"(?:&[a-z#0-9]{0,7}|<[a-z/]{0,3})$")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Kind:
    """One engagement type. association: its type to a contact; text: where the `ref:` line is."""

    objects: str
    association: int
    text: str


KINDS: Mapping[EffectKind, Kind] = {
    EffectKind.NOTE: Kind("notes", 202, "hs_note_body"),
    EffectKind.EMAIL: Kind("emails", 198, "hs_email_text"),
    EffectKind.TASK: Kind("tasks", 204, "hs_task_body"),
}


def properties_of(delivery: Delivery, *, owner_id: str | None = None) -> dict[str, str]:
    """The record's properties; the same delivery gives the same ones for ever.

    owner_id: whom a task is for; ignored for the others.
    """
    payload = delivery.payload
    shared = {"hs_timestamp": format_time(int(payload["at"]))}
    if delivery.kind is EffectKind.NOTE:
        return {**shared, "hs_note_body": _rich(payload.get("text"), delivery.reference)}
    if delivery.kind is EffectKind.TASK:
        owner = {"hubspot_owner_id": owner_id} if owner_id else {}
        return {**shared, **owner, **_task(payload, delivery.reference)}
    return {**shared, **_email(payload, delivery.reference)}


def creation(delivery: Delivery, properties: Mapping[str, str], contact: str) -> dict[str, Any]:
    """One input of batch/create: the record and its association are one unit."""
    types = [
        {
            "associationCategory": "HUBSPOT_DEFINED",
            "associationTypeId": KINDS[delivery.kind].association,
        }
    ]
    return {
        "objectWriteTraceId": delivery.reference,
        "properties": dict(properties),
        "associations": [{"to": {"id": contact}, "types": types}],
    }


def has_reference(text: object, reference: str) -> bool:
    """Whether a record's text carries this reference (and not a longer one)."""
    return isinstance(text, str) and bool(re.search(rf"{re.escape(reference)}(?![a-z0-9])", text))


def _task(payload: Mapping[str, Any], reference: str) -> dict[str, str]:
    return {
        "hs_task_subject": _line(payload.get("subject")) or "Please look at this contact",
        "hs_task_body": _rich(None, reference),
        "hs_task_status": "NOT_STARTED",
        "hs_task_priority": "MEDIUM",
        "hs_task_type": "TODO",
    }


def _email(payload: Mapping[str, Any], reference: str) -> dict[str, str]:
    incoming = payload.get("direction") == "incoming_email"
    ours, theirs = payload.get("assistant"), payload.get("lead_email")
    sender, receiver = (theirs, ours) if incoming else (ours, theirs)
    headers = {
        "from": _people(payload.get("from") or sender)[:1],
        "to": _people(payload.get("to") or receiver),
        "cc": [],
        "bcc": [],
    }
    return {
        "hs_email_direction": "INCOMING_EMAIL" if incoming else "EMAIL",
        "hs_email_status": "SENT",
        "hs_email_subject": _line(payload.get("subject")),
        "hs_email_text": _plain(payload.get("body"), reference),
        "hs_email_html": _rich(payload.get("body"), reference),
        "hs_email_headers": _headers(headers),
    }


def _headers(people: Mapping[str, list[dict[str, str]]]) -> str:
    sender = people["from"][0] if people["from"] else None
    found: dict[str, Any] = {**people}
    if sender is None:
        del found["from"]
    else:
        found["from"] = found["sender"] = sender
    return orjson.dumps(found).decode()


def _people(value: object) -> list[dict[str, str]]:
    """People as the engine gives them, or one address, as HubSpot writes them."""
    people = value if isinstance(value, list) else [value]
    found: list[dict[str, str]] = []
    for one in people[:MOST_PEOPLE]:
        person = one if isinstance(one, Mapping) else {"email": one}
        email = _line(person.get("email"))
        if "@" in email and len(email) <= MAX_ADDRESS:
            names = {shown: _line(person.get(key)) for key, shown in _NAMES.items()}
            found.append({"email": email, **{key: name for key, name in names.items() if name}})
    return found


def _clean(value: object) -> str:
    text = value if isinstance(value, str) else "" if value is None else str(value)
    # A lone half of a surrogate pair cannot be sent as UTF-8.
    return _CONTROL.sub("", text.encode("utf-8", "replace").decode()).replace("\r\n", "\n")


def _line(value: object) -> str:
    return " ".join(_clean(value).split())[:MAX_SUBJECT]


def _plain(value: object, reference: str) -> str:
    tail = f"\n\nref: {reference}"
    text = _clean(value).rstrip()
    room = MAX_BODY - len(tail)
    return (text if len(text) <= room else text[: room - 1] + "…") + tail


def _rich(value: object, reference: str) -> str:
    """Text as HTML: `<`, `>` and `&` from outside never become mark-up."""
    tail = f"<p>ref: {reference}</p>"
    text = html.escape(_clean(value).strip()).replace("\n", "<br>")
    if not text:
        return tail
    room = MAX_BODY - len(tail) - len("<p>…</p>")
    if len(text) > room:
        text = _HALF.sub("", text[:room]) + "…"
    return f"<p>{text}</p>{tail}"
