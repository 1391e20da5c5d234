"""Time as a parameter. Inside the engine an instant is an int: milliseconds since 1970, UTC.

Only doors and the worker own a Clock; everything below them is told what time it is.
"""

import time
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Protocol

Millis = int
"""An instant (since the epoch, UTC) or a duration, in milliseconds."""

SECOND: Millis = 1_000
MINUTE: Millis = 60 * SECOND
HOUR: Millis = 60 * MINUTE
DAY: Millis = 24 * HOUR

EARLIEST: Millis = 631_152_000_000
"""1990-01-01T00:00:00Z. No time before it is taken in: no CRM is older, so it is seconds taken for
milliseconds, or another field."""
LATEST: Millis = 4_102_444_800_000
"""2100-01-01T00:00:00Z. No time from it on is taken in."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_PRINTED: Millis = -62_135_596_800_000
_LAST_PRINTED: Millis = 253_402_300_799_999
"""ISO 8601 has four digits for a year: 0001 to 9999."""


class Clock(Protocol):
    """Whoever needs the current instant asks one of these."""

    def now(self) -> Millis: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> Millis:
        return time.time_ns() // 1_000_000


class ShiftedClock:
    """Starts at a given instant and goes on from there: `--clock`."""

    def __init__(self, start: Millis) -> None:
        self._shift = start - SystemClock().now()

    def now(self) -> Millis:
        return SystemClock().now() + self._shift


class ManualClock:
    """A clock that stands still until it is set: tests and replays."""

    def __init__(self, now: Millis) -> None:
        self._now = now

    def now(self) -> Millis:
        return self._now

    def set(self, now: Millis) -> None:
        self._now = now

    def advance(self, by: Millis) -> None:
        self._now += by


def parse_time(text: str) -> Millis:
    """ISO 8601 to an instant. Raises ValueError without an offset, and outside of 1990 to 2099."""
    return parse_moment(text)


def parse_date_or_time(text: str) -> Millis:
    """As parse_time; a bare date means the start of that day in UTC."""
    return parse_moment(text, zone=UTC if len(text) == 10 else None)


def parse_moment(text: str, *, zone: tzinfo | None = None) -> Millis:
    """As parse_time. zone: whose time it is when the text names none; None refuses that."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        if text.isupper() or not text.isascii():
            raise
        moment = datetime.fromisoformat(text.upper())  # RFC 3339, 5.6: t and z may be lower case
    if moment.tzinfo is None:
        if zone is None:
            raise ValueError(f"{text!r} has no time zone; write e.g. 2026-11-02T09:00:00Z")
        moment = moment.replace(tzinfo=zone)
    at = int(moment.timestamp() * 1000 + 0.5)
    if not EARLIEST <= at < LATEST:
        raise ValueError("a time from 1990 to 2099 is expected")
    return at


def format_time(at: Millis) -> str:
    """An instant as ISO 8601 in UTC, with milliseconds only where there are any.

    Never raises: what no calendar has, kept from before times were checked or written by another
    program, reads `time out of range (NUMBER)`.
    """
    if not _FIRST_PRINTED <= at <= _LAST_PRINTED:
        return f"time out of range ({at})"
    moment = _EPOCH + timedelta(milliseconds=at)
    text = moment.isoformat(timespec="milliseconds" if at % 1000 else "seconds")
    return text.replace("+00:00", "Z")
