"""What becomes of one line of events.jsonl, by the CloudEvents 1.0 standard and the lifecycle."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from tests.oracle import life
from tests.oracle.recorded import steps

LONGEST = 1 << 20
"""No line may be longer than a mebibyte."""
MARKS = (*life.MARKS, "not_at_risk")
WORDS: Mapping[str, tuple[str, Collection[str]]] = {
    "replied": ("intent", life.INTENTS),
    "email_invalid": ("reason", life.BAD_REASONS),
    "marked": ("action", MARKS),
}
"""Which field of an event is one of which words."""


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
    kind = document["type"]
    if kind not in life.FROM_OUTSIDE:
        return Rejected("unknown_type")
    data = _as_spelt_here(kind, document.get("data", {}))
    if kind == "marked" and data.get("action") not in MARKS:
        return Rejected("unknown_mark")
    return Sound(document["source"], document["id"], kind, portal, target, data)


def _as_spelt_here(kind: str, data: dict[str, Any]) -> dict[str, Any]:
    """Capitals, blanks, hyphens and underscores make no other word of it."""
    name, words = WORDS.get(kind, ("", ()))
    said = data.get(name)
    if not isinstance(said, str):
        return data
    same = [word for word in words if _letters(word) == _letters(said)]
    return {**data, name: same[0]} if same else data


def _letters(word: str) -> str:
    return "".join(word.replace("-", " ").replace("_", " ").split()).lower()


def _is_time(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        steps.millis(value)
    except ValueError:
        return False
    return True
