"""The portal's clock: wall time that a test may set, freeze and let tick on.

Timestamps, token expiry and the daily reset use it; rate windows do so only when asked.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

MILLISECONDS_A_DAY = 86_400_000


def parse_iso(text: str) -> int:
    """Epoch milliseconds of an ISO 8601 time; a time without an offset counts as UTC."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    whole = moment.replace(microsecond=0)
    return int(whole.timestamp()) * 1000 + moment.microsecond // 1000


def format_iso(milliseconds: int) -> str:
    """``2026-11-02T09:14:05.120Z``, the form HubSpot answers with."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC).isoformat()[:19]}.{rest:03d}Z"


class SandboxClock:
    """Now, in epoch milliseconds; starts at the machine's time unless told otherwise."""

    __slots__ = ("_base_ms", "_frozen", "_started")

    def __init__(self, start_ms: int | None = None) -> None:
        self._base_ms = int(time.time() * 1000) if start_ms is None else start_ms
        self._started = time.monotonic()
        self._frozen = False

    @property
    def frozen(self) -> bool:
        return self._frozen

    def now_ms(self) -> int:
        if self._frozen:
            return self._base_ms
        return self._base_ms + int((time.monotonic() - self._started) * 1000)

    def set(self, now_ms: int, *, freeze: bool = False) -> None:
        """Jump to ``now_ms`` (backwards too) and tick on from there, or stand still."""
        self._base_ms = now_ms
        self._started = time.monotonic()
        self._frozen = freeze
