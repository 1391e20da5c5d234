"""When people act and when events arrive: in clusters, so that the day has few steps.

The first day is busy: people act on whole quarter hours, events arrive all the time. In the three
weeks after it, people act at a few instants, and events arrive within the hour after each.
"""

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

OPENS = int(datetime(2026, 11, 2, 8, tzinfo=UTC).timestamp()) * SECOND
CLOSES = OPENS + 10 * HOUR
WINDOW = 50 * MINUTE

LEAVERS_GO = (OPENS + 2 * HOUR + 30 * MINUTE, OPENS + 4 * HOUR + 30 * MINUTE)
"""At these instants an owner is deactivated, and nobody does anything else."""

_LATER_HOURS = {1: (9, 11, 13, 15, 17), 2: (9, 14)}
_LATER_DAYS = (1, 2, 3, 4, 7, 8, 9, 10, 11, 14, 15, 16, 17, 18)
"""Days after the first one; the weekends are quiet."""


def _tail() -> list[int]:
    midnight = OPENS - 8 * HOUR
    return [
        midnight + day * DAY + hour * HOUR
        for day in _LATER_DAYS
        for hour in _LATER_HOURS.get(day, (9,))
    ]


TAIL = _tail()
INSTANTS = [
    at for at in range(OPENS, CLOSES + 1, 15 * MINUTE) if at not in LEAVERS_GO
] + TAIL  # fmt: skip


def next_instant(after: int) -> int:
    """The first instant after this one at which people act."""
    return INSTANTS[bisect_right(INSTANTS, after)]


def next_arrival(at: int, spread: int) -> int:
    """When an event that could arrive now does; outside of hours, `spread` into the next window."""
    if OPENS < at < CLOSES:
        return at
    window = bisect_left(TAIL, at)
    if window and at < TAIL[window - 1] + WINDOW:
        return at
    return TAIL[window] + spread


def day(number: int, hour: int = 0, minute: int = 0) -> int:
    """An instant so many days after the first one (day 0), at this time of day, UTC."""
    return OPENS - 8 * HOUR + number * DAY + hour * HOUR + minute * MINUTE


def iso(at: int) -> str:
    """Seconds, or milliseconds where there are any, in UTC."""
    moment = datetime.fromtimestamp(at / 1000, tz=UTC)
    text = moment.isoformat(timespec="milliseconds" if at % 1000 else "seconds")
    return text.replace("+00:00", "Z")
