"""One message of a broker → the events in it, or why there are none. Never an exception: nobody
would acknowledge the message, and the broker would hand it over for ever.

RabbitMQ: attributes as headers `cloudEvents:NAME` or `cloudEvents_NAME`
(https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/amqp-protocol-binding.md);
`ce-NAME` and `ce_NAME`, as HTTP and Kafka spell them, are understood too. Redis has no binding of
its own: an entry of a stream holds one field `event`, or `ce-…` fields and `data`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from leadback.base.reading import PACKED, UnreadableError, unpacked, written
from leadback.work.binding import BATCH, STRUCTURED, Incoming, binary_event, read_events

log = structlog.get_logger()

_PREFIXES = ("cloudevents:", "cloudevents_", "ce-", "ce_")


@dataclass(frozen=True, slots=True)
class Message:
    """What one message holds. events: not checked. refused: (raw, why), or None."""

    events: tuple[Incoming, ...] = ()
    refused: tuple[bytes, str] | None = None


MAX_BODY = 2_000_000
"""Bytes of a body that came packed."""


def from_rabbitmq(
    headers: Mapping[str, Any], content_type: str | None, body: bytes, encoding: str | None = None
) -> Message:
    """An AMQP message. headers: its header table, with values as the driver decodes them."""
    return _read(lambda: _from_rabbitmq(headers, content_type, body, encoding), body)


def from_redis(fields: Mapping[bytes, bytes]) -> Message:
    """An entry of a stream."""
    return _read(lambda: _from_redis(fields), b" ".join(filter(_is_bytes, fields.values())))


def _read(read: Callable[[], Message], body: bytes) -> Message:
    """body: what is kept of a message that the program itself fails on."""
    try:
        return read()
    except Exception as error:
        log.exception("a message could not be read", action="consume")
        name = type(error).__name__
        why = f"the program failed on the message ({name}); its log says where"
        return Message(refused=(body if _is_bytes(body) else b"", why))


def _is_bytes(value: object) -> bool:
    return isinstance(value, bytes)


def _from_rabbitmq(
    headers: Mapping[str, Any], content_type: str | None, body: bytes, encoding: str | None
) -> Message:
    attributes = _attributes(headers)
    try:
        body = unpacked(body, encoding if encoding in PACKED else "", MAX_BODY)
    except UnreadableError as error:
        return Message(refused=(_raw(attributes, body), str(error)))
    return _message(attributes, content_type or "", body, raw=_raw(attributes, body))


def _from_redis(fields: Mapping[bytes, bytes]) -> Message:
    named = {name.decode("utf-8", "replace"): value for name, value in fields.items()}
    if "event" in named:
        return _message({}, "", named["event"], raw=named["event"])
    attributes = _attributes(named)
    if not attributes:
        shown = ", ".join(sorted(named))[:80]
        reason = f"the entry has the fields {shown}; send one field event, or ce-… and data"
        return Message(refused=(_raw(named, b""), reason))
    kind = named.get("content-type", b"").decode("utf-8", "replace")
    body = named.get("data", b"")
    return _message(attributes, kind, body, raw=_raw(attributes, body))


def _message(attributes: Mapping[str, str], content_type: str, body: bytes, raw: bytes) -> Message:
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind not in (BATCH, STRUCTURED) and "specversion" in attributes:
            return Message((binary_event(attributes, kind, body),))
        if not body.strip():
            raise UnreadableError("the message is empty; send one CloudEvent")
        events = read_events({"content-type": kind if kind == BATCH else STRUCTURED}, body)
        return Message(tuple(events))
    except UnreadableError as error:
        return Message(refused=(raw, str(error)))


def _attributes(headers: Mapping[str, Any]) -> dict[str, str]:
    return {
        name[len(prefix) :].lower(): _text(value)
        for name, value in headers.items()
        for prefix in _PREFIXES
        if name.lower().startswith(prefix)
    }


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | dict):  # no attribute has such a value
        return ""
    if isinstance(value, datetime):  # AMQP has timestamps; ours are UTC
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).isoformat()
    return str(value).encode("utf-8", "replace").decode()


def _raw(attributes: Mapping[str, Any], body: bytes) -> bytes:
    """What is kept of a message that is refused."""
    if not attributes:
        return body
    shown = {name: _text(value) for name, value in attributes.items()}
    return written({**shown, "data": body.decode("utf-8", "backslashreplace")})
