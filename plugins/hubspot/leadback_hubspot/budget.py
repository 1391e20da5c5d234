"""How fast a portal may be called: paced below HubSpot's limits, adapting to what it reports.

https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines
Turns come from the pace that all workers share; what the limits are now is known here.
"""

import math
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from leadback.api import LeadbackError, Limit, LocalPace, Millis, Pace

WINDOW: Millis = 10_000
SECOND: Millis = 1_000
HOUR: Millis = 3_600_000
AFTER_MIDNIGHT: Millis = 30_000
SMALLEST_BURST = 100
"""Calls in 10 s that every account has; what the account really has is in the first answer."""

SEARCHES = 5
MARGIN: Millis = 300
"""How much unevener calls may arrive than their turns were: half for us, half for the network."""

SEARCH_MARGIN: Millis = 150

A_SECOND = 0.25
"""Part of a window's calls that one second may carry: a burst is quick, but no flood."""


ADDRESSES_SHARE = 0.2
"""Part of the burst's calls that may look up addresses, 100 in each."""

LATENCY: Millis = 500
"""How long HubSpot may take to answer and still be called as often as it allows."""


class Lane(StrEnum):
    """Which limit a call spends. Search and associations have limits of their own."""

    BURST = "burst"
    SEARCH = "search"
    ASSOCIATIONS = "associations"
    ADDRESSES = "addresses"
    """Not HubSpot's: a part of the burst, taken in addition to it. Events with addresses come in
    floods, and must leave the calls that deliver."""


def monotonic() -> Millis:
    return time.monotonic_ns() // 1_000_000


def pause_thread(millis: Millis) -> None:
    time.sleep(millis / 1000)


@dataclass(slots=True)
class _Limit:
    """One lane: HubSpot's number, and what others of the same app seem to use."""

    maximum: int
    others: float = 0.0


@dataclass(slots=True)
class _Daily:
    maximum: int
    remaining: int
    seen_at: Millis


