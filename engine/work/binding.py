"""CloudEvents over HTTP and from brokers: structured, binary and batch mode → JSON lines. Pure.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import orjson

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
MAX_BATCH = 1_000
_PREFIX = "ce-"


class UnreadableError(ValueError):
    """The request is no CloudEvent at all. status: the HTTP status that says so."""

    def __init__(self, what: str, status: int = 400) -> None:
        super().__init__(what)
        self.status = status


def read_events(headers: Mapping[str, str], body: bytes) -> list[bytes]:
    """Every event of a request as one JSON line; not checked further. Raises UnreadableError.

    headers: names in lower case.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == BATCH:
        return _batch(body)
    if kind == STRUCTURED:
        return [orjson.dumps(_json(body, "the body"))]
    if f"{_PREFIX}specversion" in headers:
        attributes = {
            name.removeprefix(_PREFIX): unquote(value, errors="replace")
            for name, value in headers.items()
            if name.startswith(_PREFIX)
        }
        return [binary_event(attributes, kind, body)]
    raise UnreadableError(
        f"this is no CloudEvent: send Content-Type {STRUCTURED} (one event), {BATCH} "
        "(an array), or the attributes as ce-… headers",
        415,
    )


def _batch(body: bytes) -> list[bytes]:
    content = _json(body, "the batch")
    if not isinstance(content, list):
        raise UnreadableError("a batch is a JSON array of CloudEvents")
    if len(content) > MAX_BATCH:
        raise UnreadableError(f"a batch has at most {MAX_BATCH:,} events", 413)
    return [orjson.dumps(event) for event in content]


def binary_event(attributes: Mapping[str, str], kind: str, body: bytes) -> bytes:
    """An event whose attributes travel beside its data, as one JSON line. Raises UnreadableError.

    kind: media type of the body, lower case, "" = not said.
    """
    if not body.strip():
        return orjson.dumps(attributes)
    if kind not in ("application/json", "") and not kind.endswith("+json"):
        raise UnreadableError(f"data of type {kind[:80]!r} is not understood; send JSON", 415)
    return orjson.dumps({**attributes, "data": _json(body, "the data")})


def _json(body: bytes, what: str) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise UnreadableError(
            f"{what} is not JSON ({error.msg} at line {error.lineno} column {error.colno})"
        ) from error
