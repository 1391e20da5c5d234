"""Bytes → JSON, or one sentence about what is wrong with them. Pure.

What senders write is read leniently where its meaning is plain: a byte-order mark is skipped, and
half of a surrogate pair (JavaScript's JSON.stringify writes one for a text that was cut between)
becomes U+FFFD. Only what the fast reader refuses is looked at again.
"""

import re
import zlib
from collections.abc import Iterator
from io import BufferedReader
from typing import Any

import orjson

from leadback.base.errors import InputError

BOM = b"\xef\xbb\xbf"
PACKED = ("gzip", "x-gzip")
"""Content encodings that are unpacked."""
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(
    rb"\\(?:(u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""An escape of a JSON text: a whole pair, half of one, or any other."""
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\Z)|[][{},]', re.DOTALL)
_PRUNED = 16
"""Levels that are kept of what is nested too deeply."""


class UnreadableError(ValueError):
    """This is no event at all. status: the HTTP status that says so."""

    def __init__(self, what: str, status: int = 400) -> None:
        super().__init__(what)
        self.status = status


def read_json(raw: bytes, what: str = "this") -> Any:
    """Raises UnreadableError, which names `what` and the place."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        mended = _mended(raw)
        if mended != raw:
            try:
                return orjson.loads(mended)
            except orjson.JSONDecodeError:
                pass  # what it says first is nearer to what was sent
        raise UnreadableError(
            f"{what} is not JSON ({error.msg} at line {error.lineno} column {error.colno})"
        ) from error


def _mended(raw: bytes) -> bytes:
    raw = raw.removeprefix(BOM)
    return _ESCAPE.sub(_whole, raw) if _HALF.search(raw) else raw


def _whole(escape: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if escape[2] else escape[0]


def read_array(raw: bytes, what: str = "the array") -> list[Any] | None:
    """The elements of a JSON array, None when it is something else. Raises UnreadableError.

    One that cannot be read stays bytes: what is wrong with it is no reason to refuse the others.
    """
    try:
        content = read_json(raw, what)
    except UnreadableError:
        parts = _elements(raw.removeprefix(BOM).strip())
        if parts is None:
            raise
        return list(parts)
    return content if isinstance(content, list) else None


def _elements(raw: bytes) -> list[bytes] | None:
    """The texts between the commas of an array; None when its brackets do not match."""
    if raw[:1] != b"[":
        return None
    found: list[bytes] = []
    depth = begin = 0
    for token in _TOKEN.finditer(raw):
        mark = token[0]
        if mark in (b"[", b"{"):
            depth += 1
            begin = begin or token.end()
        elif mark in (b"]", b"}"):
            depth -= 1
            if depth == 0:
                found.append(raw[begin : token.start()].strip())
                return found if mark == b"]" and token.end() == len(raw) else None
        elif mark == b"," and depth == 1:
            found.append(raw[begin : token.start()].strip())
            begin = token.end()
    return None


def written(content: Any) -> bytes:
    """JSON as a person may look at it; of what is nested too deeply only the upper levels."""
    try:
        return orjson.dumps(content)
    except (TypeError, RecursionError):
        return orjson.dumps(_pruned(content, _PRUNED), default=repr)


def as_bytes(incoming: Any) -> bytes:
    """An event as it came, or as it can be tried again: bytes, or what JSON made of them."""
    return incoming if isinstance(incoming, bytes) else written(incoming)


def _pruned(value: Any, levels: int) -> Any:
    if not isinstance(value, dict | list):
        return value
    if levels == 0:
        return "…"
    if isinstance(value, dict):
        return {str(key): _pruned(inner, levels - 1) for key, inner in value.items()}
    return [_pruned(inner, levels - 1) for inner in value]


def unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    """A body as its Content-Encoding says, of at most `limit` bytes. Raises UnreadableError."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    if name not in PACKED:
        raise UnreadableError(f"Content-Encoding {name[:40]!r} is not understood; send gzip", 415)
    found, rest = b"", body
    try:
        while rest:
            reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            found += reader.decompress(rest, limit + 1 - len(found))
            if len(found) > limit:
                raise UnreadableError(f"the body unpacks to more than {limit:,} bytes", 413)
            if not reader.eof:
                raise UnreadableError("the body's gzip ends too early")
            rest = reader.unused_data
    except zlib.error as error:
        raise UnreadableError(f"the body is no gzip ({error})") from error
    return found


def check_text(head: bytes, name: str) -> None:
    """head: the beginning of a file. Raises InputError for one that is no UTF-8 text."""
    if head.startswith(b"\x1f\x8b"):
        what, fix = "a gzip file", "unpack it: gunzip -c FILE | leadback events add -"
    elif head.startswith((b"\xff\xfe", b"\xfe\xff")):
        what, fix = "UTF-16", "save it as UTF-8"
    elif b"\0" in head:
        what, fix = "a binary file", "give CloudEvents as JSON"
    else:
        return
    raise InputError(f"this is {what}", where=name, fix=fix)


def bounded_lines(stream: BufferedReader, longest: int) -> Iterator[tuple[int, bytes]]:
    """Numbered lines; of one that is too long only the beginning."""
    number = 0
    limit = longest + 1
    while line := stream.readline(limit):
        number += 1
        whole = line.endswith(b"\n")
        yield number, line
        while not whole and (rest := stream.readline(limit)):
            whole = rest.endswith(b"\n")
