"""What only notes, emails and tasks have: header parsing, body limits, permanent email deletion."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import orjson

from leadback_hubspot_sandbox.errors import Problem
from leadback_hubspot_sandbox.portal import Portal
from leadback_hubspot_sandbox.records import Record

_PARTS = (("email", "email"), ("firstName", "firstname"), ("lastName", "lastname"))
_COMMENT = re.compile(r"<!--.*?(?:-->|$)", re.DOTALL)
_TAG = re.compile(r"<[^>]{0,2000}>")
_BODIES = ("hs_note_body", "hs_task_body", "hs_email_html", "hs_email_text")
PREVIEW = 200
_PEOPLE = ("from", "sender", "to", "cc", "bcc")


def complete(portal: Portal, values: dict[str, str]) -> list[Problem]:
    """Fill the read-only address properties from ``hs_email_headers``, which must be JSON."""
    if "hs_note_body" in values and portal.switches.strip_note_comments:
        values["hs_note_body"] = _COMMENT.sub("", values["hs_note_body"])
    values |= _preview(values)
    headers = values.get("hs_email_headers")
    if not headers:
        return []
    try:
        parsed = orjson.loads(headers)
        found = {name: _people(parsed[name]) for name in _PEOPLE if name in parsed}
    except (orjson.JSONDecodeError, TypeError, AttributeError):
        return [
            Problem(
                "hs_email_headers", "INVALID_JSON", "hs_email_headers is not valid JSON headers"
            )
        ]
    for name, people in found.items():
        for key, suffix in _PARTS:
            joined = ";".join(str(person.get(key) or "") for person in people).strip(";")
            if joined:
                values[f"hs_email_{name}_{suffix}"] = joined
    return []


def _preview(values: dict[str, str]) -> dict[str, str]:
    """The beginning of the text, as timelines show it."""
    body = next((values[name] for name in _BODIES if values.get(name)), "")
    if not body:
        return {}
    text = " ".join(unescape(_TAG.sub(" ", body)).split())
    return {
        "hs_body_preview": text[:PREVIEW],
        "hs_body_preview_html": f"<html><head></head><body>{body[:PREVIEW]}</body></html>",
        "hs_body_preview_is_truncated": "true" if len(text) > PREVIEW else "false",
    }


def _people(raw: Any) -> list[dict[str, Any]]:
    people = raw if isinstance(raw, list) else [raw]
    if not all(isinstance(person, dict) for person in people):
        raise TypeError("an address must be an object")
    return people


def archive(portal: Portal, record: Record, *, at_ms: int) -> None:
    """Notes and tasks go to the recycle bin; a logged email is gone for good."""
    if record.kind.name == "emails":
        for contact_id in record.links.get("contacts", {}):
            contact = portal.contacts.records.get(contact_id)
            if contact is not None:
                contact.links.get("emails", {}).pop(record.id, None)
        portal.stores["emails"].remove(record.id)
    else:
        record.archived_ms = at_ms
    portal.index(record, gone=True)
