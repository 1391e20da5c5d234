"""CloudEvents 1.0 (JSON) → events, or the reason why not. Pure: no store, no clock.

One line, one array element, or one HTTP body at a time; whatever is wrong is said in one sentence
with what to do. https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

import difflib
import re
from collections.abc import Collection, Mapping
from typing import Any

import orjson

from engine.base.clock import Millis, parse_time
from engine.base.records import record
from engine.lead.machine import TIMER_PREFIX, LeadMachine, UnknownTriggerError
from engine.lead.records import Event

MAX_EVENT_BYTES = 1_000_000
MAX_ATTRIBUTE = 256
_SUBJECT = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,63})/([^\s/]{1,254})")
_CRM_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@record
class Addressed:
    """An event and whom it is about: `who` is a CRM id, or a lower-case email address."""

    portal: str
    who: str
    event: Event


class NotUnderstoodError(ValueError):
    """Why an event cannot be taken; its text is one sentence that says what to do."""


def parse_event(
    raw: bytes, rules: LeadMachine, portals: Collection[str], received_at: Millis
) -> Addressed:
    """One CloudEvent. Raises NotUnderstoodError.

    portals: names of the connected portals. received_at: taken when the event names no time.
    """
    if len(raw) > MAX_EVENT_BYTES:
        raise NotUnderstoodError(
            f"the event has more than {MAX_EVENT_BYTES:,} bytes; send a smaller one"
        )
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise NotUnderstoodError(
            f"this is not JSON ({error.msg} at column {error.colno}); "
            "send one CloudEvent as a JSON object"
        ) from error
    return read_event(content, rules, portals, received_at)


def read_event(
    content: Any, rules: LeadMachine, portals: Collection[str], received_at: Millis
) -> Addressed:
    """One CloudEvent that is parsed JSON already. Raises NotUnderstoodError."""
    if not isinstance(content, dict):
        raise NotUnderstoodError(
            f"a CloudEvent is a JSON object, this is {_kind(content)}; see docs/reference/events.md"
        )
    if content.get("specversion") != "1.0":
        raise NotUnderstoodError(
            f'specversion is {content.get("specversion")!r}; send "specversion":"1.0"'
        )
    event_id, source, kind, subject = _attributes(content)
    portal, who = _split_subject(subject, portals)
    data = content.get("data")
    if data is None:
        data = {}
    elif not isinstance(data, dict):
        raise NotUnderstoodError(f"data is {_kind(data)}; send a JSON object")
    at = _time(content.get("time"), received_at)
    _check_type(kind, data, rules)
    return Addressed(portal, who, Event(kind, at, source, event_id, data))


def _attributes(content: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """id, source, type and subject; the exact reason is only looked for where one is wrong."""
    get = content.get
    event_id, source, kind, subject = get("id"), get("source"), get("type"), get("subject")
    for value in (event_id, source, kind, subject):
        if type(value) is not str or not 0 < len(value) <= MAX_ATTRIBUTE:
            for name in ("id", "source", "type", "subject"):
                _check_attribute(name, get(name))
    return event_id, source, kind, subject  # type: ignore[return-value]  # four texts by now


def _check_attribute(name: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        hint = ' such as "acme/501" (PORTAL/CRM-ID)' if name == "subject" else ""
        raise NotUnderstoodError(
            f"{name} is {'missing' if value is None else repr(value)[:40]}; "
            f"send a non-empty text{hint}"
        )
    if len(value) > MAX_ATTRIBUTE:
        raise NotUnderstoodError(
            f"{name} has {len(value)} characters; send at most {MAX_ATTRIBUTE}"
        )


def _split_subject(subject: str, portals: Collection[str]) -> tuple[str, str]:
    portal, _, who = subject.partition("/")
    if portal in portals and _CRM_ID.fullmatch(who):
        return portal, who
    match = _SUBJECT.fullmatch(subject)
    if match is None:
        raise NotUnderstoodError(
            f"subject {subject!r} names no contact; write PORTAL/CRM-ID or PORTAL/EMAIL"
        )
    portal, who = match.groups()
    if portal not in portals:
        raise NotUnderstoodError(
            f"there is no portal {portal!r}{_nearest(portal, portals)}; "
            f"connect it with: handback portal connect {portal}"
        )
    if "@" in who:
        return portal, who.lower()
    if not _CRM_ID.fullmatch(who):
        raise NotUnderstoodError(f"{who!r} is neither a CRM id nor an email address")
    return portal, who


def _time(value: Any, received_at: Millis) -> Millis:
    if value is None:
        return received_at
    try:
        if not isinstance(value, str):
            raise ValueError("it is no text")
        at = parse_time(value)
    except ValueError as error:
        raise NotUnderstoodError(
            f"time {str(value)[:40]!r} cannot be read ({error}); "
            "send ISO 8601 with a time zone, e.g. 2026-11-02T09:00:00Z"
        ) from error
    return at


def _check_type(kind: str, data: Mapping[str, Any], rules: LeadMachine) -> None:
    if kind.startswith(TIMER_PREFIX):
        raise NotUnderstoodError(f"{kind!r} is the engine's own; timers cannot be sent")
    try:
        trigger = rules.trigger_for(kind, data)
    except UnknownTriggerError as error:
        near = _nearest(kind, rules.rules.events)
        raise NotUnderstoodError(f"{error}{near}; use an event of the rules file") from error
    for field in rules.required_data(trigger):
        value = data.get(field)
        if not isinstance(value, str | int) or not str(value):
            raise NotUnderstoodError(f"{kind} has no {field}; put it into data")
        if field == "into" and not _CRM_ID.fullmatch(str(value)):
            raise NotUnderstoodError(f"into {str(value)[:40]!r} is no CRM id")


def _nearest(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _kind(value: Any) -> str:
    names = {list: "an array", str: "a text", bool: "a boolean", type(None): "null"}
    return names.get(type(value), "a number")
