"""CloudEvents 1.0 (JSON) → events, or the reason why not. Pure: no store, no clock.

One line, one array element, or one HTTP body at a time; whatever is wrong is said in one sentence
with what to do. https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

import difflib
import re
from base64 import b64decode
from collections.abc import Collection, Mapping
from typing import Any

import orjson
import structlog

from leadback.base.clock import Millis, parse_time
from leadback.base.reading import UnreadableError, read_json
from leadback.base.records import record
from leadback.lead.event_data import (
    CONTROL,
    LEFT_OUT,
    MAX_DEPTH,
    UnfitError,
    check_depth,
    kind_of,
)
from leadback.lead.machine import TIMER_PREFIX, LeadMachine, UnknownTriggerError
from leadback.lead.people import MAX_ADDRESS
from leadback.lead.records import ContactIds, Event
from leadback.work.binding import Incoming, is_json

MAX_EVENT_BYTES = 1_000_000
MAX_ATTRIBUTE = 256
TOO_LARGE = f"the event has more than {MAX_EVENT_BYTES:,} bytes; send a smaller one"
_NAMES = ("id", "source", "type", "subject")
_ADDRESSED = re.compile(r"[^\s/@]+@[^\s/@]+")

log = structlog.get_logger()


@record
class Addressed:
    """An event and whom it is about: `who` is a CRM id, or a lower-case email address."""

    portal: str
    who: str
    event: Event


class NotUnderstoodError(ValueError):
    """Why an event cannot be taken; its text is one sentence that says what to do."""


def understand(
    incoming: Incoming, rules: LeadMachine, portals: Mapping[str, ContactIds], received_at: Millis
) -> Addressed:
    """One event of any door: bytes, or what JSON made of an element of an array.

    portals: the connected ones, and what their CRM's contact ids look like. received_at: taken
    when the event names no time. Raises NotUnderstoodError, and nothing else: what the program
    itself fails on is that event's reason, and stops no other.
    """
    try:
        if type(incoming) is bytes:
            return parse_event(incoming, rules, portals, received_at)
        check_size(incoming)
        return read_event(incoming, rules, portals, received_at)
    except NotUnderstoodError:
        raise
    except Exception as error:
        log.exception("an event could not be read", action="take")
        raise NotUnderstoodError(
            f"the program failed on it ({type(error).__name__}); its log says where"
        ) from error


def parse_event(
    raw: bytes, rules: LeadMachine, portals: Mapping[str, ContactIds], received_at: Millis
) -> Addressed:
    """One CloudEvent as JSON. Raises NotUnderstoodError. See understand()."""
    if len(raw) > MAX_EVENT_BYTES:
        raise NotUnderstoodError(TOO_LARGE)
    try:
        content = read_json(raw)
    except UnreadableError as error:
        raise NotUnderstoodError(f"{error}; send one CloudEvent as a JSON object") from error
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH:  # or it cannot be nested too deeply
        _check_depth(content)
    return read_event(content, rules, portals, received_at)


def check_size(content: Any) -> None:
    """Raises NotUnderstoodError for an element of an array that is too large, or too deep."""
    if isinstance(content, dict | list):
        _check_depth(content)
        if len(orjson.dumps(content)) > MAX_EVENT_BYTES:
            raise NotUnderstoodError(TOO_LARGE)


def read_event(
    content: Any, rules: LeadMachine, portals: Mapping[str, ContactIds], received_at: Millis
) -> Addressed:
    """One CloudEvent that is parsed JSON, not nested too deeply. Raises NotUnderstoodError."""
    if not isinstance(content, dict):
        raise NotUnderstoodError(
            f"a CloudEvent is a JSON object, this is {kind_of(content)}; "
            "see docs/reference/events.md"
        )
    if content.get("specversion") != "1.0":
        raise NotUnderstoodError(
            f'specversion is {str(content.get("specversion"))[:40]!r}; send "specversion":"1.0"'
        )
    event_id, source, kind, subject = _attributes(content)
    portal, who = split_subject(subject, portals)
    at = _time(content.get("time"), received_at)
    data = content.get("data")
    if type(data) is not dict or "data_base64" in content:
        data = _data(content)
    data = _check_type(kind, data, rules, portals[portal])
    return Addressed(portal, who, Event(kind, at, source, event_id, data))


def _check_depth(content: Any) -> None:
    try:
        check_depth(content)
    except UnfitError as error:
        raise NotUnderstoodError(f"the event {error}; send it flatter") from error


def _data(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event's data, however it is carried (JSON format, 3.1)."""
    data, packed = content.get("data"), content.get("data_base64")
    if packed is not None:
        if data is not None:
            raise NotUnderstoodError("there are data and data_base64; send one of them")
        data = _unpacked(packed, content.get("datacontenttype"))
        _check_depth([[data]])
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise NotUnderstoodError(f"data is {kind_of(data)}; send a JSON object")
    return data


