"""CloudEvents over HTTP and from brokers: structured, binary and batch mode → events. Pure.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from leadback.base.reading import UnreadableError, read_array, read_json

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
MAX_BATCH = 1_000
_PREFIX = "ce-"
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

Incoming = Any
"""One event that is not checked: what JSON made of it, or bytes that are still to be read."""


def read_events(headers: Mapping[str, str], body: bytes) -> list[Incoming]:
    """Every event of a request; not checked further. Raises UnreadableError.

    headers: names in lower case.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == BATCH:
        return _batch(body)
    if kind == STRUCTURED:
        return [read_json(body, "the body")]
    if f"{_PREFIX}specversion" in headers:
        attributes = {
            name.removeprefix(_PREFIX): _header_value(value)
            for name, value in headers.items()
            if name.startswith(_PREFIX)
        }
        return [binary_event(attributes, kind, body)]
    raise UnreadableError(
        f"this is no CloudEvent: send Content-Type {STRUCTURED} (one event), {BATCH} "
        "(an array), or the attributes as ce-… headers",
        415,
    )


def _header_value(value: str) -> str:
    """As 3.1.3.2 of the binding says: double quotes off, then percent-decoded, once."""
    quoted = _QUOTED.fullmatch(value.strip())
    if quoted is not None:
        value = _ESCAPED.sub(r"\1", quoted[1])
    return unquote(value, errors="replace")


def _batch(body: bytes) -> list[Incoming]:
    content = read_array(body, "the batch")
    if content is None:
        raise UnreadableError("a batch is a JSON array of CloudEvents")
    if len(content) > MAX_BATCH:
        raise UnreadableError(f"a batch has at most {MAX_BATCH:,} events", 413)
    return content


def binary_event(attributes: Mapping[str, str], kind: str, body: bytes) -> dict[str, Any]:
    """An event whose attributes travel beside its data. Raises UnreadableError.

    kind: media type of the body, lower case, "" = not said.
    """
    if not body.strip():
        return dict(attributes)
    if not is_json(kind):
        raise UnreadableError(f"data of type {kind[:80]!r} is not understood; send JSON", 415)
    return {**attributes, "data": read_json(body, "the data")}


def is_json(kind: str) -> bool:
    """Whether a media type says JSON, as none does. kind: lower case, without parameters."""
    return kind in ("", "application/json", "text/json") or kind.endswith("+json")
