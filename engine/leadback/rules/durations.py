"""Durations as people write them: 30s 15m 24h 7d."""

import re

from leadback.base.clock import DAY, HOUR, MINUTE, SECOND, Millis

PATTERN = r"[1-9][0-9]{0,5}[smhd]"
_DURATION = re.compile(PATTERN)
_UNITS = (("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND))


def parse_duration(text: str) -> Millis | None:
    """Milliseconds; None when it is not a whole number from 1 to 999999 and a unit."""
    if not _DURATION.fullmatch(text):
        return None
    return int(text[:-1]) * dict(_UNITS)[text[-1]]


def format_duration(duration: Millis) -> str:
    """In the largest unit that fits without a rest. Raises ValueError below a second's grain."""
    for unit, size in _UNITS:
        if duration % size == 0 and duration > 0:
            return f"{duration // size}{unit}"
    raise ValueError(f"{duration} ms is not a whole number of seconds")