def _unpacked(packed: Any, content_type: Any) -> Any:
    kind = str(content_type or "").partition(";")[0].strip().lower()
    if not is_json(kind):
        raise NotUnderstoodError(f"data_base64 holds {kind[:80]!r}; send JSON, in data")
    try:
        raw = b64decode(packed, validate=True)
        return read_json(raw, "data_base64") if raw.strip() else None
    except UnreadableError as error:
        raise NotUnderstoodError(str(error)) from error
    except (TypeError, ValueError) as error:
        raise NotUnderstoodError("data_base64 is no base64; send the data in data") from error


def _attributes(content: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """id, source, type and subject; the exact reason is only looked for where one is wrong."""
    get = content.get
    found: tuple[Any, Any, Any, Any] = (get("id"), get("source"), get("type"), get("subject"))
    for value in found:
        if type(value) is not str or not 0 < len(value) <= MAX_ATTRIBUTE:
            for name, one in zip(_NAMES, found, strict=True):
                _check_attribute(name, one)
    if not (found[0] + found[1] + found[2] + found[3]).isprintable():
        for name, one in zip(_NAMES, found, strict=True):
            if CONTROL.search(one):
                raise NotUnderstoodError(
                    f"{name} {ascii(one)[:80]} has a control character; send it without"
                )
    return found


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


def split_subject(subject: str, portals: Mapping[str, ContactIds]) -> tuple[str, str]:
    """Portal and CRM id or lower-case address. Raises NotUnderstoodError."""
    portal, slash, who = subject.partition("/")
    form = portals.get(portal)
    if form is not None and form.fits(who):
        return portal, who
    if not slash or not portal or not who or who.isspace():
        raise NotUnderstoodError(
            f"subject {subject!r} names no contact; write PORTAL/CRM-ID or PORTAL/EMAIL"
        )
    if who.strip().lower() in LEFT_OUT:
        raise NotUnderstoodError(
            f"subject {subject!r} names no contact: its sender had no id, and wrote {who!r} for it"
        )
    if form is None:
        raise NotUnderstoodError(_no_portal(portal, who, portals))
    if "@" in who:
        if len(who) > MAX_ADDRESS or not _ADDRESSED.fullmatch(who):
            raise NotUnderstoodError(f"{who!r} is no email address; write {portal}/EMAIL")
        return portal, who.lower()
    raise NotUnderstoodError(
        f"{who!r} is neither a CRM id ({form.says}) nor an email address; write PORTAL/CRM-ID"
    )


def _no_portal(portal: str, who: str, portals: Collection[str]) -> str:
    same = [name for name in portals if name.casefold() == portal.strip().casefold()]
    close = same or difflib.get_close_matches(portal, portals, n=1)
    if close:
        return f"there is no portal {portal!r} (did you mean {close[0]!r}?); write {close[0]}/{who}"
    return f"there is no portal {portal!r}; connect it with: leadback portal connect {portal}"


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


def _check_type(
    kind: str, data: Mapping[str, Any], rules: LeadMachine, contacts: ContactIds
) -> Mapping[str, Any]:
    """The data in its normal form."""
    if kind not in rules.rules.events:
        raise NotUnderstoodError(_no_event(kind, rules))
    try:
        if data:
            data = rules.variants.typed(kind, data)
        trigger = rules.trigger_for(kind, data)
    except UnfitError as error:
        raise NotUnderstoodError(f"{kind}: {error}") from error
    except UnknownTriggerError as error:
        raise NotUnderstoodError(str(error)) from error
    for field in rules.required_data(trigger):
        if field not in data:
            raise NotUnderstoodError(f"{kind} has no {field}; put it into data")
        if field == "into" and not contacts.fits(data[field]):
            raise NotUnderstoodError(f"into {data[field]!r} is no CRM id: {contacts.says}")
    return data


def _no_event(kind: str, rules: LeadMachine) -> str:
    if kind.startswith(TIMER_PREFIX):
        return f"{kind!r} is the engine's own; timers cannot be sent"
    near = _nearest(kind, rules.rules.events)
    return f"unknown event type {kind!r}{near}; use an event of the rules"


def _nearest(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
