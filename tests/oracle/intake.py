"""What becomes of one line of events.jsonl, by the CloudEvents 1.0 standard and the lifecycle."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from tests.oracle import life
from tests.oracle.recorded import steps

LONGEST = 1 << 20
"""No line may be longer than a mebibyte."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A line that is an event. target: contact id or email address."""

    source: str
    id: str
    type: str
    portal: str
    target: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that is none; kind says why, in one word."""

    kind: str


def judge(line: bytes, portals: Collection[str]) -> Sound | Rejected:
    """Doubles are not known here."""
    if len(line) > LONGEST:
        return Rejected("too_long")
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return Rejected("not_utf8")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return Rejected("bad_json")
    if not isinstance(document, dict):
        return Rejected("not_an_object")
    return _envelope(document, portals)


def _envelope(document: dict[str, Any], portals: Collection[str]) -> Sound | Rejected:
    for name in ("specversion", "id", "source", "type", "subject"):
        value = document.get(name)
        if not isinstance(value, str) or not value:
            return Rejected(f"no_{name}")
    if document["specversion"] != "1.0":
        return Rejected("wrong_specversion")
    if not _is_time(document.get("time")):
        return Rejected("bad_time")
    portal, _, target = document["subject"].partition("/")
    if not portal or not target:
        return Rejected("bad_subject")
    if portal not in portals:
        return Rejected("unknown_portal")
    kind, data = document["type"], document.get("data", {})
    if kind not in life.FROM_OUTSIDE:
        return Rejected("unknown_type")
    if kind == "marked" and data.get("action") not in (*life.MARKS, "not_at_risk"):
        return Rejected("unknown_mark")
    return Sound(document["source"], document["id"], kind, portal, target, data)


def _is_time(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        steps.millis(value)
    except ValueError:
        return False
    return True