class Budget:
    """One portal's budget. Thread-safe.

    share: of every limit that may be used. pace: gives out the turns. day_left: ms until the
    account's midnight, or None when its time zone is not known yet. clock (monotonic ms) and
    sleep are replaced in tests.
    """

    def __init__(
        self,
        share: float,
        *,
        pace: Pace | None = None,
        day_left: Callable[[], Millis | None] = lambda: None,
        clock: Callable[[], Millis] = monotonic,
        sleep: Callable[[Millis], None] = pause_thread,
    ) -> None:
        self._share, self._day_left = share, day_left
        self._clock, self._sleep = clock, sleep
        self._pace = pace if pace is not None else LocalPace(clock)
        self._lock = threading.Lock()
        self._paused_until: Millis = 0
        self._daily: _Daily | None = None
        self._limits = {
            Lane.BURST: _Limit(SMALLEST_BURST),
            Lane.SEARCH: _Limit(SEARCHES),
            Lane.ASSOCIATIONS: _Limit(SMALLEST_BURST),
        }

    def spend(self, lane: Lane, *, patience: Millis, calls: int = 1) -> Millis:
        """Wait for our turn and take it: 0. Or, when that takes longer than `patience`, take
        nothing and answer the ms until it is worth asking again. Raises LeadbackError when the
        shared pace cannot be asked."""
        until = self._clock() + patience
        while True:
            wait = self._closed()
            if wait <= 0:
                left = max(0, until - self._clock())
                wait = self._pace.take(lane, self._rates(lane), calls=calls, patience=left)
                if wait <= left:
                    self._sleep_for(wait)
                    if self._closed() <= 0:  # nobody was refused while we waited
                        self._count(lane, calls)
                        return 0
                    continue
            if self._clock() + wait > until:
                return wait
            self._sleep_for(wait)

    def observe(self, lane: Lane, headers: Mapping[str, str]) -> None:
        """Learn from an answer's headers (lower-case names)."""
        maximum = _number(headers, "x-hubspot-ratelimit-max")
        remaining = _number(headers, "x-hubspot-ratelimit-remaining")
        if maximum and remaining is not None and lane is not Lane.SEARCH:
            self._adapt(lane, maximum, remaining)
        most = _number(headers, "x-hubspot-ratelimit-daily")
        left = _number(headers, "x-hubspot-ratelimit-daily-remaining")
        if most and left is not None and lane is not Lane.ASSOCIATIONS:  # they have their own day
            with self._lock:
                self._daily = _Daily(most, left, self._clock())

    def pause(self, lane: Lane, after: Millis) -> None:
        """Nobody calls this portal before `after` ms have passed (a 429 came in spite of us)."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + after)
        with suppress(LeadbackError):  # then the others meet the limit themselves
            self._pace.hold(lane, after)

    def nearly_spent(self) -> bool:
        """The day's budget is running low: time to know when the account's day ends."""
        daily = self._daily
        return daily is not None and daily.remaining < daily.maximum * (1.2 - self._share)

    def calls_in_flight(self) -> int:
        """How many callers it takes to use all of what may be called now."""
        limit = self._rates(Lane.BURST)[-1]
        return math.ceil(limit.most * LATENCY / limit.window)

    def figures(self) -> dict[str, int]:
        """Calls per window that each lane may use now: for tests."""
        return {lane: self._rates(lane)[-1].most for lane in self._limits}

    def _rates(self, lane: Lane) -> list[Limit]:
        with self._lock:
            limit = self._limits[Lane.BURST if lane is Lane.ADDRESSES else lane]
            return _rates(lane, limit.maximum, self._share, limit.others)

    def _closed(self) -> Millis:
        """ms until the portal may be called at all."""
        with self._lock:
            now = self._clock()
            if now < self._paused_until:
                return self._paused_until - now
            return self._day_is_spent(now)

    def _count(self, lane: Lane, calls: int) -> None:
        with self._lock:
            if lane not in (Lane.ASSOCIATIONS, Lane.ADDRESSES) and self._daily is not None:
                self._daily.remaining -= calls

    def _sleep_for(self, wait: Millis) -> None:
        if wait > 0:
            self._sleep(wait)

    def _day_is_spent(self, now: Millis) -> Millis:
        """ms to wait when only the others' part of the day's budget is left."""
        daily = self._daily
        if daily is None or daily.remaining > round(daily.maximum * (1 - self._share)):
            return 0
        self._daily = None
        wait = day_wait(self._day_left())
        self._paused_until = now + wait
        return wait

    def _adapt(self, lane: Lane, maximum: int, remaining: int) -> None:
        limit = self._limits[lane]
        try:
            others = max(0, maximum - remaining - self._pace.used(lane, WINDOW))
        except LeadbackError:  # the next answer will tell
            others = round(limit.others)
        with self._lock:
            limit.maximum = maximum
            # Up at once, down slowly: one late answer must not open the tap again.
            down = (3 * limit.others + others) / 4
            limit.others = float(others) if others > limit.others else down


def day_wait(left: Millis | None) -> Millis:
    """How long to keep still when the day is used up: until midnight, asking every hour."""
    return HOUR if left is None else min(left + AFTER_MIDNIGHT, HOUR)


def _rates(lane: Lane, maximum: int, share: float, others: float) -> list[Limit]:
    """The longest window last."""
    if lane is Lane.SEARCH:
        return [Limit(max(1, int(maximum * share)), SECOND + SEARCH_MARGIN)]
    most = max(2, int(maximum * share - round(others)))
    if lane is Lane.ADDRESSES:
        return [Limit(max(1, int(most * ADDRESSES_SHARE)), WINDOW + MARGIN)]
    return [Limit(max(1, int(most * A_SECOND)), SECOND), Limit(most, WINDOW + MARGIN)]


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
